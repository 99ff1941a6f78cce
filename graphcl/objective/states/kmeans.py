"""Clusters of latents, found anew every so many epochs."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from graphcl.core.errors import NonFiniteError
from graphcl.core.options import Address, Count, Index
from graphcl.core.registry import register
from graphcl.core.threads import one_thread
from graphcl.objective.states.of_rows import OfRows


@torch.no_grad()
def cluster(
    x: Tensor, k: int, *, n_iter: int = 50, spherical: bool = False, mini_batch: int = 0, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """k-means: k-means++ (Arthur and Vassilvitskii, 2007), then Lloyd's iterations, by scikit-learn.

    Equal generators give equal bits: the iterations run on one thread, since scikit-learn sums over several
    in the order in which they finish.

    Args:
        x: [N, d].
        k: number of clusters, clipped to N.
        n_iter: iterations at most.
        spherical: rows and centroids have unit length, and a row belongs to the centroid of largest cosine.
        mini_batch: rows an iteration looks at (Sculley, 2010); 0 takes all.
        generator: source of scikit-learn's random state.

    Returns:
        Centroids [k, d] and the cluster of each row [N] int64.

    Raises:
        NonFiniteError: a row is NaN or infinite.
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    if not torch.isfinite(x).all():
        raise NonFiniteError("kmeans: the rows to be clustered are not finite")
    if not len(x):
        return x.new_zeros(0, x.shape[1]), torch.zeros(0, dtype=torch.int64, device=x.device)
    x = F.normalize(x, dim=1) if spherical else x
    seed = int(torch.randint(2**31 - 1, (), generator=generator, device=generator.device))
    options = {"n_clusters": min(k, len(x)), "n_init": 1, "max_iter": n_iter, "random_state": seed}
    model = MiniBatchKMeans(batch_size=mini_batch, **options) if mini_batch else KMeans(**options)
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct rows than clusters is no mistake
        labels = model.fit_predict(x.detach().float().cpu().numpy())
    centroids = torch.from_numpy(model.cluster_centers_).to(x)
    if spherical:
        centroids = F.normalize(centroids, dim=1)
        return centroids, (x @ centroids.T).argmax(dim=1)
    return centroids, torch.from_numpy(labels).to(x.device, torch.int64)


@register("state", "kmeans", example={"rows": "main.nodes", "k": 2})
class KMeans(OfRows):
    """k-means of all rows at an address; see :func:`cluster`.

    Fields: ``centroids`` [k, d] and ``assignment`` [N] int64, of each node type with ``each``. Before the
    first run they are [0, 0] and [0]. They are in the checkpoint, and a run that was cut off repeats with
    the same result. Where examples have graphs of their own, ``rows: main.graphs`` are all training examples,
    and ``assignment`` is by their numbers.
    """

    by_row = ("assignment",)

    def __init__(  # noqa: D417 - OfRows documents the common options
        self,
        rows: Address,
        k: Count = 100,
        n_iter: Count = 50,
        spherical: bool = False,
        mini_batch: Index = 0,
        **common: Any,
    ) -> None:
        """
        Args:
            rows: Address of the rows to cluster (all of them, so without a row set).
            k: Number of clusters; no more than there are rows.
            n_iter: Iterations at most.
            spherical: Whether rows and centroids are scaled to unit length.
            mini_batch: Rows that an iteration looks at; 0 takes all.
        """
        super().__init__(rows, **common)
        self.k = k
        self.options: dict[str, Any] = {"n_iter": n_iter, "spherical": spherical, "mini_batch": mini_batch}

    @staticmethod
    def empty() -> dict[str, Tensor]:
        """No centroid, no row."""
        return {"centroids": torch.zeros(0, 0), "assignment": torch.zeros(0, dtype=torch.int64)}

    def find(self, x: Tensor, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Cluster anew."""
        centroids, assignment = cluster(x, self.k, **self.options, generator=generator)
        return {"centroids": centroids, "assignment": assignment}
