"""Tables of metrics over time, and series whose causal graph is known."""
