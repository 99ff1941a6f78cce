"""Small graphs and a flow of plain tensors, on which any registered part can be built and called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch as GraphBatch
from torch_geometric.data import Data, HeteroData

from graphcl.core import registry
from graphcl.core.address import Address, parse_address
from graphcl.core.seeds import generator
from graphcl.graph.bipartite import build_bipartite
from graphcl.objective.base import Rows

TYPES = {"user": 7, "item": 9}
NODES, FEATURES, DIM = 10, 6, 4


def parts(kind: str) -> list[registry.Part]:
    """Every part of the package of that kind."""
    registry.load_all()
    found = [part for part in registry.registered() if part.kind == kind]
    return [part for part in found if part.cls.__module__.startswith("graphcl.")]


def names(kind: str) -> list[str]:
    """Their names, to parametrise over."""
    return [part.name for part in parts(kind)]


def plain_graph(seed: int = 0) -> Data:
    """Undirected, with features, edge weights, and two nodes without edges."""
    draw = generator(seed, "plain")
    pairs = torch.combinations(torch.arange(NODES - 2))
    pairs = pairs[torch.rand(len(pairs), generator=draw) < 0.5].T
    weight = torch.rand(pairs.shape[1], generator=draw) + 0.5
    return Data(
        x=torch.randn(NODES, FEATURES, generator=draw),
        edge_index=torch.cat([pairs, pairs.flip(0)], dim=1),
        edge_weight=torch.cat([weight, weight]),
        num_nodes=NODES,
    )


def batch_graph() -> GraphBatch:
    """Three graphs in one batch."""
    return GraphBatch.from_data_list([plain_graph(seed) for seed in range(3)])


def bipartite_graph(seed: int = 0) -> HeteroData:
    """Users and items, every edge in both directions; one user and one item without edges."""
    draw = generator(seed, "bipartite")
    seen = torch.rand(TYPES["user"] - 1, TYPES["item"] - 1, generator=draw) < 0.4
    users, items = seen.nonzero().T
    return build_bipartite(users, items, TYPES["user"], TYPES["item"])


GRAPHS = {"plain": plain_graph, "batch": batch_graph, "bipartite": bipartite_graph}


def tensors(graph: Data | HeteroData) -> dict[str, Tensor]:
    """Every tensor of a graph by store and name."""
    return {
        f"{store._key}.{name}": value
        for store in graph.stores
        for name, value in store.items()
        if isinstance(value, Tensor)
    }


class ToyTask:
    """What parts may ask a task for."""

    #: without weights, which not every term can take
    graphs: Mapping[str, Data] = {"graph": Data(plain_graph().x, plain_graph().edge_index)}


class ToyFlow:
    """Implements the Flow of terms over leaf tensors: every latent is a parameter of its own.

    Args:
        users, pos, neg: positions of the batch's pairs.
        count: rows of every latent without node types.
    """

    def __init__(self, users: Tensor, pos: Tensor, neg: Tensor, *, seed: int = 0) -> None:
        self.step, self.epoch, self._seed = 3, 1, seed
        self.leaves: dict[tuple[Any, ...], Tensor] = {}
        self._rows: dict[str, Mapping[str, Tensor]] = {
            "users": {"user": users},
            "items_pos": {"item": pos},
            "items_neg": {"item": neg},
            "batch": {"user": users, "item": torch.cat([pos, neg]), "": users},
            "positives": {"user": users, "item": pos},
            "unique": {"user": users.unique(), "item": pos.unique()},
            "all": {"": torch.arange(NODES)},
        }

    def rows(self, address: str | list[str]) -> Rows:
        if isinstance(address, list):
            found = [self.rows(one) for one in address]
            ids = None if any(row.ids is None for row in found) else torch.cat([row.ids for row in found])
            return Rows(torch.cat([row.values for row in found]), None, ids)
        parsed = parse_address(address, TYPES)
        base = self._leaf(parsed)
        if parsed.rows is None:
            return Rows(base, None, torch.arange(len(base)) if parsed.root != "state" else None)
        index = self._rows[parsed.rows][parsed.node_type or ""]
        return Rows(base, index, index)

    def tensor(self, address: str) -> Tensor:
        return self._leaf(parse_address(address, TYPES))

    def parameters(self, *names: str) -> Mapping[str, Tensor]:
        return {"towers.main.weight": self._leaf(parse_address("main.nodes"))}

    def generator(self, purpose: str) -> torch.Generator:
        return generator(self._seed, purpose, self.step)

    def _leaf(self, address: Address) -> Tensor:
        node_type = address.name if address.root == "table" else address.node_type or ""
        key = (address.root, address.tower, address.view, address.level, address.layer, node_type)
        if key not in self.leaves:
            count = 1 if address.level == "graphs" else TYPES.get(node_type, NODES)
            values = torch.randn(count, DIM, generator=generator(self._seed, *(str(piece) for piece in key)))
            self.leaves[key] = values.requires_grad_(address.root in ("encoded", "table"))
        return self.leaves[key]


def toy_flow(batch: list[tuple[int, int, int]] | None = None, *, seed: int = 0) -> ToyFlow:
    """A flow over (user, positive, negative) triples."""
    triples = [(0, 1, 2), (1, 3, 0), (2, 5, 7), (3, 0, 4), (5, 8, 6)] if batch is None else batch
    users, pos, neg = torch.tensor(triples, dtype=torch.int64).reshape(-1, 3).T
    return ToyFlow(users, pos, neg, seed=seed)
