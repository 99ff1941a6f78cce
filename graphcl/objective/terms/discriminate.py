"""Discrimination: tell which summary a local row belongs to."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphcl.core.errors import UserError
from graphcl.core.options import Addresses
from graphcl.core.registry import register
from graphcl.encode.weights import uniform
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.kernels import widen


def discriminate(
    x: Tensor,
    summary: Tensor,
    member: Tensor | None = None,
    negatives: Tensor | None = None,
    weight: Tensor | None = None,
) -> Tensor:
    """``softplus(-D(x_i, s_g(i)))`` plus ``softplus`` of the negative pairs' scores: binary cross-entropy on true
    and false pairs (Velickovic et al. 2019, eq. 1), the Jensen-Shannon estimator of Sun et al. (2020, eq. 4).

    Args:
        x: [B, d] local rows.
        summary: [G, s], one row a graph.
        member: [B] the row of ``summary`` that each local belongs to; None where G is 1.
        negatives: [B, d] a false local beside each true one, paired with the same summary. None: the false pairs of a
            local are those with the other summaries, and their mean is taken (0 where G is 1).
        weight: [d, s] of the bilinear ``D(x, s) = x W s``; None for the inner product.

    Returns:
        [B], at least float32. The mean over locals is the mean over true pairs plus that over false ones.

    Example:
        >>> discriminate(torch.zeros(1, 2), torch.ones(1, 2), negatives=torch.zeros(1, 2))
        tensor([1.3863])
    """
    x, keys = widen(x), widen(summary if weight is None else summary @ weight.T)  # keys [G, d]
    if negatives is None:
        scores = x @ keys.T  # [B, G]
        own = torch.zeros(x.shape[0], dtype=torch.int64, device=x.device) if member is None else member
        false = F.softplus(scores).scatter(1, own[:, None], 0.0).sum(1) / max(keys.shape[0] - 1, 1)
        return F.softplus(-scores.gather(1, own[:, None]).squeeze(1)) + false
    if member is None:
        true, false = x @ keys[0], widen(negatives) @ keys[0]
    else:
        own_key = keys.index_select(0, member)
        true, false = (x * own_key).sum(1), (widen(negatives) * own_key).sum(1)
    return F.softplus(-true) + F.softplus(false)


@register(
    "term",
    "discriminate",
    example={"local": "a.nodes[batch]", "summary": "a.graphs", "negatives": "corrupted.nodes[batch]"},
)
class Discriminate(Term):
    """A discriminator between true and false (local, summary) pairs.

    - DGI (Velickovic et al., ICLR 2019): ``negatives`` are the nodes of a corrupted view.
    - MVGRL (Hassani and Khasahmadi, ICML 2020): lists; the nodes of each view beside the summary of the other.
    - InfoGraph (Sun et al., ICLR 2020): nodes and graphs of a batch, no ``negatives``, ``readout: none`` and
      ``discriminator: dot``; never more than a [nodes, graphs] matrix.
    """

    def __init__(  # noqa: D417 - Term documents the common options
        self,
        local: Addresses,
        summary: Addresses,
        negatives: Addresses | None = None,
        discriminator: Literal["bilinear", "dot"] = "bilinear",
        readout: Literal["sigmoid", "none"] = "sigmoid",
        *,
        width_of: Callable[[str], int],
        generator: torch.Generator,
        **common: Any,
    ) -> None:
        """
        Args:
            local: Rows that belong to a summary; a list is taken item by item with that of `summary`.
            summary: Their summaries, as `a.graphs` of a tower with pooling.
            negatives: False locals of the same summaries, one beside each local; empty: the false pairs of a local are
                those with the other summaries of the batch.
            discriminator: `bilinear` learns D(x, s) = x W s; `dot` is the inner product.
            readout: What is made of a summary first: its sigmoid (DGI), or nothing.
            width_of: Columns of an address (supplied).
            generator: Source of the initial W (supplied).

        Raises:
            UserError: lists of different lengths, or widths that do not fit.
        """
        super().__init__(**common)
        self.local, self.summary = _listed(local), _listed(summary)
        self.negatives = [None] * len(self.local) if negatives is None else _listed(negatives)
        if not len(self.local) == len(self.summary) == len(self.negatives):
            counts = f"{len(self.local)} of local, {len(self.summary)} of summary, {len(self.negatives)} of negatives"
            raise UserError(f"discriminate: addresses are paired item by item: {counts}; give as many of each")
        self.readout = readout
        # Without false locals the summaries of the whole batch make false pairs.
        self.combine = "gather" if negatives is None else "mean"
        widths = {(width_of(a), width_of(b)) for a, b in zip(self.local, self.summary, strict=True)}
        width, summary_width = next(iter(widths))
        if len(widths) > 1 or (discriminator == "dot" and width != summary_width):
            raise UserError(
                f"discriminate: local and summary are {' and '.join(f'{a} x {b}' for a, b in sorted(widths))} wide; "
                "one discriminator needs one width of each" + (", and dot the same" if discriminator == "dot" else "")
            )
        # As nn.Bilinear of one output under Glorot's rule, which is how DGI's code starts.
        bound = math.sqrt(6.0 / (width * (summary_width + 1)))
        start = uniform((width, summary_width), bound, generator) if discriminator == "bilinear" else None
        self.bilinear = None if start is None else nn.Parameter(start)

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per local, of all pairs of addresses after each other."""
        parts = [
            self._pair(flow, *(at_type(address, node_type) for address in addresses))
            for addresses in zip(self.local, self.summary, self.negatives, strict=True)
        ]
        values = torch.cat([value for value, _ in parts])
        ids = None if any(one is None for _, one in parts) else torch.cat([one for _, one in parts if one is not None])
        weight = self.anchor_weight(flow, node_type, ids, values.new_ones(values.shape[0]))
        return Anchored(values * weight, weight, ids)

    def _pair(self, flow: Flow, local: str, summary: str, negatives: str | None) -> tuple[Tensor, Tensor | None]:
        rows, summaries = flow.rows(local), flow.rows(summary)
        false = None if negatives is None else flow.rows(negatives)
        if rows.member is None and len(summaries) != 1:
            raise UserError(
                f"discriminate: {len(summaries)} summaries '{summary}', and the rows '{local}' do not say of which "
                "graph they are; name nodes of a batch of graphs"
            )
        if false is not None and len(false) != len(rows):
            raise UserError(f"discriminate: {len(rows)} rows of '{local}' and {len(false)} of '{negatives}'; as many")
        keys = torch.sigmoid(summaries.values) if self.readout == "sigmoid" else summaries.values
        member = None if len(summaries) == 1 else rows.member
        values = discriminate(rows.values, keys, member, None if false is None else false.values, self.bilinear)
        return values, rows.ids


def _listed(address: str | list[str]) -> list[str]:
    return [address] if isinstance(address, str) else address
