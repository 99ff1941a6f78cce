"""One long series as a set of windows: reading, parts in time, the data part."""
