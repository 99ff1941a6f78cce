"""Node-labelled graphs: readers, checks, splits."""
