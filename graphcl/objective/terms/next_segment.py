"""Local contrast: each stretch of a series picks out the next one of the same series."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Address, Count, Positive
from graphcl.core.registry import register
from graphcl.encode.pooling import pool
from graphcl.objective.base import Anchored, Flow, Term
from graphcl.objective.kernels import Csr, Similarity, contrast


def segments_of(member: Tensor, count: int) -> Tensor:
    """The segment of each node, numbered over all graphs, ``count`` for each; as many as nodes where there are fewer.

    >>> segments_of(torch.tensor([0, 0, 0, 0, 1]), 2).tolist()
    [0, 0, 1, 1, 2]

    Args:
        member: [n] the graph of each node, ascending.
        count: K.
    """
    sizes = torch.bincount(member) if len(member) else member.new_zeros(0)
    first = (sizes.cumsum(0) - sizes).index_select(0, member)
    length = sizes.index_select(0, member)
    place = torch.arange(len(member), device=member.device) - first
    return member * count + torch.where(length < count, place, place * count // length.clamp_min(1))


@register("term", "next_segment", example={"nodes": "a.nodes"})
class NextSegment(Term):
    """InfoNCE between stretches of series, each of K being pooled by its maximum (AutoTCL, Zheng et al., ICLR 2024).

    A stretch is to find the next one of its series among all stretches of the batch. The last of a series, and a
    series of a single node, look for nothing.
    """

    combine = "gather"

    def __init__(  # noqa: D417 - Term documents the common options
        self,
        nodes: Address,
        segments: Count = 16,
        temperature: Positive = 1.0,
        similarity: Similarity = "dot",
        **common: Any,
    ) -> None:
        """
        Args:
            nodes: Address of all nodes of a view of series.
            segments: Pieces of about equal length that a chain is cut into (K).
            temperature: What similarities are divided by.
            similarity: ``cosine``, ``dot`` or ``neg_sqdist``.
        """
        super().__init__(**common)
        self.nodes, self.segments = nodes, segments
        self.kernel: dict[str, Any] = {"temperature": temperature, "similarity": similarity}

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per stretch that has a next one."""
        rows = flow.rows(self.nodes)
        if rows.index is not None:
            raise UserError(f"next_segment: '{self.nodes}' names some nodes; it needs all, without [rows]")
        alone = torch.zeros(len(rows), dtype=torch.int64, device=rows.base.device)
        member = alone if rows.member is None else rows.member
        present, segment = segments_of(member, self.segments).unique(return_inverse=True)
        pooled = pool(rows.values, segment, len(present), "max")
        graph = present // self.segments
        begins = ((present[1:] == present[:-1] + 1) & (graph[1:] == graph[:-1])).nonzero().squeeze(1)
        values = contrast(
            pooled.index_select(0, begins), pooled, begins + 1, mask=Csr.one_each(begins), **self.kernel
        )
        return Anchored(values)
