"""Small graphs and a flow of plain tensors, on which any registered part can be built and called."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch as GraphBatch
from torch_geometric.data import Data, HeteroData

from graphcl.core import registry
from graphcl.core.address import Address, parse_address
from graphcl.core.build import build
from graphcl.core.schema import describe
from graphcl.core.seeds import generator
from graphcl.data.graphs.node_graph import NodeGraph, NodeGraphData
from graphcl.data.text_encoders import fit_text_encoder
from graphcl.graph.batch import graph_batch
from graphcl.graph.bipartite import build_bipartite
from graphcl.graph.chain import build_chains
from graphcl.graph.code import CodeLayout, as_programs, code_edges
from graphcl.graph.patches import PatchGrid, build_patches
from graphcl.graph.skeleton import build_skeleton
from graphcl.graph.window import build_windows
from graphcl.objective.base import Rows
from graphcl.tasks.base import Batch

TYPES = {"user": 7, "item": 9}
NODES, FEATURES, DIM = 10, 6, 4
#: Options that say how strong an augmenter is: at 0 it changes nothing.
STRENGTHS = ("p", "eps")


def parts(kind: str) -> list[registry.Part]:
    """Every part of the package of that kind."""
    registry.load_all()
    found = [part for part in registry.registered() if part.kind == kind]
    return [part for part in found if part.cls.__module__.startswith("graphcl.")]


def names(kind: str) -> list[str]:
    """Their names, to parametrise over."""
    return [part.name for part in parts(kind)]


def plain_graph(seed: int = 0) -> Data:
    """Undirected, with features, edge weights and attributes, and two nodes without edges."""
    draw = generator(seed, "plain")
    pairs = torch.combinations(torch.arange(NODES - 2))
    pairs = pairs[torch.rand(len(pairs), generator=draw) < 0.5].T
    weight = torch.rand(pairs.shape[1], generator=draw) + 0.5
    attributes = torch.stack([weight, torch.rand(pairs.shape[1], generator=draw)], dim=1)
    return Data(
        x=torch.randn(NODES, FEATURES, generator=draw),
        edge_index=torch.cat([pairs, pairs.flip(0)], dim=1),
        edge_weight=torch.cat([weight, weight]),
        edge_attr=torch.cat([attributes, attributes]),
        num_nodes=NODES,
    )


def lone_graph(nodes: int = 1) -> Data:
    """Nodes and no edges, of the attributes of :func:`plain_graph`."""
    empty = torch.zeros(2, 0, dtype=torch.int64)
    weight, attributes = torch.zeros(0), torch.zeros(0, 2)
    x = torch.ones(nodes, FEATURES)
    return Data(x=x, edge_index=empty, edge_weight=weight, edge_attr=attributes, num_nodes=nodes)


def batch_graph() -> GraphBatch:
    """Graphs in one batch, one of a single node, and the last without edges."""
    return GraphBatch.from_data_list([plain_graph(0), lone_graph(), plain_graph(1), plain_graph(2), lone_graph(3)])


def looped_graph() -> Data:
    """The plain graph with a self-loop at each second node."""
    graph, loops = plain_graph(), torch.arange(0, NODES, 2)
    weight = torch.arange(len(loops)) + 2.0
    return graph.update({
        "edge_index": torch.cat([graph.edge_index, torch.stack([loops, loops])], dim=1),
        "edge_weight": torch.cat([graph.edge_weight, weight]),
        "edge_attr": torch.cat([graph.edge_attr, torch.stack([weight, weight], dim=1)]),
    })


def bipartite_graph(seed: int = 0) -> HeteroData:
    """Users and items, every edge in both directions; one user and one item without edges."""
    draw = generator(seed, "bipartite")
    seen = torch.rand(TYPES["user"] - 1, TYPES["item"] - 1, generator=draw) < 0.4
    users, items = seen.nonzero().T
    return build_bipartite(users, items, TYPES["user"], TYPES["item"])


def featured_graph() -> HeteroData:
    """The bipartite graph with features of both types and weights of its edges."""
    graph = bipartite_graph()
    for store in graph.node_stores:
        store.x = torch.randn(store.num_nodes, FEATURES, generator=generator(0, store._key))
    there, back = (graph[edge_type] for edge_type in graph.edge_types)
    there.edge_weight = torch.rand(there.edge_index.shape[1], generator=generator(0, "weight")) + 0.5
    back.edge_weight = there.edge_weight.clone()  # build_bipartite gives both directions in one order
    return graph


def chain_graph(seed: int = 0) -> Data:
    """Histories of 9 items, of one to eight; one item is hidden."""
    lengths, draw = [3, 1, 5, 8, 2, 1], generator(seed, "chains")
    items = torch.randint(0, TYPES["item"], (sum(lengths),), generator=draw)
    items[5] = TYPES["item"]
    return build_chains(items, torch.tensor([0, *lengths]).cumsum(0), num_items=TYPES["item"])


def returns_graph(seed: int = 0) -> Data:
    """Histories that carry two returns at each node."""
    graph = chain_graph(seed)
    graph.rtg = torch.rand(len(graph.item), 2, generator=generator(seed, "returns"))
    return graph


def window_graph(seed: int = 0) -> Data:
    """Windows of a table of six metrics, of one to five rows."""
    table = torch.randn(9, FEATURES, generator=generator(seed, "windows"))
    return build_windows(table, torch.tensor([0, 2, 6, 4, 0]), torch.tensor([3, 3, 8, 9, 2]))


def device_graph() -> Data:
    """Four moments of three devices."""
    values = torch.randn(4, 3, FEATURES, generator=generator(0, "devices"))
    return build_skeleton(values, torch.zeros(0, 2, dtype=torch.int64))


def patch_graph(neighbours: int = 0) -> GraphBatch:
    """Three coloured images of 4 x 6 pixels as graphs of patches."""
    layout = PatchGrid(channels=3, rows=2, columns=3, patch=2, neighbours=neighbours)
    return build_patches(torch.rand(3, 3, 4, 6, generator=generator(0, "images")), layout)


def program_graph() -> GraphBatch:
    """Two programs ``{ a = 1; b = g(2); }`` and ``{ a; }``, each name declared but that of what is called."""
    layout = CodeLayout(("?", "block", "expression_statement", "identifier", "call", "number"), 32, 2)
    kind = torch.tensor([1, 2, 3, 5, 2, 3, 4, 3, 5, 1, 2, 3], dtype=torch.int32)
    parent = torch.tensor([0, 0, 1, 1, 0, 4, 4, 6, 6, 9, 9, 10])
    name = torch.tensor([-1, -1, 0, -1, -1, 1, -1, 2, -1, -1, -1, 0], dtype=torch.int32)
    words = torch.zeros(12, 2, dtype=torch.int32)
    words[[2, 3, 5, 7, 8, 11], 0] = torch.tensor([7, 8, 9, 10, 11, 7], dtype=torch.int32)
    sizes = torch.tensor([9, 3])
    edges, kinds = code_edges(parent, name, torch.arange(2).repeat_interleave(sizes), layout.edges)
    per_graph = torch.bincount((edges[0] >= 9).long())
    own = torch.isin(name, torch.tensor([0, 1]))
    nodes = {"kind": kind, "words": words, "parent_index": parent, "name": name, "own": own}
    graph = graph_batch(None, edges, sizes, per_graph, of_nodes=nodes, of_edges={"edge_kind": kinds})
    as_programs(graph, layout)
    return graph


def text_graph() -> Data:
    """The plain graph whose nodes have texts, of two topics in turn."""
    graph, topics = plain_graph(), ("kernel machines with large margins", "genetic search by mutation")
    graph.text = [f"Paper {node}: on {topics[node % 2]}. It studies {topics[node % 2]}." for node in range(NODES)]
    graph.x = fit_text_encoder(graph.text).encode(graph.text)
    return graph


def text_data() -> NodeGraph:
    """The graph of texts as data."""
    return NodeGraphData(given=text_graph(), features="text").load(seed=0)


GRAPHS = {
    "plain": plain_graph,
    "batch": batch_graph,
    "looped": looped_graph,
    "bipartite": bipartite_graph,
    "featured": featured_graph,
}


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
    #: of the training split: two of the nodes have none, and one is the only one of its class
    train_labels: Mapping[str, Tensor] = {
        name: torch.tensor([-1, 5, -1, *(i % 2 for i in range(count - 3))])
        for name, count in {"": NODES, **TYPES}.items()
    }
    #: the examples that training sees
    training_ids = torch.arange(NODES)
    #: what each example predicts; of one example nobody else does
    target_of = torch.tensor([7, *(i % 3 for i in range(NODES - 1))])

    @staticmethod
    def training_examples() -> list[Batch]:
        """Ten programs, of two kinds in turn."""
        return [Batch(ids, {}, {"graph": program_graph()}) for ids in torch.arange(NODES).split(2)]


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

    def view(self, name: str) -> Any:
        """Of a view only what augmenters that are trained leave there."""
        leaf = self._leaf(parse_address(f"{name}.nodes"))
        told = {"expert_weights": leaf.softmax(1), "expert_names": list("abcd"[:DIM]), "gates": leaf.sigmoid()}
        told["edits"] = torch.arange(len(leaf)) % 3 + 1.0 + (name == "c")
        return SimpleNamespace(graph=Data(**told))

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


def make(part: registry.Part, **options: float) -> nn.Module:
    """A small augmenter."""
    graphs = {"text": text_graph, "windows": window_graph}
    wanted = graphs.get(part.meta.get("needs") or part.meta.get("edges", ""))
    context = {} if wanted is None else {"graph": wanted()}
    return build("augmenter", part.name, {**(part.example or {}), **options}, generator=generator(0, "init"), **context)


def strength(part: registry.Part) -> str | None:
    """The option that says how strong an augmenter is, where it has one."""
    return next((name for name in STRENGTHS if name in describe(part.cls)["options"]), None)
