"""Probes judge frozen embeddings with a simple classifier."""
