"""What words a program has, each once, as a vector whose cosines are those of weighted sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphcl.encode.base import Graph, kept_nodes
from graphcl.graph.operators import SparseOperator

#: Rarity that a word is taken to have at least.
_LEAST = 0.05
#: What a word counts that does not: so little that training cannot make it count either, and finite.
_NOTHING = 1e-9


def members_of(graph: Graph, total: int) -> Tensor:
    """[N], the graph of each node; all of one without a batch."""
    return graph.batch if "batch" in graph else torch.zeros(total, dtype=torch.int64)


def sets_of_words(graph: Graph, buckets: int, names: bool = True, repeats: float = 0.0) -> sp.csr_matrix:
    """The matrix [G, buckets] of 0 and 1: which words the nodes of each graph have.

    With ``repeats`` k a word that occurs n times is ``n (k + 1) / (n + k)``, 1 for once and never k + 1, as in BM25
    (Robertson and Zaragoza, 2009).

    Args:
        graph: Programs; nodes that an augmenter took out of one (``kept_nodes``) are not in it.
        buckets: That words are hashed into; none is in column 0.
        names: Whether the names that a program declares are words of it.
        repeats: How much more a word counts at most that is repeated.
    """
    kept, words = kept_nodes(graph), graph.words
    member = members_of(graph, len(words))
    there = words > 0 if names else (words > 0) & ~graph.own[:, None]
    if kept is not None:
        left = torch.zeros(len(words), dtype=torch.bool, device=words.device)
        left[kept] = True
        there = there & left[:, None]
    node, place = there.cpu().nonzero(as_tuple=True)
    at = member.cpu()[node].numpy(), words.cpu()[node, place].numpy()
    found = sp.csr_matrix((np.ones(len(node), np.float32), at), (int(getattr(graph, "num_graphs", 1)), buckets))
    found.sum_duplicates()
    found.data *= (repeats + 1) / (found.data + repeats)
    return found


def programs_of(task: Any) -> Iterator[Graph]:
    """The training programs of a task, and what is said of them, in batches; none where it has no examples."""
    for batch in task.training_examples() if hasattr(task, "training_examples") else ():
        yield from batch.graphs.values()


def programs_with(programs: Iterable[Graph], buckets: int, names: bool = True) -> tuple[Tensor, int]:
    """[buckets], the number of programs that have each word, and that of all programs."""
    having, count = np.zeros(buckets), 0
    for graph in programs:
        sets = sets_of_words(graph, buckets, names)
        having, count = having + sets.sum(0).A1, count + sets.shape[0]
    return torch.from_numpy(having).float(), count


def first_weights(having: Tensor, count: int, rare: bool = True, least: int = 1) -> Tensor:
    """[buckets], what each word counts before training, at least .05 but for what counts nothing.

    Args:
        having: [buckets], programs that have a word; see :func:`programs_with`.
        count: Of all programs.
        rare: Whether a word counts ``log((count + 1) / (having + 1))`` (inverse document frequency); else 1.
        least: Words that fewer programs have count nothing, now and later; 1 for none.
    """
    weights = ((count + 1) / (having + 1)).log() if rare and count else torch.ones_like(having)
    weights = weights.clamp_min(_LEAST)
    return (weights.masked_fill(having < least, _NOTHING) if count and least > 1 else weights).float()


class WordSets(nn.Module):
    """``sum_w g_w r_w`` over the different words w of a program, scaled to unit length.

    Each word has a direction ``r_w`` of random signs, which is never trained, so that the cosine of two programs is
    that of their sets of words, each word counting ``g_w^2``, up to an error of about ``dim^-0.5`` (Achlioptas, 2003).
    The weights g > 0 are learned; they start at the root of :func:`first_weights` (so that two programs begin with the
    cosine that inverse document frequencies give, Sparck Jones, 1972), or at 1 without training programs.
    """

    def __init__(
        self,
        buckets: int,
        dim: int,
        names: bool = True,
        repeats: float = 0.0,
        rare: bool = True,
        least: int = 1,
        *,
        programs: Iterable[Graph] = (),
        generator: torch.Generator,
    ) -> None:
        """
        Args:
            buckets: That words are hashed into.
            dim: Width of the vector.
            names: Whether the names that a program declares count.
            repeats: See :func:`sets_of_words`.
            rare: See :func:`first_weights`.
            least: See :func:`first_weights`.
            programs: Batches of training programs; none for words that all count alike at the start.
            generator: Source of the directions.
        """
        super().__init__()
        self.names, self.repeats = names, repeats
        signs = torch.randint(2, (buckets, dim), generator=generator) * 2 - 1
        self.signs: Tensor
        self.register_buffer("signs", signs.to(torch.int8))
        having, count = programs_with(programs if rare or least > 1 else (), buckets, names)
        self.log_weight = nn.Parameter(0.5 * first_weights(having, count, rare, least).log())

    def forward(self, graph: Graph) -> Tensor:
        """[G, dim] of unit length; 0 for a program without words."""
        sets = sets_of_words(graph, len(self.log_weight), self.names, self.repeats)
        columns, at = np.unique(sets.indices, return_inverse=True)
        narrow = sp.csr_matrix((sets.data, at, sets.indptr), (sets.shape[0], len(columns)))
        words = torch.from_numpy(columns.astype(np.int64)).to(self.log_weight.device)
        weights = self.log_weight.index_select(0, words).exp()
        vectors = self.signs.index_select(0, words) * (weights * self.signs.shape[1] ** -0.5)[:, None]
        return F.normalize(SparseOperator.from_scipy(narrow, self.signs.device).propagate(vectors), dim=1)
