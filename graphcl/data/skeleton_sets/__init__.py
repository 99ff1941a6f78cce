"""Sets of skeletons: joints over time."""
