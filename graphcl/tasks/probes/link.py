"""Link prediction: held-out edges against pairs without an edge."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor
from torch_geometric.utils import is_undirected

from graphcl.core.options import Count
from graphcl.core.registry import register
from graphcl.core.seeds import generator
from graphcl.data.graphs.links import Links, sample_non_edges
from graphcl.tasks.base import Split
from graphcl.tasks.probes.base import Labelled, LinkCase, Needs
from graphcl.tasks.probes.linear import Linear


@register("probe", "link", example={"max_pairs": 50}, monitor="auc")
class Link:
    """Scores pairs of nodes and tells edges that training did not see from as many pairs without an edge.

    Metrics: ``auc`` and ``ap``; embeddings that know nothing have .5 of both. The edges have to be held out before
    training (``data.split.edges``): an encoder has seen its own edges, so a run without is refused.
    """

    needs: ClassVar[Needs] = "links"
    metrics: ClassVar[tuple[str, ...]] = ("auc", "ap")

    def __init__(
        self, decoder: Literal["cosine", "inner", "logistic"] = "cosine", max_pairs: Count = 20_000
    ) -> None:
        """
        Args:
            decoder: Score of a pair: cosine, inner product, or logistic regression on the elementwise product, fitted
                on training edges and as many pairs without one, its strength chosen on the validation links.
            max_pairs: Most training edges that the regression is fitted on.
        """
        self.decoder, self.max_pairs = decoder, max_pairs

    def judge(self, case: LinkCase, split: Split, *, seed: int) -> dict[str, float]:
        """``auc`` and ``ap`` on the links of ``split``."""
        links: Links = getattr(case.held_out, split)
        edges, non_edges = product(case.x, links.edges), product(case.x, links.non_edges)
        if self.decoder == "logistic":
            classifier = Linear(normalize=False).fit(
                train=self._training_pairs(case, seed), valid=_pairs(case.x, case.held_out.valid), seed=seed
            )
            return link_metrics(classifier.margins(edges), classifier.margins(non_edges))
        if self.decoder == "cosine":
            unit = torch.nn.functional.normalize(case.x, dim=1)
            edges, non_edges = product(unit, links.edges), product(unit, links.non_edges)
        return link_metrics(edges.sum(dim=1), non_edges.sum(dim=1))

    def _training_pairs(self, case: LinkCase, seed: int) -> Labelled:
        """Seen edges and pairs without a seen edge: which edges were held out is not known here."""
        nodes, draw = case.x.shape[0], generator(seed, "link")
        seen = case.edge_index
        pairs = seen[:, seen[0] < seen[1]] if is_undirected(seen, num_nodes=nodes) else seen
        chosen = pairs.index_select(1, torch.randperm(pairs.shape[1], generator=draw)[: self.max_pairs])
        none = sample_non_edges(seen, nodes, chosen.shape[1], generator=draw)
        return _pairs(case.x, Links(chosen, none))


def product(x: Tensor, pairs: Tensor) -> Tensor:
    """Elementwise products of the rows of each pair: [N, d], [2, P] -> [P, d]."""
    return x.index_select(0, pairs[0]) * x.index_select(0, pairs[1])


def link_metrics(edges: Tensor, non_edges: Tensor) -> dict[str, float]:
    """Area under the ROC curve, and average precision, of scores of edges and non-edges; a constant score has .5."""
    scores = torch.cat([edges, non_edges]).double().cpu().numpy()
    truth = torch.cat([torch.ones(len(edges)), torch.zeros(len(non_edges))]).numpy()
    return {"auc": float(roc_auc_score(truth, scores)), "ap": float(average_precision_score(truth, scores))}


def _pairs(x: Tensor, links: Links) -> Labelled:
    y = torch.zeros(links.edges.shape[1] + links.non_edges.shape[1], dtype=torch.int64)
    y[: links.edges.shape[1]] = 1
    return Labelled(torch.cat([product(x, links.edges), product(x, links.non_edges)]), y)
