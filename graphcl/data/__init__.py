"""Readers, cards, download, filters and splits."""
