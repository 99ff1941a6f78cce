"""The source that pairs programs of similar words: positives that no one labelled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from graphcl.augment.sources import Partners, listed
from graphcl.core.errors import UserError
from graphcl.core.options import Count
from graphcl.core.registry import register
from graphcl.encode.base import Graph
from graphcl.encode.word_sets import sets_of_words
from graphcl.graph.code import layout_of

#: Rows that are compared with all at a time.
_BLOCK = 512


def most_similar(sets: sp.csr_matrix, k: int) -> Tensor:
    """The ``k`` other rows of largest Jaccard similarity, the nearest first; of equal ones the first.

    Args:
        sets: [n, words] of 0 and 1.
        k: how many.

    Returns:
        [n, k] int64; -1 where there are fewer other rows that share a word.
    """
    sizes, turned = np.asarray(sets.sum(axis=1)).ravel(), sets.T.tocsr()
    found = np.full((sets.shape[0], k), -1, dtype=np.int64)
    for start in range(0, sets.shape[0], _BLOCK):
        shared = (sets[start : start + _BLOCK] @ turned).toarray()
        rows = np.arange(len(shared))
        union = sizes[start : start + len(shared), None] + sizes[None] - shared
        scores = shared / np.maximum(union, 1)
        scores[rows, start + rows] = 0
        near = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        found[start : start + len(shared), : near.shape[1]] = np.where(scores[rows[:, None], near] > 0, near, -1)
    return torch.from_numpy(found)


def word_sets(batches: Iterable[Graph], columns: int) -> sp.csr_matrix:
    """[programs, columns] of 0 and 1: which buckets the words of each program fall into."""
    return sp.vstack([sets_of_words(graph, columns) for graph in batches]).tocsr()


@register("source", "similar_words", example={"k": 3})
class SimilarWords(nn.Module):
    """One of the ``k`` training programs whose sets of words are most similar (Jaccard) to the anchor's.

    Nearest neighbours as positives (Dwibedi et al., ICCV 2021) in the space of token sets: on the training part of
    POJ-104 the nearest program solves the same problem in 85 of 100 cases, the five nearest in 81. The whole program
    takes the anchor's place: the view is made of it, and read at the level ``graphs``.
    """

    of_records = True

    def __init__(self, k: Count = 5, *, task: Any = None) -> None:
        """
        Args:
            k: Number of similar programs, of which one is drawn at each step.
            task: Gives the training examples (supplied).

        Raises:
            UserError: the examples of the task are no programs.
        """
        super().__init__()
        batches = list(task.training_examples()) if hasattr(task, "training_examples") else []
        graphs = [next(iter(batch.graphs.values())) for batch in batches if batch.graphs]
        if not graphs:
            raise UserError("source similar_words: the examples of this task are no programs")
        near = most_similar(word_sets(graphs, layout_of(graphs[0]).buckets), k)
        ids = torch.cat([batch.ids for batch in batches])
        self.table = torch.full((int(ids.max()) + 1, k), -1)
        self.table[ids] = torch.where(near >= 0, ids[near.clamp_min(0)], -1)

    def forward(self, ids: Tensor, graph: Graph, *, node_type: str = "", generator: torch.Generator) -> Partners:
        """See :func:`graphcl.augment.sources.listed`; ``ids`` are examples."""
        return listed(ids, self.table.to(ids.device), generator=generator)
