"""The lowest layer: registry, errors, seeds, options and configuration. Imports no torch."""
