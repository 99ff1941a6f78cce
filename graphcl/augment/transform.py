"""Any graph-level augmenter as a transform of torch_geometric."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.utils.data import get_worker_info
from torch_geometric.transforms import BaseTransform

from graphcl.core import seeds
from graphcl.core.build import build
from graphcl.core.config.values import check_options
from graphcl.core.errors import UserError
from graphcl.core.registry import resolve
from graphcl.core.schema import part_schema
from graphcl.encode.base import Graph
from graphcl.graph import as_graph


class Transform(BaseTransform):
    """An augmenter for ``Compose``, ``Dataset(transform=...)`` and ``DataLoader``.

    Each call draws anew, from the seed and the number of the call, so two transforms of one seed give the same
    sequence of graphs. In a worker of a ``DataLoader`` the worker's own seed takes part, which the loader draws for
    each epoch: workers differ from each other, epochs differ too, and with the same ``generator`` of the loader (or
    ``torch.manual_seed`` before it) and as many workers everything repeats.

    Args:
        augmenter: name of a graph-level augmenter (``graphcl list augmenters``), or one that is built.
        seed: what its draws derive from.
        **options: options of the augmenter, where it is given by name.

    Raises:
        UserError: no such augmenter or option, or an augmenter of operators or latents.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> path = Data(edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), num_nodes=3)
        >>> Transform("drop_edges", p=1.0, seed=0)(path).num_edges
        0
    """

    def __init__(self, augmenter: str | nn.Module, *, seed: int = 0, **options: Any) -> None:
        self.seed, self.calls, self.options = seed, 0, options
        self.name = augmenter if isinstance(augmenter, str) else type(augmenter).__name__
        self.augmenter = _built(augmenter, options, seed) if isinstance(augmenter, str) else augmenter
        if options and not isinstance(augmenter, str):
            raise UserError(f"Transform: {self.name} is built already; its options go to its own constructor")

    def forward(self, data: Graph) -> Graph:
        """The augmented graph, of ``torch_geometric``; ``data``, of any library, is left as it is."""
        worker = get_worker_info()
        where = ("main",) if worker is None else ("worker", worker.seed)
        generator = seeds.generator(self.seed, "transform", *where, self.calls)
        self.calls += 1
        return self.augmenter(as_graph(data), generator=generator)

    def __repr__(self) -> str:
        given = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"{type(self).__name__}({self.name!r}{given}, seed={self.seed})"


def _built(name: str, options: dict[str, Any], seed: int) -> nn.Module:
    meta = resolve("augmenter", name).meta
    level = meta.get("level")
    if meta.get("needs"):
        raise UserError(f"Transform: {name} reads the texts of one graph; let a recipe's view have it")
    if level != "graph":
        raise UserError(f"Transform: {name} augments {level}s; a transform of torch_geometric takes one of graphs")
    problems = [message for _, message in check_options(part_schema("augmenter", name), options, name)]
    if problems:
        raise UserError(f"Transform: {'; '.join(problems)}")
    return build("augmenter", name, options, generator=seeds.generator(seed, "init"))
