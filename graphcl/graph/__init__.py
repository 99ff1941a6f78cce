"""Builders (raw data -> graphs) and propagation operators."""
