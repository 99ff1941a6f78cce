"""Images as graphs of patches: readers, checks, the data part."""
