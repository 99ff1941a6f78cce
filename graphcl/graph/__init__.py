"""Graphs, their builders and what is propagated with; graphs of networkx and DGL are taken by :func:`as_graph`."""

from __future__ import annotations

from graphcl.graph.convert import as_graph, from_networkx, is_graph, to_networkx

__all__ = ["as_graph", "from_networkx", "is_graph", "to_networkx"]
