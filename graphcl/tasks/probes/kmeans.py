"""Clusters of the embeddings against the classes."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix
from torch import Tensor

from graphcl.core.options import Count
from graphcl.core.registry import register
from graphcl.core.seeds import derive
from graphcl.core.threads import one_thread
from graphcl.tasks.base import Split
from graphcl.tasks.probes.base import ClassCase, Needs, rows_of


@register("probe", "kmeans", example={"inits": 2}, monitor="nmi")
class KMeans:
    """k-means on all embeddings, as many clusters as classes, compared with the classes of the part that is judged.

    No label enters the clustering, only their number. Metrics: ``nmi`` (arithmetic mean of the entropies), ``ari``,
    and ``cluster_accuracy`` under the best one-to-one assignment of clusters to classes (Hungarian method).
    """

    needs: ClassVar[Needs] = "classes"
    metrics: ClassVar[tuple[str, ...]] = ("nmi", "ari", "cluster_accuracy")

    def __init__(self, inits: Count = 10, normalize: bool = True, judged: Literal["test", "all"] = "test") -> None:
        """
        Args:
            inits: Random starts; the one with the smallest inertia is taken.
            normalize: Whether rows are scaled to unit length first.
            judged: In the end, the classes of the test part, or of all labelled rows as most papers do; validation
                is judged on its own part either way.
        """
        self.inits, self.normalize, self.judged = inits, normalize, judged

    def judge(self, case: ClassCase, split: Split, *, seed: int) -> dict[str, float]:
        """Cluster all rows; the classes of ``split`` only judge."""
        labelled = torch.nonzero(case.y >= 0).flatten()
        classes = case.y.index_select(0, labelled).unique().numel()
        found = cluster(case.x, classes, inits=self.inits, normalize=self.normalize, seed=seed)
        rows = labelled if split == "test" and self.judged == "all" else getattr(case.parts, split)
        return cluster_metrics(found.index_select(0, rows), case.y.index_select(0, rows))


def cluster(x: Tensor, k: int, *, inits: int = 10, normalize: bool = True, seed: int) -> Tensor:
    """k-means (k-means++ starts, Lloyd): [n, d] -> [n] int64 clusters. Fewer distinct rows make fewer clusters."""
    rows = rows_of(x, normalize=normalize)
    k = min(k, len(np.unique(rows, axis=0)))
    model = SklearnKMeans(k, n_init=inits, random_state=derive(seed, "kmeans") % 2**32)
    # On one thread: sums of several end in other last bits.
    with one_thread():
        return torch.from_numpy(model.fit_predict(rows).astype(np.int64))


def cluster_metrics(found: Tensor, truth: Tensor) -> dict[str, float]:
    """``nmi``, ``ari`` and ``cluster_accuracy`` of clusters [n] against classes [n]."""
    y, y_hat = truth.cpu().numpy(), found.cpu().numpy()
    return {
        "nmi": float(normalized_mutual_info_score(y, y_hat)),
        "ari": float(adjusted_rand_score(y, y_hat)),
        "cluster_accuracy": cluster_accuracy(found, truth),
    }


def cluster_accuracy(found: Tensor, truth: Tensor) -> float:
    """Share of rows whose cluster is assigned to their class, under the best assignment."""
    counts = contingency_matrix(truth.cpu().numpy(), found.cpu().numpy())
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / counts.sum())
