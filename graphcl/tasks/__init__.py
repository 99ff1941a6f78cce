"""Tasks: how examples are batched and how what was learned is judged."""
