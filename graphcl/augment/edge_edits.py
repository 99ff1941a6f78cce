"""Edits of links: which candidates are drawn in a step, what becomes of them, and controls of equal size.

A link is an unordered pair of nodes, so that an edit changes both directions; self-loops are no links. Pairs are
numbers (:func:`graphcl.graph.link_candidates.pair_numbers`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphcl.augment.new_edges import append_edges
from graphcl.augment.rebuild import edge_stores, select_edges, uniform
from graphcl.data.graphs.links import sample_non_edges
from graphcl.encode.base import Graph
from graphcl.graph.link_candidates import pair_numbers, pairs_of, places_within

#: Candidates that a node draws in a step, at most.
MOST = 10


@dataclass(frozen=True, eq=False)
class Proposals:
    """Candidates of nodes; the two nodes of a pair may both have it.

    Attributes:
        owner: [Q] whose candidate, ascending.
        pair: [Q] the pair.
        approved: [Q] bool, whether the pair should be a link; equal where the pair is.
    """

    owner: Tensor
    pair: Tensor
    approved: Tensor

    @classmethod
    def of(cls, owner: Tensor, pair: Tensor, approved: Tensor) -> Proposals:
        """In the order of their owners."""
        order = owner.argsort(stable=True)
        return cls(*(part.index_select(0, order) for part in (owner, pair, approved)))

    def drawn(self, share: float, degree: Tensor, generator: torch.Generator) -> Tensor:
        """[Q] bool: of each node ``min(10, round(share * degree))`` of its candidates, drawn uniformly."""
        chance = uniform(len(self.owner), self.owner, generator)
        order = chance.argsort(stable=True)
        order = order.index_select(0, self.owner.index_select(0, order).argsort(stable=True))
        place = torch.empty_like(order).index_copy_(0, order, places_within(self.owner, len(degree)))
        wanted = (share * degree.double()).round().clamp_max(MOST)
        return place < wanted.index_select(0, self.owner)


@dataclass(frozen=True, eq=False)
class Edit:
    """Pairs, each once: links that go, and links that come."""

    removed: Tensor
    added: Tensor


@dataclass(frozen=True, eq=False)
class EditPlan:
    """What the edits of a graph are drawn from.

    Attributes:
        num_nodes: N.
        drop: Links that the features speak against; approved ones may stay.
        add: Pairs without a link that the features speak for; approved ones may become links.
        degree: [N] links of each node.
        links: All pairs with a link.
        never: Pairs that no edit may touch: links held out of training, and the pairs they are told from.
    """

    num_nodes: int
    drop: Proposals
    add: Proposals
    degree: Tensor
    links: Tensor
    never: Tensor

    def draw(self, p_drop: float, p_add: float, *, keep_undrawn: bool, generator: torch.Generator) -> Edit:
        """The edit of a step: drawn candidates come to what was decided of them.

        Args:
            p_drop: Candidates for removal that a node draws, as a share of its links.
            p_add: Candidates for addition, alike.
            keep_undrawn: Whether a candidate for removal that nobody drew stays; else all go but the drawn that are
                approved, as the paper's code intends.
            generator: Source of the draws.
        """
        drawn = self.drop.drawn(p_drop, self.degree, generator)
        if keep_undrawn:
            removed = self.drop.pair[drawn & ~self.drop.approved].unique()
        else:
            stay = self.drop.pair[drawn & self.drop.approved]
            removed = self.drop.pair[~torch.isin(self.drop.pair, stay)].unique()
        come = self.add.drawn(p_add, self.degree, generator) & self.add.approved
        return Edit(removed, self.add.pair[come].unique())

    def unconfirmed(self, size: Edit, *, generator: torch.Generator) -> Edit:
        """As many candidates as ``size`` has, whatever was decided of them: the control of the decision."""
        return Edit(
            _some(self.drop.pair.unique(), len(size.removed), generator),
            _some(self.add.pair.unique(), len(size.added), generator),
        )

    def anywhere(self, size: Edit, *, generator: torch.Generator) -> Edit:
        """As many links and pairs without one as ``size`` has, uniform over the graph: the control of candidates."""
        pairs = pairs_of(torch.cat([self.links, self.never]), self.num_nodes)
        both = torch.cat([pairs, pairs.flip(0)], dim=1)
        strangers = sample_non_edges(both, self.num_nodes, len(size.added), generator=generator)
        return Edit(_some(self.links, len(size.removed), generator), pair_numbers(strangers, self.num_nodes))


def _some(pairs: Tensor, count: int, generator: torch.Generator) -> Tensor:
    return pairs.index_select(0, torch.randperm(len(pairs), generator=generator)[:count])


def apply_edit(graph: Graph, edit: Edit, *, generator: torch.Generator) -> Graph:
    """The graph without the links that go and with those that come, both directions of each.

    A new edge has the weight and attributes of an edge drawn at random; to a graph without an edge none is added. Links
    that an earlier augmenter took away, or put there, are not counted twice.

    Args:
        graph: With one type of nodes and edges.
        edit: Pairs of its nodes.
        generator: Draws the edges that new ones are modelled on.
    """
    (store,) = edge_stores(graph)
    edges: Tensor = store.edge_index
    count = int(graph.num_nodes or 0)
    removed, added = edit.removed.to(edges.device), edit.added.to(edges.device)
    fresh = added[~torch.isin(added, pair_numbers(edges, count))] if edges.numel() else added[:0]
    pairs = pairs_of(fresh, count)
    model = (uniform(pairs.shape[1], edges, generator) * edges.shape[1]).long().clamp_max(max(edges.shape[1] - 1, 0))
    result = append_edges(graph, {id(store): (torch.cat([pairs, pairs.flip(0)], dim=1), torch.cat([model, model]))})
    (store,) = edge_stores(result)
    now: Tensor = store.edge_index
    return select_edges(result, [~torch.isin(pair_numbers(now, count), removed) | (now[0] == now[1])])
