"""Retrieval among the judged rows: whether those of a row's own class are nearest to it."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from graphcl.core.errors import UserError
from graphcl.core.options import Count
from graphcl.core.registry import register
from graphcl.core.seeds import generator
from graphcl.tasks.base import Split
from graphcl.tasks.probes.base import ClassCase, Labelled, Needs

Similarity = Literal["cosine", "dot", "jaccard"]


@register("probe", "map_at_r", example={}, monitor="map_at_r")
class MapAtR:
    """Each judged row queries all others of its part; nothing is fitted (Musgrave et al., ECCV 2020, section 3.2).

    With R others of its class, ``map_at_r`` is ``1/R sum_{k <= R} rel_k (hits among the first k) / k``, the mean over
    queries; ``precision_at_1`` is the share of queries whose nearest row is of their class. Rows without another of
    their class are candidates and do not query. The metric of clone retrieval on POJ-104.
    """

    needs: ClassVar[Needs] = "classes"
    metrics: ClassVar[tuple[str, ...]] = ("map_at_r", "precision_at_1")

    def __init__(self, similarity: Similarity = "cosine", block: Count = 256) -> None:
        """
        Args:
            similarity: What ranks; jaccard is of sets, rows of 0 and 1.
            block: Queries that are compared with all candidates at a time.
        """
        self.similarity, self.block = similarity, block

    def check(self, y: Tensor) -> None:
        """Refuse a part of these classes [n] where nothing can query.

        Raises:
            UserError: no class has two rows.
        """
        if not bool((torch.bincount(y) > 1).any()):
            raise UserError(
                f"probe 'map_at_r': of {len(y)} rows that are judged together none has another of its class; lower "
                "eval.folds, or choose another probe (eval.probe=linear)"
            )

    def judge(self, case: ClassCase, split: Split, *, seed: int) -> dict[str, float]:
        """Both metrics over the rows of ``split``; ``seed`` draws the order of rows that are equally near.

        Raises:
            UserError: see :meth:`check`.
        """
        rows = case.part(split)
        self.check(rows.y)
        order = torch.randperm(len(rows.y), generator=generator(seed, "ties"))
        return map_at_r(Labelled.take(rows.x, rows.y, order), self.similarity, self.block)


@torch.no_grad()
def map_at_r(
    rows: Labelled, similarity: Similarity = "cosine", block: int = 256, *, asked: Tensor | None = None
) -> dict[str, float]:
    """MAP@R and precision at 1 of rows among each other; of equally near ones those that come first are nearer.

    Memory is that of ``block`` times all rows.

    Args:
        rows: [n, d] and their classes.
        similarity: What ranks.
        block: Queries at a time.
        asked: [n, d] what queries in the place of each row, such as a changed copy of it; None: the rows themselves.

    Returns:
        ``map_at_r``, ``precision_at_1``; 0 where no class has two rows.
    """
    x, q = (rows.x if one is None else one for one in (None, asked))
    x, q = (normalize(one.float(), dim=1) if similarity == "cosine" else one.float() for one in (x, q))
    relevant = torch.bincount(rows.y)[rows.y] - 1
    queries = (relevant > 0).nonzero().view(-1)
    if not queries.numel():
        return {"map_at_r": 0.0, "precision_at_1": 0.0}
    total, first = 0.0, 0.0
    for some in queries.split(block):
        scores = _scores(q.index_select(0, some), x, similarity)
        scores[torch.arange(len(some)), some] = -torch.inf
        wanted = relevant[some]
        near = scores.topk(int(wanted.max()), dim=1).indices
        place = torch.arange(1, near.shape[1] + 1)
        hit = (rows.y[near] == rows.y[some, None]) & (place <= wanted[:, None])
        precision = hit.cumsum(1).double() / place
        total += float(((precision * hit).sum(1) / wanted).sum())
        first += float(hit[:, 0].sum())
    return {"map_at_r": total / len(queries), "precision_at_1": first / len(queries)}


def _scores(queries: Tensor, x: Tensor, similarity: Similarity) -> Tensor:
    """[b, n]."""
    shared = queries @ x.T
    if similarity != "jaccard":
        return shared
    return shared / (queries.sum(1)[:, None] + x.sum(1) - shared).clamp_min(1)
