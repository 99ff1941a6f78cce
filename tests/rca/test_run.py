"""RUN: the neural graph, pruned, and the walk; what the change says comes first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from graphcl.core.errors import GraphCLError
from graphcl.data.telemetry import Column
from graphcl.rca import Analysis, analyse
from graphcl.rca.graph_methods import rank_by_walk
from graphcl.rca.question import Question
from graphcl.rca.run import MOST_METRICS, clear_edges, neural_edges, rows_of
from graphcl.rca.run_reference import pruned_as_published
from graphcl.rca.walk import WalkOptions

from .incident import incident, moment


@pytest.fixture(scope="module")
def both() -> tuple[Analysis, list[Analysis]]:
    early: list[Analysis] = []
    found = analyse(incident(), anomaly_time=moment(200), method="run", first=early.append)
    return found, early


def test_the_cause_is_first_and_the_graph_is_pruned(both: tuple[Analysis, list[Analysis]]) -> None:
    found, _ = both
    assert found.method == "run"
    assert found.services[0].service == "db"
    weights = {(cause, effect): weight for cause, effect, weight in found.graph}
    assert weights["db_latency", "cart_latency"] > 0.3
    assert ("cart_latency", "db_latency") not in weights
    names = {one.name for one in found.metrics}
    assert found.graph
    assert all(cause in names and effect in names and cause != effect and weight > 0 for cause, effect, weight in
               found.graph)  # fmt: skip
    assert nx.is_directed_acyclic_graph(nx.DiGraph([(cause, effect) for cause, effect, _ in found.graph]))
    assert found.services[0].ranks is not None


def test_the_change_alone_answers_first(both: tuple[Analysis, list[Analysis]]) -> None:
    found, (early,) = both
    assert early.method == "deviation"
    assert early.services[0].service == "db"
    assert early.seconds < found.seconds
    assert not early.graph


def test_the_first_answer_does_not_wait_for_torch() -> None:
    script = (
        "import sys\n"
        "from graphcl.rca import analyse\n"
        "from tests.rca.incident import incident, moment\n"
        "def first(found):\n"
        "    print(found.services[0].service, 'torch' in sys.modules)\n"
        "    raise SystemExit(0)\n"
        "analyse(incident(), method='run', first=first)\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["db", "False"]


def test_causes_that_stand_out_by_hand() -> None:
    scores = np.array([[9.0, 0.1, 0.1, 0.9], [0.5, 9.0, 0.5, 0.5], [0.0, 0.0, 9.0, 0.0], [0.2, 0.8, 0.2, 9.0]])
    assert clear_edges(scores) == [(3, 0, 0.9), (1, 3, 0.8)]  # an even row and an empty one have none


def test_a_graph_that_is_given_is_not_drawn_again() -> None:
    draw = np.random.default_rng(0)
    normal, anomalous = draw.normal(size=(60, 4)), draw.normal(size=(8, 4))
    anomalous[:, 1] += 20

    def refuse(values: np.ndarray) -> list[tuple[int, int, float]]:
        raise AssertionError("drawn")

    columns = (Column("a", "x", "a_x"),) * 4
    question = Question(normal, anomalous, columns, edges=((2, 1, 1.0), (1, 2, 0.5)))
    found = rank_by_walk(question, refuse, WalkOptions(acyclic=True), most=3)
    assert found.edges in (((2, 1, 1.0),), ())  # a metric outside of the graph takes its edges with it
    assert np.isfinite(found.scores).all()
    assert MOST_METRICS >= 30


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "run", "overrides": ["train.lrr=1"]}, "nearest: 'train.lr'"),
        ({"method": "run", "recipe": "run_rcaa"}, "unknown recipe 'run_rcaa'"),
        ({"method": "run", "recipe": "grace"}, "is of the task 'node'"),
        ({"method": "baro", "overrides": ["train.lr=1"]}, "method 'baro' trains no recipe"),
    ],
)
def test_recipes_that_do_not_fit_are_refused_before_anything(options: dict[str, object], message: str) -> None:
    with pytest.raises(GraphCLError) as caught:
        analyse(incident(), first=lambda early: pytest.fail("too late"), **options)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_the_published_pruning_loses_all_to_one_self_edge() -> None:
    draw = np.random.default_rng(0)
    values = draw.normal(size=(50, 4)).cumsum(axis=0)
    edges = [(0, 1, 1.0), (1, 2, 1.0), (2, 0, 1.0), (2, 3, 1.0)]
    correlation = np.corrcoef(values.T)
    order = sorted(edges, key=lambda edge: correlation[edge[0], edge[1]])
    left = pruned_as_published(edges, values)
    assert left == order[-len(left) :]
    assert 0 < len(left) < 4
    assert pruned_as_published([*edges, (3, 3, 1.0)], values) == []


def test_run_as_published_gives_a_ranking_and_a_graph_without_cycles() -> None:
    quick = ("train.epochs=4", "train.eval_every=4", "phases.contrast.stop=2", "phases.forecast.start=2")
    found = analyse(incident(), anomaly_time=moment(200), method="run-reference", overrides=quick)
    assert len(found.services) == 4
    assert nx.is_directed_acyclic_graph(nx.DiGraph([(cause, effect) for cause, effect, _ in found.graph]))


def test_the_seam_of_a_normal_table_reaches_the_forecaster_where_it_leaves_rows_to_learn_from() -> None:
    columns = (Column("a", "x", "a_x"),) * 2

    def settings(after: int) -> dict[str, object]:
        return rows_of(Question(np.zeros((50, 2)), np.zeros((after, 2)), columns, breaks=(50,)), "run_rca")

    assert settings(30) == {"data.normal": 50, "data.breaks": [50]}
    assert settings(8) == {"data.normal": 50}  # as long as the context: nothing could be forecast in it


def test_no_forecast_reads_across_the_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    from graphcl.rca import neural

    seen: list[dict[str, object]] = []

    def noted(values: np.ndarray, **settings: object) -> np.ndarray:
        seen.append(settings)
        return np.zeros((values.shape[1], values.shape[1]))

    monkeypatch.setattr(neural, "causal_scores", noted)
    normal = incident(fault="none")
    normal["time"] -= 86400
    analyse(incident(rows=40, begins=20), normal=normal, anomaly_time=moment(20), method="run")
    assert (seen[0]["data.breaks"], seen[0]["data.normal"]) == ([240], 260)


def test_seeds_vote_on_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    from graphcl.rca import neural

    def drawn(values: np.ndarray, *, seed: int, **settings: object) -> np.ndarray:
        scores = np.zeros((4, 4))
        scores[1, 0] = 1.0 + seed  # all seeds: 0 causes 1
        scores[2, seed % 3] = 1.0  # each seed another cause of 2
        return scores

    monkeypatch.setattr(neural, "causal_scores", drawn)
    columns = (Column("a", "x", "a_x"),) * 4
    question = Question(np.zeros((50, 4)), np.zeros((9, 4)), columns, seed=3, votes=3)
    assert neural_edges(np.zeros((59, 4)), question, "run_rca") == [(0, 1, 5.0)]
