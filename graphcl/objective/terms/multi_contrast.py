"""Contrast of three or more records of one thing at once, which sees what no two of them share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Address, Index, Positive
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.kernels import Csr, contrast, unit_rows
from graphcl.objective.pairs import Pairing, align

#: Products of rows that stand for one anchor side at most: 64 MB at d = 64.
MOST_PRODUCTS = 1 << 18


def multilinear(records: Sequence[Tensor]) -> Tensor:
    """``d^((M - 2) / 2) sum_k prod_m z_mk`` of unit rows z_m (Saporta et al. 2024, eq. 5): the cosine where M = 2.

    The factor is ours. Without it a product of M unit rows is at most ``d^(1 - M / 2)`` where their entries are of one
    size, so that one temperature would not do for two widths.

    Args:
        records: M times [B, d].

    Returns:
        [B].

    Example:
        >>> x = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
        >>> multilinear([x, x, x])
        tensor([1., 0.])
    """
    return product(records[:-1]).mul(unit_rows(records[-1])).sum(-1)


def product(records: Sequence[Tensor]) -> Tensor:
    """What the inner product with one more unit row makes :func:`multilinear`: [B, d]."""
    scale = math.sqrt(records[0].shape[-1])
    first, *others = (unit_rows(x) for x in records)
    return reduce(lambda a, b: a * b * scale, others, first)


def multi_contrast(
    records: Sequence[Tensor],
    temperature: float = 0.2,
    draws: int = 1,
    *,
    weight: Tensor | None = None,
    generator: torch.Generator,
) -> Tensor:
    """For each record in turn, find the tuple of the others that belongs to it (Symile, Saporta et al. 2024, eq. 7).

    The logit is :func:`multilinear` over the temperature. Negatives are tuples whose rows are those of the batch in an
    order drawn for each record by itself; the anchor's own tuple is left out of them and counts once.

    Args:
        records: M times [B, d]; row i of each belongs to one thing.
        temperature: What the logits are divided by.
        draws: Orders that are drawn: B negatives each. 0 takes all ``B^(M - 1)`` tuples.
        weight: [B], of each thing.
        generator: Source of the orders.

    Returns:
        [B], the mean over the M anchors. With M = 2 it is CLIP's loss whatever ``draws``.

    Raises:
        UserError: all tuples are wanted and they are too many.
    """
    values = []
    for place, anchor in enumerate(records):
        others = [record for other, record in enumerate(records) if other != place]
        tuples = draw_tuples(len(anchor), len(others), draws, generator).to(anchor.device)
        candidates = product([x.index_select(0, at) for x, at in zip(others, tuples, strict=True)])
        values.append(contrast(
            unit_rows(anchor), candidates, product(others), similarity="dot", temperature=temperature,
            mask=own_tuples(tuples, len(anchor)), anchor_weight=weight,
        ))  # fmt: skip
    return torch.stack(values).mean(0)


def draw_tuples(count: int, places: int, draws: int, generator: torch.Generator) -> Tensor:
    """[places, N] row numbers: each column is a candidate. Each row of the batch is as often in each place."""
    if draws and places > 1:
        drawn = torch.rand(places, draws, count, generator=generator, device=generator.device)
        return drawn.argsort(dim=2, stable=True).flatten(1)
    if count**places > MOST_PRODUCTS:
        raise UserError(f"multi_contrast: all combinations of {count} rows of {places} records are {count**places}, "
                        f"and at most {MOST_PRODUCTS} are kept; set draws to 1 or more")
    grid = torch.meshgrid([torch.arange(count)] * places, indexing="ij")
    return torch.stack([axis.flatten() for axis in grid])


def own_tuples(tuples: Tensor, count: int) -> Csr:
    """The candidates that are an anchor's positive."""
    own = (tuples == tuples[0]).all(0).nonzero().squeeze(1)
    anchors, order = tuples[0][own].sort(stable=True)
    times = torch.bincount(anchors, minlength=count)
    return Csr(torch.cat([times.new_zeros(1), times.cumsum(0)]), own[order])


@register(
    "term", "multi_contrast", example={"records": ["a.nodes[batch]", "b.nodes[batch]", "c.nodes[batch]"], "draws": 0}
)
class MultiContrast(Term):
    """Records of one thing are told from mixtures of several things' records (Symile, Saporta et al., NeurIPS 2024).

    Where one record is known only from two others together (c = a xor b), every pair is independent and contrasts of
    pairs learn nothing; this does. Of two records it is ``info_nce`` with ``symmetric``. Rows whose ids are missing in
    one record are left out and counted.
    """

    combine = "gather"

    def __init__(  # noqa: D417 - Term documents the common options
        self,
        records: list[Address],
        temperature: Positive = 0.2,
        draws: Index = 1,
        pair: Pairing = "id",
        **common: Any,
    ) -> None:
        """
        Args:
            records: Rows of each record (view, tower), of one width.
            temperature: What the products are divided by.
            draws: How often the records are mixed, each giving as many negatives as there are rows; 0 takes all
                combinations of rows.
            pair: By `id`, or by `position`.

        Raises:
            UserError: fewer than two records.
        """
        super().__init__(**common)
        if len(records) < 2:
            raise UserError("multi_contrast: records are two addresses or more")
        self.records, self.temperature, self.draws, self.pair = records, temperature, draws, pair

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per thing that every record has."""
        sides = [flow.rows(at_type(address, node_type)) for address in self.records]
        rows, ids = align(sides, self.pair)
        weight = self.anchor_weight(flow, node_type, ids, rows[0].new_ones(len(rows[0])))
        draw = flow.generator(f"multi_contrast {node_type}")
        values = multi_contrast(rows, self.temperature, self.draws, weight=weight, generator=draw)
        return Anchored(values, weight, ids, left_out=len(sides[0]) - len(rows[0]))
