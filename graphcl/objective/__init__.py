"""Kernels, terms, regularizers and states."""
