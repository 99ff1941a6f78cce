"""Root cause analysis: which service and metric an incident began with, from a table of metrics."""
