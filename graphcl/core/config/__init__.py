"""Recipes: YAML 1.2 with positions -> one canonical tree -> all problems at once."""
