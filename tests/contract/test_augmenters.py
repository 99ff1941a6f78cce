"""What holds of every augmenter of graphs: pure, seeded, and keeping what its name does not say it changes."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from graphcl.augment.rebuild import edge_level_names
from graphcl.core.errors import UserError
from graphcl.core.registry import Part
from graphcl.core.schema import describe
from graphcl.core.seeds import generator
from graphcl.encode.base import Graph
from graphcl.graph.operators import build_operator

from .toys import (
    FEATURES,
    GRAPHS,
    device_graph,
    lone_graph,
    make,
    parts,
    patch_graph,
    plain_graph,
    program_graph,
    returns_graph,
    strength,
    tensors,
    text_graph,
    window_graph,
)

#: What a graph-level augmenter says of its edges: all as they were, some of them, some more, made anew, any such,
#: those of chains, which are other nodes too, or as they were in windows of a table, or of images in patches, the only
#: graphs it takes; or those of some devices.
EDGES = {"same", "kept", "more", "new", "any", "chains", "windows", "patches", "programs", "devices"}
OF_GRAPHS = [part for part in parts("augmenter") if part.meta["level"] == "graph"]
OF_TEXTS = [part for part in OF_GRAPHS if part.meta.get("needs") == "text"]
GRAPH_LEVEL = [
    part for part in OF_GRAPHS
    if part.meta["edges"] not in ("chains", "windows", "patches", "programs", "devices") and part not in OF_TEXTS
]
OF_CHAINS = [part for part in OF_GRAPHS if part.meta["edges"] == "chains"]
OF_WINDOWS = [part for part in OF_GRAPHS if part.meta["edges"] == "windows"]
OF_PATCHES = [part for part in OF_GRAPHS if part.meta["edges"] == "patches"]
OF_PROGRAMS = [part for part in OF_GRAPHS if part.meta["edges"] == "programs"]
OF_DEVICES = [part for part in OF_GRAPHS if part.meta["edges"] == "devices"]

def takes(part: Part, kind: str) -> bool:
    """Whether it works on this kind of graph; what it does not work on it refuses in one clear line."""
    try:
        make(part)(GRAPHS[kind](), generator=generator(0))
    except UserError:
        return False
    return True


TAKEN = [(part, kind) for part in GRAPH_LEVEL for kind in GRAPHS if takes(part, kind)]
on_graphs = pytest.mark.parametrize(("part", "kind"), TAKEN, ids=[f"{part.name}-{kind}" for part, kind in TAKEN])
ALL_GRAPHS = {**GRAPHS, "chains": returns_graph, "windows": window_graph, "texts": text_graph,
              "patches": patch_graph, "programs": program_graph, "devices": device_graph}
EVERY = [
    *TAKEN, *((part, "chains") for part in OF_CHAINS), *((part, "windows") for part in OF_WINDOWS),
    *((part, "texts") for part in OF_TEXTS), *((part, "patches") for part in OF_PATCHES),
    *((part, "programs") for part in OF_PROGRAMS), *((part, "devices") for part in OF_DEVICES),
]
on_all = pytest.mark.parametrize(("part", "kind"), EVERY, ids=[f"{part.name}-{kind}" for part, kind in EVERY])
WITH_STRENGTH = [(part, kind) for part, kind in TAKEN if strength(part) and part.meta["edges"] != "new"]


def test_every_augmenter_says_its_level() -> None:
    assert {part.meta["level"] for part in parts("augmenter")} <= {"graph", "operator", "latent"}
    assert {part.meta["edges"] for part in OF_GRAPHS} == EDGES
    assert len(GRAPH_LEVEL) > 10
    assert len(OF_CHAINS) >= 5


def test_each_takes_a_plain_graph() -> None:
    for kind in ("plain", "batch", "looped"):
        assert [part.name for part in GRAPH_LEVEL] == [part.name for part, taken in TAKEN if taken == kind]


def test_all_but_those_that_make_new_edges_take_types() -> None:
    """New edges between nodes of two types would have no type: these refuse in one clear line."""
    refused = [part for part in GRAPH_LEVEL if (part, "featured") not in TAKEN]
    assert refused == [part for part in GRAPH_LEVEL if part.meta["edges"] == "new"]
    for part in refused:
        with pytest.raises(UserError, match="needs one node type"):
            make(part)(GRAPHS["featured"](), generator=generator(0))


@on_all
def test_its_input_is_not_written_to_and_not_shared(part: Part, kind: str) -> None:
    graph = ALL_GRAPHS[kind]()
    before = {name: tensor.clone() for name, tensor in tensors(graph).items()}
    pointers = {tensor.data_ptr() for tensor in tensors(graph).values() if tensor.numel()}
    keys = set(tensors(graph))
    result = make(part)(graph, generator=generator(1))
    assert set(tensors(graph)) == keys, "it added to its input"
    assert all(torch.equal(before[name], tensor) for name, tensor in tensors(graph).items())
    shared = [name for name, tensor in tensors(result).items() if tensor.numel() and tensor.data_ptr() in pointers]
    assert shared == []


@on_all
def test_what_it_draws_follows_from_the_seed(part: Part, kind: str) -> None:
    graph, module = ALL_GRAPHS[kind](), make(part)
    torch.manual_seed(1)
    first = tensors(module(graph, generator=generator(1)))
    torch.manual_seed(2)
    again = tensors(make(part)(copy.copy(graph), generator=generator(1)))
    assert first.keys() == again.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)
    if part.meta.get("stochastic", True):
        others = [tensors(module(graph, generator=generator(seed))) for seed in range(2, 8)]
        assert any(not _equal(first, other) for other in others)


def _equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(a[k].shape == b[k].shape and torch.equal(a[k], b[k]) for k in a)


Rows = tuple[float, ...]


def edge_rows(graph: Graph) -> dict[object, list[Rows]]:
    """Edge type -> source, target and every attribute of each edge, sorted."""
    found = {}
    for store in graph.edge_stores:
        names = [name for name in edge_level_names(store) if name not in ("edge_index", "edge_orig_id")]
        values = [store[name] for name in sorted(names)]
        columns = [store.edge_index.T, *(value if value.dim() == 2 else value[:, None] for value in values)]
        found[store._key] = sorted(map(tuple, torch.cat([c.double() for c in columns], dim=1).tolist()))
    return found


def mirrored(rows: list[Rows]) -> list[Rows]:
    return sorted((target, source, *rest) for source, target, *rest in rows)


def check_kept(part: Part, graph: Graph, result: Graph) -> None:
    """Nodes, types, batch assignment, symmetry with paired attributes, and the edges that the part promises."""
    assert type(result) is type(graph)
    assert result.num_nodes == graph.num_nodes
    before, after = edge_rows(graph), edge_rows(result)
    assert before.keys() == after.keys()
    if isinstance(graph, HeteroData):
        assert (result.node_types, result.edge_types) == (graph.node_types, graph.edge_types)
        assert [s.num_nodes for s in result.node_stores] == [s.num_nodes for s in graph.node_stores]
        there, back = after.values()
        assert there == mirrored(back)
    else:
        assert result.x.shape == graph.x.shape
        assert after[None] == mirrored(after[None])
    for one, other in zip(graph.stores, result.stores, strict=True):
        for name, value in one.items():
            if isinstance(value, Tensor) and not (part.meta["edges"] == "new" and name in ("edge_weight", "edge_attr")):
                assert other[name].dtype == value.dtype
    for key, rows in after.items():
        old = before[key]
        if part.meta["edges"] == "same":
            assert rows == old
        elif part.meta["edges"] == "kept":
            assert set(rows) <= set(old)
        elif part.meta["edges"] == "more":
            assert set(old) <= set(rows)
    if "batch" in graph:
        assert torch.equal(result.batch, graph.batch)
        assert torch.equal(result.ptr, graph.ptr)
        source, target = result.edge_index
        assert torch.equal(graph.batch[source], graph.batch[target])
        sizes = torch.bincount(graph.batch[source], minlength=graph.num_graphs).tolist()
        assert [one.num_edges for one in result.to_data_list()] == sizes


@on_graphs
def test_nodes_types_batches_and_symmetry_are_kept(part: Part, kind: str) -> None:
    graph = GRAPHS[kind]()
    check_kept(part, graph, make(part)(graph, generator=generator(1)))


@pytest.mark.parametrize("part", OF_TEXTS, ids=lambda part: part.name)
def test_graphs_of_texts_are_kept_alike(part: Part) -> None:
    graph = text_graph()
    result = make(part)(graph, generator=generator(1))
    check_kept(part, graph, result)
    assert result.text == graph.text


@st.composite
def undirected_graphs(draw: st.DrawFn) -> Data:
    """Any pairs, once or more often, loops too, weights and attributes equal in both directions."""
    nodes = draw(st.integers(1, 8))
    node = st.integers(0, nodes - 1)
    pairs = draw(st.lists(st.tuples(node, node).map(sorted).map(tuple), max_size=12))
    weights = torch.tensor([1.0 + i for i in range(len(pairs))])
    apart = torch.tensor([s != t for s, t in pairs], dtype=torch.bool)
    edges = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T
    edges = torch.cat([edges, edges[:, apart].flip(0)], dim=1)
    weights = torch.cat([weights, weights[apart]])
    x = torch.arange(nodes * FEATURES, dtype=torch.float32).reshape(nodes, FEATURES)
    return Data(x=x, edge_index=edges, edge_weight=weights, edge_attr=weights[:, None] * 2, num_nodes=nodes)


@pytest.mark.parametrize("part", GRAPH_LEVEL, ids=lambda part: part.name)
@settings(max_examples=8, deadline=None)
@given(graph=undirected_graphs(), seed=st.integers(0, 99), p=st.sampled_from([0.0, 0.3, 1.0]))
def test_any_undirected_graph(part: Part, graph: Data, seed: int, p: float) -> None:
    before = {name: tensor.clone() for name, tensor in tensors(graph).items()}
    options = {"p": min(p, largest_p(part))} if strength(part) == "p" else {}
    check_kept(part, graph, make(part, **options)(graph, generator=generator(seed)))
    assert all(torch.equal(before[name], tensor) for name, tensor in tensors(graph).items())


def largest_p(part: Part) -> float:
    """1, or just below where everything cannot be dropped (dropout divides by what is left)."""
    return 0.99 if "exclusiveMaximum" in describe(part.cls)["options"]["p"]["schema"] else 1.0


WITH_P = [part for part in GRAPH_LEVEL if strength(part) == "p" and part.meta["edges"] in ("same", "kept")]


@pytest.mark.parametrize("part", WITH_P, ids=lambda part: part.name)
def test_p_is_the_share_that_is_dropped(part: Part) -> None:
    """Of undirected edges, nodes, columns or entries: within 4.5 standard deviations of a binomial share."""
    nodes, width = 400, 300
    ring = torch.stack([torch.arange(nodes), (torch.arange(nodes) + 1) % nodes])
    edges = torch.cat([ring, ring.flip(0)], dim=1)
    graph = Data(x=torch.ones(nodes, width), edge_index=edges, num_nodes=nodes)
    for p in (0.1, 0.35, 0.8):
        result = make(part, p=p)(graph, generator=generator(5))
        if part.meta["edges"] == "same":
            trials, dropped = width, float((result.x == 0).double().mean())
        else:  # an edge is left when no draw hits it: its own, or one of its two ends
            draws = 1 if part.name == "drop_edges" else 2
            trials, dropped = nodes, 1 - (result.num_edges / graph.num_edges) ** (1 / draws)
        assert abs(dropped - p) < 4.5 * (p * (1 - p) / trials) ** 0.5


@pytest.mark.parametrize("part", WITH_P, ids=lambda part: part.name)
def test_at_p_of_one_all_is_dropped(part: Part) -> None:
    graph = plain_graph()
    if largest_p(part) < 1:
        with pytest.raises(UserError, match="less than 1"):
            make(part, p=1.0)
        return
    result = make(part, p=1.0)(graph, generator=generator(1))
    assert result.num_nodes == graph.num_nodes
    assert not (result.x if part.meta["edges"] == "same" else result.edge_index).any()
    assert part.meta["edges"] == "same" or result.edge_attr.shape == (0, 2)


@pytest.mark.parametrize(("part", "kind"), WITH_STRENGTH, ids=[f"{part.name}-{kind}" for part, kind in WITH_STRENGTH])
def test_at_strength_zero_nothing_changes(part: Part, kind: str) -> None:
    graph = GRAPHS[kind]()
    result = make(part, **{strength(part) or "": 0.0})(graph, generator=generator(1))
    before, after = tensors(graph), tensors(result)
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("part", GRAPH_LEVEL, ids=lambda part: part.name)
@pytest.mark.parametrize("nodes", [1, 3])
def test_a_graph_without_edges(part: Part, nodes: int) -> None:
    graph = lone_graph(nodes)
    result = make(part)(graph, generator=generator(1))
    assert (result.num_nodes, result.x.shape) == (nodes, (nodes, FEATURES))
    assert result.edge_index.dtype == torch.int64
    if part.meta["edges"] != "new":
        assert result.edge_index.shape == (2, 0)


@pytest.mark.parametrize("part", GRAPH_LEVEL, ids=lambda part: part.name)
def test_isolated_and_trailing_nodes_stay(part: Part) -> None:
    """Nodes that no edge names, also where the graph does not say how many it has but by its features."""
    graph = plain_graph()
    del graph.num_nodes
    result = make(part)(graph, generator=generator(1))
    assert result.num_nodes == graph.num_nodes == len(graph.x)
    assert build_operator(result, "gcn").shape == build_operator(graph, "gcn").shape


@pytest.mark.parametrize("part", GRAPH_LEVEL, ids=lambda part: part.name)
def test_categories_and_sparse_features_are_left_alone_or_refused(part: Part) -> None:
    """0 is a category, not its absence."""
    for x in (torch.ones(10, 2, dtype=torch.int64), torch.ones(10, 2).to_sparse()):
        graph = plain_graph()
        graph.x = x
        try:
            result = make(part)(graph, generator=generator(1))
        except UserError as error:
            assert "must be a dense tensor of floats" in str(error)  # noqa: PT017
        else:
            assert torch.equal(result.x.to_dense(), x.to_dense())
