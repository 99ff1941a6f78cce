"""States: what a rule changes, not the gradient."""
