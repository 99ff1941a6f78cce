"""Small graphs on which every deletion within a budget can be tried, all at once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcl.encode.linear_layers import Activation, Affine, Linear, LinearLayer, Propagate, Skip, apply_layers
from graphcl.objective.pot import Deletable, compactness_weights

DTYPE = torch.float64


@dataclass(frozen=True)
class Case:
    """A graph, its features, how many edges each node may lose, and every deletion that respects it.

    Attributes:
        kept: [D, E] bool, the undirected edges that each deletion leaves; the first one leaves all.
    """

    pairs: Tensor
    count: int
    x: Tensor
    budget: Tensor
    kept: Tensor
    generator: torch.Generator

    @property
    def graph(self) -> Deletable:
        return deletable(self.pairs, self.count)

    def matrices(self, loops: bool) -> Tensor:
        """[D, N, N], the normalised matrix after each deletion, from its definition."""
        dense = torch.zeros(len(self.kept), self.count, self.count, dtype=DTYPE)
        i, j = self.pairs
        dense[:, i, j] = dense[:, j, i] = self.kept.to(DTYPE)
        if loops:
            dense += torch.eye(self.count, dtype=DTYPE)
        scale = dense.sum(-1).clamp_min(1).rsqrt()
        return scale[:, :, None] * dense * scale[:, None, :]

    def outputs(self, layers: list[LinearLayer], loops: bool) -> Tensor:
        """[D, N, d], the encoder's output after each deletion."""
        matrices = self.matrices(loops)
        return apply_layers(layers, self.x.expand(len(matrices), -1, -1), lambda x: matrices @ x)

    def weights(self, layers: list[LinearLayer], loops: bool) -> Tensor:
        """[N, d], the compactness weights of another view: other features, a deletion at random."""
        at = int(torch.randint(len(self.kept), (), generator=self.generator))
        other = self.x * (torch.rand(self.x.shape[1], generator=self.generator) < 0.7)
        return compactness_weights(apply_layers(layers, other, lambda x: self.matrices(loops)[at] @ x))


def deletable(pairs: Tensor, count: int) -> Deletable:
    return Deletable.of(Data(edge_index=torch.cat([pairs, pairs.flip(0)], 1), num_nodes=count), loops=True)


def deletions(pairs: Tensor, count: int, budget: Tensor, total: int = 0) -> Tensor:
    """[D, E]: all sets of kept edges within the budget, by trying every one."""
    edges = pairs.shape[1]
    removed = (torch.arange(2**edges)[:, None] >> torch.arange(edges)) & 1
    lost = torch.zeros(len(removed), count, dtype=torch.int64)
    for end in pairs:
        lost.index_add_(1, end, removed)
    within = (lost <= budget).all(1) & (removed.sum(1) <= (total or edges))
    return removed[within] == 0


def draw_case(seed: int, *, features: int = 5, total: int = 0) -> Case:
    """5 to 8 nodes, at most 11 edges; each node may lose ``round(p deg)`` of them, p in {.3, .4, .6}, also all."""
    draw = torch.Generator().manual_seed(seed)
    count = int(torch.randint(5, 9, (), generator=draw))
    pairs = torch.combinations(torch.arange(count)).T
    pairs = pairs[:, torch.randperm(pairs.shape[1], generator=draw)[: int(torch.randint(5, 12, (), generator=draw))]]
    pairs = pairs[:, : pairs.shape[1]].sort(0).values
    p = (0.3, 0.4, 0.6)[seed % 3]
    degree = torch.bincount(pairs.reshape(-1), minlength=count)
    budget = (p * degree.double()).round().long()
    budget = budget.clamp_max(total) if total else budget
    x = torch.randn(count, features, generator=draw, dtype=DTYPE)
    return Case(pairs, count, x, budget, deletions(pairs, count, budget, total), draw)


def glorot(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    bound = math.sqrt(6 / (rows + columns))
    return (torch.rand(rows, columns, generator=generator, dtype=DTYPE) * 2 - 1) * bound


def gcn(widths: list[int], generator: torch.Generator, slope: float = 0.0, norm: bool = False) -> list[LinearLayer]:
    """Glorot weights, small biases, and a batch normalisation with running statistics where asked for."""
    layers: list[LinearLayer] = []
    for rows, columns in itertools.pairwise(widths):
        layers += [Linear(glorot(rows, columns, generator)), Propagate("gcn"),
                   Affine(None, 0.1 * torch.randn(columns, generator=generator, dtype=DTYPE))]
        if norm:
            layers.append(Affine(torch.randn(columns, generator=generator, dtype=DTYPE),
                                 torch.randn(columns, generator=generator, dtype=DTYPE)))
        layers.append(Activation(slope))
    return layers


def sgc(steps: int, generator: torch.Generator, linear_first: bool) -> list[LinearLayer]:
    linear = [Linear(glorot(5, 4, generator)), Affine(None, torch.randn(4, generator=generator, dtype=DTYPE))]
    steps_ = [Propagate("gcn")] * steps
    return [*linear, *steps_] if linear_first else [*steps_, *linear]


def lightgcn(steps: int) -> list[LinearLayer]:
    """The mean of the layers, by Horner's rule."""
    weight = 1 / (steps + 1)
    scaled: list[LinearLayer] = [Affine(torch.tensor(weight, dtype=DTYPE), torch.tensor(0.0))]
    return scaled + [Propagate("sym"), Skip(weight)] * steps


#: Name -> (layers of it, whether propagation adds self loops).
ENCODERS: dict[str, tuple[Callable[[torch.Generator], list[LinearLayer]], bool]] = {
    "1_layer": (lambda g: gcn([5, 4], g), True),
    "2_layers": (lambda g: gcn([5, 6, 4], g), True),
    "3_layers": (lambda g: gcn([5, 6, 6, 4], g), True),
    "prelu": (lambda g: gcn([5, 6, 4], g, slope=0.25), True),
    "batch_norm": (lambda g: gcn([5, 6, 4], g, norm=True), True),
    "sgc": (lambda g: sgc(2, g, False), True),
    "sgc_linear_first": (lambda g: sgc(3, g, True), True),
    "lightgcn": (lambda g: lightgcn(2), False),
    "lightgcn_3_steps": (lambda g: lightgcn(3), False),
}
