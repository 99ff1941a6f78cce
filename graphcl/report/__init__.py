"""Results as tables, pictures and text."""
