"""Distances of latents that grow with the number of edits, and stay below those to other graphs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Address, NonNegative
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.kernels import widen


def proportion(distance: Tensor, edits: Tensor) -> Tensor:
    """Mean over pairs i < j of ``(d_i / e_i - d_j / e_j)^2`` of each row; 0 without a pair that was edited.

    Args:
        distance: [B, k] between original and view.
        edits: [B, k]; a view of no edits is in no pair.

    Returns:
        [B].

    >>> proportion(torch.tensor([[2.0, 6.0]]), torch.tensor([[2.0, 3.0]]))
    tensor([1.])
    """
    i, j = torch.triu_indices(edits.shape[1], edits.shape[1], 1, device=edits.device)
    there = ((edits[:, i] > 0) & (edits[:, j] > 0)).to(distance.dtype)
    share = distance / edits.clamp_min(1.0)
    return ((share[:, i] - share[:, j]).square() * there).sum(1) / there.sum(1).clamp_min(1.0)


def beyond_margin(distance: Tensor, originals: Tensor, margin: float) -> Tensor:
    """Mean over views i and other originals of ``max(0, margin + d_i - d(G, G'))``; 0 for a single original.

    Args:
        distance: [B, k] between original and view.
        originals: [B, B] between originals.
        margin: How much farther the others have to be.

    Returns:
        [B].
    """
    others = 1 - torch.eye(len(originals), dtype=originals.dtype, device=originals.device)
    hinge = (margin + distance[:, :, None] - originals[:, None, :]).clamp_min(0) * others[:, None, :]
    return hinge.sum((1, 2)) / max(distance.shape[1] * (len(originals) - 1), 1)


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean, of rows; the root has a gradient at 0."""
    return (x - y).square().sum(-1).clamp_min(1e-12).sqrt()


@register(
    "term", "edit_distance",
    example={"original": "a.nodes[batch]", "changed": ["b.nodes[batch]", "c.nodes[batch]"], "views": ["b", "c"]},
)  # fmt: skip
class EditDistance(Term):
    """``proportion + margin_weight * margin`` (D-SLA, Kim, Baek, Hwang, NeurIPS 2022, eq. 5 and 6).

    Distances from an original to its views are in proportion to their edits, which `edit_edges` counted, and smaller
    by a margin than those to the other originals of the batch.
    """

    combine = "gather"

    def __init__(  # noqa: D417 - Term documents the common options
        self,
        original: Address,
        changed: list[Address],
        views: list[str],
        margin: NonNegative = 5.0,
        margin_weight: NonNegative = 0.5,
        **common: Any,
    ) -> None:
        """
        Args:
            original: Latents of the originals.
            changed: Latents of each perturbed view of them, in the same order.
            views: Names of these views.
            margin: How much farther other originals have to be.
            margin_weight: Of the margin, beside the proportion.
        """
        super().__init__(**common)
        if len(changed) != len(views):
            raise UserError(f"edit_distance: {len(changed)} latents and {len(views)} views; name the view of each")
        self.original, self.changed, self.views = original, changed, views
        self.margin, self.margin_weight = margin, margin_weight

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per original."""
        first = flow.rows(at_type(self.original, node_type))
        x, apart, edits = widen(first.values), [], []
        for address, view in zip(self.changed, self.views, strict=True):
            rows, known = flow.rows(at_type(address, node_type)), flow.view(view).graph.get("edits")
            if known is None:
                raise UserError(f"edit_distance: view '{view}' has no edit_edges, so edits are not known")
            edits.append(known if rows.index is None else known.index_select(0, rows.index))
            apart.append(distances(x, widen(rows.values)))
        distance, count = torch.stack(apart, dim=1), torch.stack(edits, dim=1).to(x.dtype)
        margin = beyond_margin(distance, distances(x[:, None], x[None]), self.margin)
        values = proportion(distance, count) + self.margin_weight * margin
        weight = self.anchor_weight(flow, node_type, first.ids, values.new_ones(len(values)))
        return Anchored(values * weight, weight, first.ids)
