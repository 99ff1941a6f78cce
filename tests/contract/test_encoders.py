"""What holds of every tower and head: sizes, seeds, and rows that are the same whether asked for alone or not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from graphcl.core.build import build
from graphcl.core.errors import UserError
from graphcl.core.registry import Part
from graphcl.core.schema import describe
from graphcl.core.seeds import generator
from graphcl.encode.base import Encoding, View

from . import toys
from .toys import DIM, chain_graph, parts, program_graph, returns_graph, window_graph

GRAPHS = {**toys.GRAPHS, "chains": chain_graph, "windows": window_graph, "returns": returns_graph,
          "programs": program_graph}


def make(part: Part, graph: Any, seed: int = 0, **options: Any) -> nn.Module:
    tower = build("tower", part.name, {**(part.example or {}), **options}, graph=graph, generator=generator(seed))
    return tower.eval()


def builds(part: Part, kind: str) -> bool:
    """What a tower cannot encode it refuses in one clear line, when it is built or called."""
    try:
        make(part, GRAPHS[kind]())(View(GRAPHS[kind]()))
    except UserError:
        return False
    return True


BUILT = [(part, kind) for part in parts("tower") for kind in GRAPHS if builds(part, kind)]
POOLED = [(part, kind) for part, kind in BUILT if "pooling" in describe(part.cls)["options"] and kind != "bipartite"]
on_graphs = pytest.mark.parametrize(("part", "kind"), BUILT, ids=[f"{part.name}-{kind}" for part, kind in BUILT])
LEARNED = [(part, kind) for part, kind in BUILT if list(make(part, GRAPHS[kind]()).parameters())]
on_learned = pytest.mark.parametrize(("part", "kind"), LEARNED, ids=[f"{part.name}-{kind}" for part, kind in LEARNED])
heads = pytest.mark.parametrize("part", parts("head"), ids=lambda part: part.name)
row_heads = pytest.mark.parametrize(
    "part", [part for part in parts("head") if not getattr(part.cls, "wants_view", False)], ids=lambda part: part.name
)


def same(a: Encoding, b: Encoding) -> bool:
    return torch.equal(a.nodes, b.nodes) and all(torch.equal(x, y) for x, y in zip(a.layers, b.layers, strict=True))


def test_every_tower_encodes_some_graph() -> None:
    assert {part.name for part, _ in BUILT} == {part.name for part in parts("tower")}


@on_graphs
def test_sizes_are_those_it_states(part: Part, kind: str) -> None:
    graph = GRAPHS[kind]()
    tower = make(part, graph)
    encoding = tower(View(graph))
    assert encoding.nodes.shape == (graph.num_nodes, tower.out_dim)
    assert bool(torch.isfinite(encoding.nodes).all())
    assert encoding.nodes.requires_grad == bool(list(tower.parameters()))
    assert encoding.layers
    assert {len(layer) for layer in encoding.layers} == {graph.num_nodes}
    assert encoding.rows is None
    stops = [stop for _, stop in encoding.slices.values()]
    assert not stops or stops[-1] == graph.num_nodes


@pytest.mark.parametrize(("part", "kind"), POOLED, ids=[f"{part.name}-{kind}" for part, kind in POOLED])
def test_a_pooling_tower_gives_one_row_a_graph(part: Part, kind: str) -> None:
    graph = GRAPHS[kind]()
    tower = make(part, graph, pooling="mean")
    encoding = tower(View(graph))
    assert encoding.graphs is not None
    many = kind in ("batch", "windows")
    member = graph.batch if many else torch.zeros(graph.num_nodes, dtype=torch.int64)
    number = int(member.max()) + 1
    assert encoding.graphs.shape == (number, tower.out_dim)
    for index in range(number):
        torch.testing.assert_close(encoding.graphs[index], encoding.nodes[member == index].mean(0))
    assert make(part, graph, pooling="none")(View(graph)).graphs is None


@on_learned
def test_initial_weights_follow_from_the_seed(part: Part, kind: str) -> None:
    graph = GRAPHS[kind]()
    torch.manual_seed(1)
    first = make(part, graph)(View(graph))
    torch.manual_seed(2)
    assert same(first, make(part, graph)(View(graph)))
    assert not torch.equal(first.nodes, make(part, graph, seed=1)(View(graph)).nodes)


@on_graphs
@pytest.mark.parametrize("training", [False, True])
def test_the_rows_asked_for_are_those_of_all(part: Part, kind: str, training: bool) -> None:
    graph = GRAPHS[kind]()
    tower, twin = (make(part, graph).train(training) for _ in range(2))
    for wanted in (torch.tensor([1, 4, 5, 9]), torch.tensor([0]), torch.arange(int(graph.num_nodes or 0))):
        whole, some = tower(View(graph)), twin(View(graph), rows=wanted)
        torch.testing.assert_close(some.nodes, whole.nodes.index_select(0, wanted), rtol=1e-6, atol=1e-6)
        assert torch.equal(some.rows, wanted)
        assert some.slices == whole.slices
        for layer, full in zip(some.layers, whole.layers, strict=True):
            expected = full if len(layer) == len(full) else full.index_select(0, wanted)
            torch.testing.assert_close(layer, expected, rtol=1e-6, atol=1e-6)
            at = some.position(layer, wanted)
            torch.testing.assert_close(layer.index_select(0, at), full.index_select(0, wanted), rtol=1e-6, atol=1e-6)


@on_learned
def test_gradients_of_rows_are_those_of_all(part: Part, kind: str) -> None:
    graph, wanted = GRAPHS[kind](), torch.tensor([1, 4, 5, 9])
    towers = [make(part, graph) for _ in range(2)]
    towers[0](View(graph)).nodes.index_select(0, wanted).square().sum().backward()
    towers[1](View(graph), rows=wanted).nodes.square().sum().backward()
    for (name, one), (_, other) in zip(*(tower.named_parameters() for tower in towers), strict=True):
        if one.grad is not None:
            torch.testing.assert_close(other.grad, one.grad, rtol=1e-5, atol=1e-6, msg=name)
    assert any(p.grad is not None and bool(p.grad.any()) for p in towers[1].parameters())


@on_graphs
def test_the_graph_is_not_written_to(part: Part, kind: str) -> None:
    graph = GRAPHS[kind]()
    before = {id(store): {name: value.clone() for name, value in store.items() if isinstance(value, Tensor)}
              for store in graph.stores}
    make(part, graph)(View(graph))
    for store in graph.stores:
        assert all(torch.equal(store[name], value) for name, value in before[id(store)].items())


# --- heads -----------------------------------------------------------------------------------------


def head(part: Part, seed: int = 0) -> nn.Module:
    context = {"in_dim": DIM, "graph": GRAPHS["plain"](), "generator": generator(seed)}
    return build("head", part.name, part.example or {}, **context).eval()


def applied(module: nn.Module, latent: Tensor) -> Tensor:
    return module(latent, View(GRAPHS["plain"]())) if getattr(module, "wants_view", False) else module(latent)


@heads
def test_a_head_keeps_the_number_of_rows_and_leaves_its_input_alone(part: Part) -> None:
    latent = torch.randn(10, DIM, generator=generator(1))
    module, before = head(part), latent.clone()
    assert applied(module, latent).shape == (10, module.out_dim)
    assert torch.equal(latent, before)


@row_heads
def test_a_head_maps_rows_to_its_width_each_by_itself(part: Part) -> None:
    latent = torch.randn(6, DIM, generator=generator(1))
    module, before = head(part), latent.clone()
    result = module(latent)
    assert result.shape == (6, module.out_dim)
    assert torch.equal(latent, before)
    torch.testing.assert_close(module(latent[:2]), result[:2])
    assert module(latent[:0]).shape == (0, module.out_dim)


@heads
def test_a_head_follows_from_the_seed(part: Part) -> None:
    latent = torch.randn(10, DIM, generator=generator(1))
    torch.manual_seed(1)
    first = applied(head(part), latent)
    torch.manual_seed(2)
    assert torch.equal(first, applied(head(part), latent))
    assert not torch.equal(first, applied(head(part, seed=1), latent))
