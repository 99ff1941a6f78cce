"""What heads and latents are applied to: nodes, graphs, or one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphcl.core.config.tree import Tree

#: What a tower gives that a head can be applied to.
ROOTS = ("nodes", "graphs")
#: All that a tower gives, as an address says it.
LEVELS = (*ROOTS, "layers", "messages")
GROUPS = ("heads", "latents")


def of(tree: Mapping[str, Any], level: str) -> str:
    """What a head or latent is applied to; "" for anything else."""
    for group in GROUPS:
        spec = (tree.get(group) or {}).get(level)
        if spec is not None:
            return str(spec.get("of", "nodes"))
    return ""


def stands_on(tree: Mapping[str, Any], level: str) -> list[str]:
    """The chain of what a level is applied to, nearest first; ends before what comes a second time."""
    chain: list[str] = []
    below = of(tree, level)
    while below and below not in chain:
        chain.append(below)
        below = of(tree, below)
    return chain


def in_order(tree: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(group, name) of every head and latent, each after what it is applied to."""
    named = [(group, name) for group in GROUPS for name in tree.get(group) or {}]
    return sorted(named, key=lambda item: len(stands_on(tree, item[1])))


def applicable(tree: Tree, level: str) -> list[str]:
    """What a head or latent can be applied to: whatever is not applied to it in turn."""
    others = [name for group in GROUPS for name in tree.get(group) or {}]
    return [*ROOTS, *(name for name in others if name != level and level not in stands_on(tree, name))]
