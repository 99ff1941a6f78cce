"""Sets of brain scans: regions over time, made graphs of connectivity."""
