"""What holds of every augmenter: pure, seeded, and keeping what its name does not say it changes."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Data, HeteroData
from torch_geometric.utils import coalesce

from graphcl.core.build import build
from graphcl.core.errors import UserError
from graphcl.core.registry import Part
from graphcl.core.schema import describe
from graphcl.core.seeds import generator
from graphcl.graph.operators import Operator, build_operator
from graphcl.objective.base import Rows

from .toys import DIM, GRAPHS, parts, tensors

GRAPH_LEVEL = [part for part in parts("augmenter") if part.meta["level"] == "graph"]
OPERATOR_LEVEL = [part for part in parts("augmenter") if part.meta["level"] == "operator"]
LATENT_LEVEL = [part for part in parts("augmenter") if part.meta["level"] == "latent"]
#: Options that say how strong an augmenter is: at 0 it changes nothing.
STRENGTHS = ("p", "eps")



def make(part: Part, **options: float) -> nn.Module:
    return build("augmenter", part.name, {**(part.example or {}), **options}, generator=generator(0, "init"))


def takes(part: Part, kind: str) -> bool:
    """Whether it works on this kind of graph; what it does not work on it refuses in one clear line."""
    try:
        make(part)(GRAPHS[kind](), generator=generator(0))
    except UserError:
        return False
    return True


def strength(part: Part) -> str | None:
    return next((name for name in STRENGTHS if name in describe(part.cls)["options"]), None)


TAKEN = [(part, kind) for part in GRAPH_LEVEL for kind in GRAPHS if takes(part, kind)]
on_graphs = pytest.mark.parametrize(("part", "kind"), TAKEN, ids=[f"{part.name}-{kind}" for part, kind in TAKEN])
WITH_STRENGTH = [(part, kind) for part, kind in TAKEN if strength(part) and part.meta["edges"] != "new"]
on_operators = pytest.mark.parametrize("part", OPERATOR_LEVEL, ids=lambda part: part.name)


def test_every_augmenter_says_its_level() -> None:
    assert {part.meta["level"] for part in parts("augmenter")} <= {"graph", "operator", "latent"}
    assert len(GRAPH_LEVEL) > 4
    assert len(OPERATOR_LEVEL) > 2


def test_each_takes_a_plain_graph() -> None:
    assert [part.name for part in GRAPH_LEVEL] == [part.name for part, kind in TAKEN if kind == "plain"]


@on_graphs
def test_its_input_is_not_written_to_and_not_shared(part: Part, kind: str) -> None:
    graph = GRAPHS[kind]()
    before = {name: tensor.clone() for name, tensor in tensors(graph).items()}
    pointers = {tensor.data_ptr() for tensor in tensors(graph).values() if tensor.numel()}
    keys = set(tensors(graph))
    result = make(part)(graph, generator=generator(1))
    assert set(tensors(graph)) == keys, "it added to its input"
    assert all(torch.equal(before[name], tensor) for name, tensor in tensors(graph).items())
    shared = [name for name, tensor in tensors(result).items() if tensor.numel() and tensor.data_ptr() in pointers]
    assert shared == []


@on_graphs
def test_what_it_draws_follows_from_the_seed(part: Part, kind: str) -> None:
    graph, module = GRAPHS[kind](), make(part)
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


@on_graphs
def test_nodes_types_and_symmetry_are_kept(part: Part, kind: str) -> None:
    graph = GRAPHS[kind]()
    result = make(part)(graph, generator=generator(1))
    assert type(result) is type(graph)
    assert result.num_nodes == graph.num_nodes
    if isinstance(graph, HeteroData):
        assert result.node_types == graph.node_types
        assert result.edge_types == graph.edge_types
        assert [s.num_nodes for s in result.node_stores] == [s.num_nodes for s in graph.node_stores]
        there, back = (result[edge_type].edge_index for edge_type in result.edge_types)
        assert torch.equal(coalesce(there), coalesce(back.flip(0)))
    else:
        assert result.x.shape == graph.x.shape
        assert result.is_undirected()
    for before, after in zip(graph.stores, result.stores, strict=True):
        for name, value in before.items():
            if isinstance(value, Tensor):
                assert after[name].dtype == value.dtype
        if "edge_weight" in before:
            assert after.edge_weight.shape == (after.edge_index.shape[1],)


@pytest.mark.parametrize(("part", "kind"), WITH_STRENGTH, ids=[f"{part.name}-{kind}" for part, kind in WITH_STRENGTH])
def test_at_strength_zero_nothing_changes(part: Part, kind: str) -> None:
    graph = GRAPHS[kind]()
    result = make(part, **{strength(part) or "": 0.0})(graph, generator=generator(1))
    before, after = tensors(graph), tensors(result)
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("part", GRAPH_LEVEL, ids=lambda part: part.name)
def test_an_empty_graph_comes_back_empty(part: Part) -> None:
    graph = Data(x=torch.zeros(3, 2), edge_index=torch.zeros(2, 0, dtype=torch.int64), num_nodes=3)
    result = make(part)(graph, generator=generator(1))
    assert result.num_nodes == 3
    if part.meta["edges"] == "new":
        assert result.edge_index.shape[0] == 2
    else:
        assert result.edge_index.shape == (2, 0)


# --- operators -------------------------------------------------------------------------------------


def dense(operator: Operator) -> Tensor:
    return operator.propagate(torch.eye(operator.shape[1]))


@on_operators
@pytest.mark.parametrize("kind", ["plain", "bipartite"])
def test_an_operator_keeps_its_shape_and_leaves_its_source_alone(part: Part, kind: str) -> None:
    source = build_operator(GRAPHS[kind](), "sym")
    before = dense(source).clone()
    result = make(part)(source, generator=generator(1))
    assert result.shape == source.shape
    assert bool(torch.isfinite(dense(result)).all())
    assert torch.equal(dense(source), before)
    x = torch.randn(source.shape[1], DIM, generator=generator(2))
    kept = x.clone()
    result.propagate(x)
    assert torch.equal(x, kept)


@on_operators
@pytest.mark.parametrize("kind", ["plain", "bipartite"])
def test_an_operator_follows_from_the_seed(part: Part, kind: str) -> None:
    source = build_operator(GRAPHS[kind](), "sym")
    x = torch.randn(source.shape[1], DIM, generator=generator(2))
    first, again, other = (
        make(part)(source, generator=generator(seed)).propagate(x) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    if part.meta.get("stochastic", True):
        assert not torch.equal(first, other)


@on_operators
def test_a_stochastic_operator_differs_from_its_source_and_at_strength_zero_does_not(part: Part) -> None:
    source = build_operator(GRAPHS["bipartite"](), "sym")
    x = torch.randn(source.shape[1], DIM, generator=generator(2))
    assert not torch.allclose(make(part)(source, generator=generator(1)).propagate(x), source.propagate(x))
    name = strength(part)
    if name is not None:
        weak = make(part, **{name: 0.0})(source, generator=generator(1))
        assert torch.equal(weak.propagate(x), source.propagate(x))


@on_operators
def test_its_gradient_reaches_what_is_propagated(part: Part) -> None:
    source = build_operator(GRAPHS["bipartite"](), "sym")
    x = torch.randn(source.shape[1], DIM, generator=generator(2)).requires_grad_()
    make(part)(source, generator=generator(1)).propagate(x).square().sum().backward()
    assert x.grad is not None
    assert bool(torch.isfinite(x.grad).all())
    assert bool(x.grad.any())


# --- latents ---------------------------------------------------------------------------------------


def test_latents_are_pure_and_seeded() -> None:
    for part in LATENT_LEVEL:
        module = build("augmenter", part.name, part.example or {}, in_dim=DIM, generator=generator(0, "init"))
        latent = torch.randn(5, DIM, generator=generator(3))
        reads = {name: Rows(torch.randn(6, DIM, generator=generator(4, name))) for name in getattr(module, "reads", {})}
        before = latent.clone()
        first = module(latent, **reads, generator=generator(1))
        assert torch.equal(latent, before)
        assert first.shape[0] == 5 or getattr(module, "own_rows", False)
        assert first.data_ptr() != latent.data_ptr()
        assert torch.equal(first, module(latent, **reads, generator=generator(1)))
