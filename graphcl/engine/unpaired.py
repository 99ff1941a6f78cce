"""What a step could not do for some of its rows: counted in every step, told where there are some."""

from __future__ import annotations

from collections.abc import Mapping

from graphcl.objective.base import Anchored, Term

#: What was asked for partners -> [anchors that had none, anchors]; ``chains VIEW`` -> [chains that an augmenter of the
#: view left as they were, being too short, chains].
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
    """The share without, of those that had some without."""
    return {what: without / total for what, (without, total) in counts.items() if without}


def sentence(found: Mapping[str, float]) -> str:
    """What a person is told of :func:`shares`.

    >>> sentence({"view b": 0.25, "term info_nce": 1.0})
    'anchors without a partner: 25.0 % (view b: they stand for themselves), 100.0 % (term info_nce: left out)'
    >>> sentence({"chains a": 0.125})
    'chains too short for an augmenter: 12.5 % (view a: left as they are)'
    """
    ends = {"view": "they stand for themselves", "term": "left out", "chains": "left as they are"}
    titles = {"anchors without a partner": ("view", "term"), "chains too short for an augmenter": ("chains",)}
    told = []
    for title, kinds in titles.items():
        some = [
            f"{100 * share:.1f} % ({what.replace('chains', 'view')}: {ends[what.split()[0]]})"
            for what, share in found.items()
            if what.split()[0] in kinds
        ]
        told += [f"{title}: {', '.join(some)}"] if some else []
    return "; ".join(told)
