"""The smallest task, tower, term, state and augmenter that exercise the engine: nothing random but by generator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

import graphcl
from graphcl.core.config.recipe import Recipe
from graphcl.core.options import Address, Count
from graphcl.core.registry import register
from graphcl.core.seeds import generator as make_generator
from graphcl.encode.base import Encoding, Graph, View
from graphcl.engine.observe import Observer
from graphcl.engine.prepare import make_task
from graphcl.engine.run import RunFolder
from graphcl.engine.training import Training
from graphcl.objective.base import Anchored, Flow, Rows, State, Term
from graphcl.tasks.base import Batch, Split

CPU = torch.device("cpu")

RECIPE = """
task: toy
encoder: {toy_tower: {dim: 4}}
views: {a: [toy_noise], b: [toy_noise], clean: []}
terms: [{toy_pull: {x: "a.nodes[batch]", y: "b.nodes[batch]"}}]
train: {epochs: 3, batch_size: 4, lr: 0.05, patience: 0, threads: 1}
"""


@register("data", "toy_data")
class ToyData:
    def __init__(self, nodes: Count = 12) -> None:
        self.nodes = nodes

    def load(self, *, seed: int) -> Data:
        draw = make_generator(seed, "toy")
        ring = torch.arange(self.nodes)
        edges = torch.stack([torch.cat([ring, ring.roll(1)]), torch.cat([ring.roll(1), ring])])
        return Data(x=torch.randn(self.nodes, 3, generator=draw), edge_index=edges, num_nodes=self.nodes)


@register("task", "toy", rows=("batch",), types=(), data="toy_data", monitor="score")
class Toy:
    """Score: minus the distance of the embeddings' mean to 1 (of the parameters alone, so that it can be followed)."""

    rows: ClassVar[tuple[str, ...]] = ("batch",)
    types: ClassVar[tuple[str, ...]] = ()
    data_part: ClassVar[str] = "toy_data"
    monitor: ClassVar[str] = "score"
    has_validation = True

    def __init__(self, scores: list[float] | None = None, *, data: Data) -> None:
        self.data, self.scores = data, list(scores or [])

    @property
    def graphs(self) -> Mapping[str, Graph]:
        return {"graph": self.data}

    def num_batches(self, batch_size: int) -> int:
        return -(-self.data.num_nodes // batch_size) if batch_size else 1

    def batches(self, batch_size: int, *, generator: torch.Generator, start: int = 0) -> Iterator[Batch]:
        order = torch.randperm(self.data.num_nodes, generator=generator)
        for ids in order.split(batch_size or self.data.num_nodes)[start:]:
            yield Batch(ids, {"batch": ids}, targets=len(ids))

    def evaluate(self, embeddings: Mapping[str, Tensor], split: Split, *, seed: int) -> dict[str, float]:
        if self.scores and split == "valid":
            return {"score": self.scores.pop(0)}
        return {"score": -float((embeddings[""].mean() - 1).abs())}

    def baselines(self, *, seed: int) -> dict[str, dict[str, float]]:
        return {}

    def describe(self) -> dict[str, Any]:
        return {"task": "toy"}


@register("tower", "toy_tower")
class ToyTower(nn.Module):
    """tanh(P X W), with dropout of the library's kind (the global generator) where asked for."""

    def __init__(self, dim: Count = 4, dropout: float = 0.0, *, graph: Data, generator: torch.Generator) -> None:
        super().__init__()
        self.out_dim = dim
        self.weight = nn.Parameter(torch.rand(graph.num_features, dim, generator=generator) * 2 - 1)
        self.dropout = nn.Dropout(dropout)
        self.seen: list[Tensor | None] = []

    def forward(self, view: View, *, rows: Tensor | None = None) -> Encoding:
        self.seen.append(rows)
        hidden = view.graph.x @ self.weight
        nodes = self.dropout(torch.tanh(view.operator("gcn").propagate(hidden)))
        if rows is None:
            return Encoding(nodes, [hidden, nodes])
        kept = nodes.index_select(0, rows)
        return Encoding(kept, [hidden, kept], rows=rows)


@register("head", "toy_head")
class ToyHead(nn.Module):
    def __init__(self, *, in_dim: int, generator: torch.Generator) -> None:
        super().__init__()
        self.out_dim = 2
        self.weight = nn.Parameter(torch.rand(in_dim, 2, generator=generator) * 2 - 1)

    def forward(self, latent: Tensor) -> Tensor:
        return latent @ self.weight


@register("augmenter", "toy_noise", level="graph")
class ToyNoise(nn.Module):
    def __init__(self, std: float = 0.1) -> None:
        super().__init__()
        self.std = std

    def forward(self, graph: Data, *, generator: torch.Generator) -> Data:
        changed = graph.clone()
        changed.x = graph.x + self.std * torch.randn(graph.x.shape, generator=generator)
        return changed


@register("augmenter", "toy_prepared", level="graph")
class ToyPrepared(nn.Module):
    """Changes nothing; remembers which graphs it prepared for and what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Data] = []
        self.used: list[float] = []

    def prepare(self, graph: Data) -> float:
        self.seen.append(graph)
        return float(graph.x.sum())

    def forward(self, graph: Data, *, generator: torch.Generator, prepared: float) -> Data:
        self.used.append(prepared)
        return graph.clone()


@register("augmenter", "toy_sum", level="latent")
class ToySum(nn.Module):
    """The latent plus what lies at another address."""

    def __init__(self, other: Address) -> None:
        super().__init__()
        self.reads = {"other": other}

    def forward(self, latent: Tensor, *, other: Rows, generator: torch.Generator) -> Tensor:
        return latent + other.values


@register("term", "toy_pull")
class ToyPull(Term):
    """Squared distance of x to y, and of x to 1 where there is no y."""

    def __init__(self, x: Address, y: Address = "", **common: Any) -> None:
        super().__init__(**common)
        self.x, self.y = x, y

    def group(self, flow: Flow, node_type: str) -> Anchored:
        x = flow.rows(self.x)
        y = flow.rows(self.y).values if self.y else x.values.new_ones(x.values.shape)
        return Anchored((x.values - y).square().sum(1), None, x.ids)


@register("term", "toy_nan")
class ToyNaN(Term):
    """Becomes NaN at a step."""

    def __init__(self, x: Address, at: int = 0, **common: Any) -> None:
        super().__init__(**common)
        self.x, self.at = x, at

    def group(self, flow: Flow, node_type: str) -> Anchored:
        values = flow.rows(self.x).values.sum(1)
        return Anchored(values * float("nan") if flow.step == self.at else values)


@register("state", "toy_growing")
class ToyGrowing(State):
    """Keeps the mean of every batch it saw: a buffer that grows."""

    def __init__(self, rows: Address, when: str = "after_step", every: Count = 1, start: int = 0) -> None:
        super().__init__()
        self.reads = {"rows": rows}
        self.when, self.every, self.start = when, every, start
        self.register_buffer("means", torch.zeros(0))

    def update(self, inputs: Mapping[str, Rows], *, generator: torch.Generator) -> None:
        mean = inputs["rows"].values.mean().reshape(1)
        self.means = torch.cat([self.means, mean + 0 * torch.rand(1, generator=generator)])


def toy_recipe(folder: Path, text: str = RECIPE, *overrides: str) -> Recipe:
    """The recipe as if read from a file."""
    path = folder / "toy.yaml"
    path.write_text(text)
    return graphcl.load(str(path), *overrides)


def toy_task(recipe: Recipe) -> Toy:
    """The task over its data."""
    return make_task(recipe, ToyData(recipe["data.nodes"]).load(seed=recipe["train.seed"]))


def toy_training(
    recipe: Recipe, run: RunFolder | None = None, observer: Observer | None = None, *, validate: bool = True
) -> Training:
    """A training of the recipe on the toy task."""
    task = toy_task(recipe)
    return Training(recipe, task, observer=observer or Observer(), run=run, device=CPU, validate=validate)


def weights(training: Training) -> dict[str, Tensor]:
    """A copy of everything in the model's state."""
    return {name: tensor.clone() for name, tensor in training.model.state_dict().items()}


def same(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    """Whether two sets of tensors are equal bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def batches_of(task: Toy, size: int = 4) -> Iterable[Batch]:
    """The batches of the first epoch."""
    return task.batches(size, generator=make_generator(0, "test"))
