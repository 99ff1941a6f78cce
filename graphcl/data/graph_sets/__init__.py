"""Sets of labelled graphs: readers, checks, packing."""
