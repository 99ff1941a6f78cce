"""Encoders and heads: a view becomes nodes, layers and graphs."""
