"""The plain functions of augmenters as a program calls them: graphs of any library, values out of range."""

from __future__ import annotations

import inspect
from typing import Any

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

import graphcl.augment
from graphcl.augment import Transform, drop_edges, drop_nodes, knn_graph, ppr, random_walk_subgraph
from graphcl.core.errors import UserError
from graphcl.core.schema import describe

from ..contract.toys import parts
from .graphs import seeded

#: What is trained, reads the texts of one graph, or needs coordinates: none is a function of any graph.
SPECIAL = ("needs", "learned", "triples")
LEFT_OUT = {"one_of", *(part.name for part in parts("augmenter") if any(map(part.meta.get, SPECIAL)))}
EVERY = [part for part in parts("augmenter") if part.meta["level"] == "graph" and part.name not in LEFT_OUT]
#: Those that no graph of another library has what it takes for.
OF_A_KIND = ("chains", "windows", "patches", "programs", "devices")
GRAPH_LEVEL = [part for part in EVERY if part.meta["edges"] not in OF_A_KIND]


def function(name: str) -> Any:
    return getattr(graphcl.augment, name)


def arguments(name: str) -> dict[str, Any]:
    """The part's defaults that its function takes, and a source of draws where it draws."""
    known = inspect.signature(function(name)).parameters
    part = next(part for part in EVERY if part.name == name)
    options = {key: option["default"] for key, option in describe(part.cls)["options"].items() if key in known}
    needed = {"generator": seeded(), "similar": torch.zeros(9, 1, dtype=torch.int64), "desired": torch.zeros(2)}
    return options | {key: value for key, value in needed.items() if key in known}


def club() -> nx.Graph:
    graph = nx.karate_club_graph()
    for node in graph:
        graph.nodes[node].clear()
        graph.nodes[node]["x"] = [1.0, float(node)]
    return graph


@pytest.mark.parametrize("name", [part.name for part in GRAPH_LEVEL])
def test_each_takes_a_networkx_graph_and_refuses_what_is_none(name: str) -> None:
    assert function(name)(club(), **arguments(name)).num_nodes == 34
    with pytest.raises(UserError, match=r"expected a graph .* got ndarray"):
        function(name)(torch.rand(3, 3).numpy(), **arguments(name))


@pytest.mark.parametrize("name", [part.name for part in EVERY])
def test_each_refuses_what_its_options_refuse(name: str) -> None:
    """A number with a lower bound is refused below it, and so is NaN, by the name of function and parameter."""
    known = inspect.signature(function(name)).parameters
    part = next(part for part in EVERY if part.name == name)
    options = {key: option["schema"] for key, option in describe(part.cls)["options"].items() if key in known}
    bounded = [key for key, option in options.items() if {"minimum", "exclusiveMinimum"} & option.keys()]
    assert bounded or not any(option.get("type") in ("number", "integer") for option in options.values())
    for key in bounded:
        for wrong in (-1, float("nan"), "0.1", True):
            with pytest.raises(UserError, match=f"^{name}: {key} must be a .*number"):
                function(name)(club(), **arguments(name) | {key: wrong})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: drop_edges(club(), 2, generator=seeded()), r"drop_edges: p must be a number >= 0 and <= 1, got 2"),
        (lambda: ppr(club(), 0.0), r"ppr: alpha must be a number > 0 and <= 1, got 0\.0"),
        (lambda: ppr(club(), top_k=2.5), r"diffuse: top_k must be a whole number >= 0, got 2\.5"),
        (lambda: ppr(club(), norm="rows"), r"diffuse: norm must be one of 'gcn', 'sym', 'row', got 'rows'"),
        (lambda: knn_graph(club(), 3, pairs="all"), r"pairs must be one of 'union', 'mutual', 'directed', got 'all'"),
        (lambda: random_walk_subgraph(club(), 0.1, 3, keep=2.0, generator=seeded()), r"keep must be a number .* got 2"),
    ],
)
def test_a_value_out_of_range_is_named(call: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        call()


def test_a_forgotten_argument_is_pythons_own_error() -> None:
    with pytest.raises(TypeError, match=r"drop_edges\(\) missing 1 required keyword-only argument: 'generator'"):
        drop_edges(club(), 0.5)  # type: ignore[call-arg]


def test_an_edge_to_a_node_that_is_not_there_is_named() -> None:
    graph = Data(x=torch.rand(3, 2), edge_index=torch.tensor([[0, 1], [1, 7]]))
    for call in (
        lambda: drop_nodes(graph, 0.5, generator=seeded()),
        lambda: random_walk_subgraph(graph, 0.5, 3, generator=seeded()),
    ):
        with pytest.raises(UserError, match=r"an edge names node 7, but there are 3 \(counted from 0\)"):
            call()


def test_neighbours_are_found_among_points_without_edges() -> None:
    points = Data(x=torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]))
    assert knn_graph(points, 1).edge_index.tolist() == [[0, 1, 2, 3], [1, 0, 3, 2]]
    assert points.edge_index is None


def test_a_transform_takes_a_networkx_graph() -> None:
    assert Transform("drop_edges", p=0.3, centrality="degree")(club()).num_edges < 156
    with pytest.raises(UserError, match="low_rank augments operators"):
        Transform("low_rank")
