"""graphcl: contrastive learning where everything is a graph."""

__version__ = "0.1.0"
