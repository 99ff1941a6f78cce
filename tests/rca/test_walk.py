from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphcl.data.telemetry import Column
from graphcl.rca.graph_methods import filled, granger_graph, rank_by_walk
from graphcl.rca.question import Question
from graphcl.rca.walk import WalkOptions, break_cycles, dangling_first, walk

COLUMNS = tuple(Column(f"s{k}", "x", f"s{k}_x") for k in range(8))
Edges = list[tuple[int, int, float]]
some_edges = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 1000).map(float)),
    max_size=25,
    unique_by=(lambda edge: edge[:2], lambda edge: edge[2]),
)


@given(some_edges)
def test_breaking_cycles_leaves_none_and_takes_only_the_weakest_of_a_cycle(edges: Edges) -> None:
    kept = break_cycles(edges)
    graph = nx.DiGraph([edge[:2] for edge in kept])
    assert nx.is_directed_acyclic_graph(graph)
    for edge in set(edges) - set(kept):
        cause, effect, weight = edge
        if cause == effect:
            continue
        stronger = nx.DiGraph([(a, b) for a, b, w in kept if w > weight])
        assert stronger.has_node(effect)
        assert stronger.has_node(cause)
        assert nx.has_path(stronger, effect, cause)  # the edge was the weakest of this cycle


def test_a_self_edge_takes_nothing_with_it_and_an_edge_on_no_cycle_stays_however_weak() -> None:
    edges = [(0, 0, 9.0), (0, 1, 3.0), (1, 2, 2.0), (2, 0, 1.0), (2, 3, 0.1)]
    assert break_cycles(edges) == [(0, 1, 3.0), (1, 2, 2.0), (2, 3, 0.1)]


def test_a_walk_to_causes_ends_at_the_cause_and_the_other_way_at_the_symptom() -> None:
    chain = [(0, 1, 1.0), (1, 2, 1.0), (2, 3, 1.0)]
    assert np.argmax(walk(chain, 5)) == 0
    assert np.argmax(walk(chain, 5, direction="to_effects")) == 3
    start = np.array([0, 0, 1.0, 0, 0])
    visits = walk(chain, 5, start)
    assert visits.sum() == pytest.approx(1)
    assert visits[3] == pytest.approx(0, abs=1e-6)  # nothing walks to an effect
    assert visits[4] == pytest.approx(0, abs=1e-6)


def test_weights_matter_when_asked() -> None:
    edges = [(0, 2, 9.0), (1, 2, 1.0)]
    heavy, even = walk(edges, 3), walk(edges, 3, weighted=False)
    assert heavy[0] > heavy[1]
    assert even[0] == pytest.approx(even[1])


def test_a_personalisation_of_nothing_is_everywhere() -> None:
    edges = [(0, 1, 1.0)]
    np.testing.assert_allclose(walk(edges, 3, np.zeros(3)), walk(edges, 3))
    np.testing.assert_allclose(walk([], 3), 1 / 3)


def test_dangling_first() -> None:
    assert dangling_first([(0, 1, 1.0), (2, 2, 1.0)], 3).tolist() == [0.5, 1.0, 1.0]


def test_filled() -> None:
    values = np.array([[np.nan, np.nan], [1, np.nan], [np.nan, np.nan], [3, np.nan]])
    assert filled(values).tolist() == [[1, 0], [1, 0], [1, 0], [3, 0]]


def test_metrics_beyond_the_graph_follow_by_their_change() -> None:
    draw = np.random.default_rng(0)
    normal, anomalous = draw.normal(size=(80, 8)), draw.normal(size=(9, 8))
    anomalous += np.arange(8) * 5
    found = rank_by_walk(Question(normal, anomalous, COLUMNS), granger_graph, most=3)
    assert set(np.argsort(-found.scores)[:3].tolist()) == {5, 6, 7}
    assert np.argsort(-found.scores)[3:5].tolist() == [4, 3]
    assert all(cause >= 5 and effect >= 5 for cause, effect, _ in found.edges)
    assert "the 3 of 8 metrics that change most" in found.notes[0]


@pytest.mark.parametrize(
    ("prior", "left"),
    [
        ("none", {(0, 1), (1, 0), (1, 2), (2, 3), (3, 0)}),
        ("onset", {(0, 1), (2, 3)}),  # 0 deviates first, then 1; 2 and 3 do not
        ("map", {(0, 1), (1, 0), (2, 3)}),
        ("both", {(0, 1), (2, 3)}),
    ],
)
def test_edges_that_do_not_agree_with_a_prior_are_left_out(prior: str, left: set[tuple[int, int]]) -> None:
    draw = np.random.default_rng(0)
    normal, anomalous = draw.uniform(size=(80, 4)), 0.5 * draw.uniform(size=(9, 4)) + 0.25
    anomalous[1:, 0] += 20
    anomalous[4:, 1] += 30
    columns = tuple(Column(service, "x", f"{service}_x") for service in ("db", "cart", "ads", "ads"))
    edges = ((0, 1, 1.0), (1, 0, 1.0), (1, 2, 1.0), (2, 3, 1.0), (3, 0, 1.0))
    walk_on = WalkOptions(prior=prior)  # type: ignore[arg-type]
    question = Question(normal, anomalous, columns, walk=walk_on, edges=edges, callers={"cart": ["db"]})
    found = rank_by_walk(question, lambda values: [])
    expected = left if prior != "onset" else left | {(1, 2)}  # what does not deviate comes last
    assert {edge[:2] for edge in found.edges} == expected
    assert ("left out" in " ".join(found.notes)) == (prior != "none")
    unknown = rank_by_walk(replace(question, callers={}), lambda values: [])
    assert (len(unknown.edges) == 5) == (prior in ("none", "map"))


def test_a_walk_begins_at_a_service_that_is_gone() -> None:
    draw = np.random.default_rng(0)
    normal, anomalous = draw.uniform(size=(80, 4)), draw.uniform(size=(9, 4))
    anomalous[:, :2] += 50  # its caller changes by more than a silence counts
    anomalous[:, 2:] = np.nan
    columns = tuple(Column(service, name, f"{service}_{name}") for service in ("web", "db") for name in "xy")
    found = rank_by_walk(Question(normal, anomalous, columns, edges=()), lambda values: [])
    assert min(found.scores[2:]) > max(found.scores[:2])
    assert found.notes == ("the graph has no edge: no cause stands out, and the ranking follows the change",)
    anywhere = Question(normal, anomalous, columns, edges=(), walk=WalkOptions(personalisation="none"))
    assert rank_by_walk(anywhere, lambda values: []).notes == ("the graph has no edge: no cause stands out",)
