"""Whether texts agree that two nodes belong together, without a language model: by the key phrases that both have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphcl.data.graphs.labelled import NodeGraph
from graphcl.data.graphs.links import Links, sample_non_edges
from graphcl.graph.link_candidates import undirected_pairs
from graphcl.llm.offline import jaccard, key_phrases_of

#: Links of the graph itself that choose the threshold where none are held out, at most: a tenth of them, and so many.
OWN_SHARE, OWN_MOST = 0.1, 2000


@dataclass(frozen=True)
class Threshold:
    """The smallest agreement that is approved, and what it was chosen on.

    Attributes:
        value: Of the Jaccard index.
        links: Share of the links that it approves.
        non_links: Share of the pairs without a link that it approves.
        chosen_on: In words.
    """

    value: float
    links: float
    non_links: float
    chosen_on: str


def agreement(phrases: Sequence[Sequence[str]], pairs: Tensor) -> Tensor:
    """[P] the Jaccard index of the words of key phrases of the two nodes of each pair [2, P]."""
    found = [jaccard(phrases[one], phrases[other]) for one, other in pairs.t().tolist()]
    return torch.tensor(found, dtype=torch.float64)


def all_key_phrases(texts: Sequence[str]) -> list[list[str]]:
    """Of each text; equal ones are read once."""
    different = list(dict.fromkeys(texts))
    known = dict(zip(different, key_phrases_of(different), strict=True))
    return [known[text] for text in texts]


def choose_threshold(links: Tensor, non_links: Tensor) -> float:
    """The value that tells links from other pairs best: by the mean of the shares of both that it puts right.

    Args:
        links: [L] agreement of pairs with a link.
        non_links: [M] of pairs without one.

    Returns:
        In the middle between two values that occur (so that no rounding decides); of equally good ones the smallest.

    >>> choose_threshold(torch.tensor([0.2, 0.4, 0.6]), torch.tensor([0.0, 0.0, 0.2])) - 0.3 < 1e-9
    True
    """
    values = torch.cat([links, non_links]).unique()
    between = torch.cat([values[:1], (values[1:] + values[:-1]) / 2])
    kept = (links[None] >= between[:, None]).double().mean(1)
    refused = (non_links[None] < between[:, None]).double().mean(1)
    return float(between[int((kept + refused).argmax())])


def validated_threshold(
    data: NodeGraph, phrases: Sequence[Sequence[str]], *, generator: torch.Generator
) -> Threshold:
    """The threshold that tells validation links from pairs without one; test links are not looked at.

    Where no links are held out, links of the graph itself are drawn, and as many pairs without one: agreement of texts
    does not depend on links, so nothing is learned from what it is chosen on.
    """
    if data.links is not None:
        chosen, what = data.links.valid, "the validation links"
    else:
        chosen, what = _own_links(data, generator), "links of the graph itself, of which none are held out"
    links, non_links = agreement(phrases, chosen.edges), agreement(phrases, chosen.non_edges)
    value = choose_threshold(links, non_links)
    kept, wrong = (round(float((part >= value).double().mean()), 4) for part in (links, non_links))
    return Threshold(value, kept, wrong, f"{what}: {len(links):,}, and {len(non_links):,} pairs without one")


def _own_links(data: NodeGraph, generator: torch.Generator) -> Links:
    count = int(data.graph.num_nodes or 0)
    pairs = undirected_pairs(data.graph.edge_index, count)
    free = count * (count - 1) // 2 - pairs.shape[1]
    number = min(max(round(OWN_SHARE * pairs.shape[1]), min(pairs.shape[1], 10)), OWN_MOST, free)
    drawn = torch.randperm(pairs.shape[1], generator=generator)[:number]
    both = torch.cat([pairs, pairs.flip(0)], dim=1)
    none = sample_non_edges(both, count, number, generator=generator)
    return Links(pairs.index_select(1, drawn), none)
