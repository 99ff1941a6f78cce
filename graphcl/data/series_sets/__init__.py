"""Sets of series as chains: readers, cleaning, the data part."""
