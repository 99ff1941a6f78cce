"""Anchors without a partner: counted in every step, told where there are some."""

from __future__ import annotations

from collections.abc import Mapping

from graphcl.objective.base import Anchored, Term

#: What was asked for partners -> [anchors that had none, anchors].
Counts = dict[str, list[int]]


def add(counts: Counts, what: str, without: int, total: int) -> None:
    """Add to the counts of ``what``."""
    found = counts.setdefault(what, [0, 0])
    found[0] += without
    found[1] += total


def add_term(counts: Counts, label: str, term: Term, groups: list[Anchored]) -> None:
    """Add the anchors that a term left out of its values."""
    for group in groups:
        # Without a table of weights the weight of an anchor is how often it occurred.
        counted = group.weight is not None and term.weights is None
        values = int(group.weight.sum()) if counted and group.weight is not None else group.values.numel()
        add(counts, f"term {label}", group.left_out, values + group.left_out)


def shares(counts: Mapping[str, list[int]]) -> dict[str, float]:
    """The share without a partner, of those that had some without."""
    return {what: without / total for what, (without, total) in counts.items() if without}


def sentence(found: Mapping[str, float]) -> str:
    """What a person is told of :func:`shares`.

    >>> sentence({"view b": 0.25, "term info_nce": 1.0})
    'anchors without a partner: 25.0 % (view b: they stand for themselves), 100.0 % (term info_nce: left out)'
    """
    ends = {"view": "they stand for themselves", "term": "left out"}
    told = [f"{100 * share:.1f} % ({what}: {ends[what.split()[0]]})" for what, share in found.items()]
    return f"anchors without a partner: {', '.join(told)}"
