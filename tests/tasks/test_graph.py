"""The graph task: batches of whole graphs, a cross-validation that leaks nothing, baselines, runs end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor

import graphcl
from graphcl.cli.main import run as command
from graphcl.core.errors import NonFiniteError, UserError
from graphcl.core.seeds import generator
from graphcl.data.graph_sets.graph_set import GraphSet, GraphSetData
from graphcl.encode.base import View
from graphcl.encode.gin import GIN
from graphcl.engine.fit import fit
from graphcl.tasks.baselines.graph import WLHistogram, wl_colours
from graphcl.tasks.graph import GraphTask
from graphcl.tasks.probes.base import ClassCase, ClassProbe, Labelled
from graphcl.tasks.probes.svm import Svm


@pytest.fixture(scope="module")
def atlas() -> GraphSet:
    return GraphSetData().load(seed=0)


def test_batches_are_a_partition_with_their_own_graphs(atlas: GraphSet) -> None:
    task = GraphTask(data=atlas)
    batches = list(task.batches(50, generator=generator(0)))
    assert len(batches) == task.num_batches(50) == 3
    assert sorted(torch.cat([batch.ids for batch in batches]).tolist()) == list(range(141))
    for batch in batches:
        graph = batch.graphs["graph"]
        assert graph.num_graphs == batch.ids.numel() == batch.targets
        assert torch.equal(graph.get_example(1).edge_index, atlas.packed[int(batch.ids[1])].edge_index)
        assert "y" not in graph
    assert task.graphs["graph"].num_graphs == 141
    assert "y" not in task.graphs["graph"]
    ids = torch.cat([batch.ids for batch in task.examples("test", batch_size=40)])
    assert ids.tolist() == list(range(141))


# --- the cross-validation --------------------------------------------------------------------------


class Watching(ClassProbe):
    """Notes what it is shown, and knows every class of it by heart."""

    def __init__(self) -> None:
        self.seen: list[tuple[set[int], set[int], set[int]]] = []

    def judge(self, case: ClassCase, split: Any, *, seed: int) -> dict[str, float]:
        train, valid, test = (set(case.part(name).x.flatten().long().tolist()) for name in ("train", "valid", "test"))
        self.seen.append((train, valid, test))
        return {"accuracy": len(self.seen) / 100}

    def fit(self, **_: Any) -> Any: ...


def watched(data: GraphSet, split: Any, **options: Any) -> tuple[Watching, dict[str, float]]:
    task = GraphTask(data=data, **options)
    task.probe = Watching()
    rows = torch.arange(len(data)).unsqueeze(1).float()
    return task.probe, task.evaluate({"graph": rows}, split, seed=0)


def test_each_graph_is_judged_once_by_a_probe_that_never_saw_it(atlas: GraphSet) -> None:
    probe, metrics = watched(atlas, "test", folds=5)
    assert len(probe.seen) == 5
    for train, valid, test in probe.seen:
        assert not train & test
        assert not valid, "the settings are chosen within train"
        assert train | test == set(range(141))
        share = sum(int(atlas.labels[graph]) for graph in test) / len(test)
        assert share == pytest.approx(70 / 141, abs=0.03)
    assert sorted(graph for *_, test in probe.seen for graph in test) == list(range(141))
    assert metrics == pytest.approx({"accuracy": 0.03, "accuracy/std": 0.0158113883})


def test_settings_of_a_fold_are_chosen_without_it(atlas: GraphSet) -> None:
    judged, chosen = (watched(atlas, split, folds=5)[0].seen for split in ("test", "valid"))
    for (_, _, test), (train, _, following) in zip(judged, chosen, strict=True):
        assert not test & (train | following)
        assert not train & following
        assert train | following | test == set(range(141))


def test_repeats_deal_anew(atlas: GraphSet) -> None:
    probe, _ = watched(atlas, "test", folds=5, repeats=2)
    tests = [sorted(test) for *_, test in probe.seen]
    assert len(tests) == 10
    assert not any(fold in tests[:5] for fold in tests[5:])


def test_the_svm_chooses_c_within_train(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row that a fit or a choice reads is of train; the one that does best there wins, the smallest of equals."""
    x = torch.cat([torch.randn(n, 3, generator=generator(0)) + shift for n, shift in ((30, -2.0), (50, 2.0))])
    train = Labelled(x, (torch.arange(80) >= 30).long())
    shown: list[Tensor] = []
    fitted = Svm._fitted
    monkeypatch.setattr(Svm, "_fitted", lambda self, rows, c: (shown.append(rows.x), fitted(self, rows, c))[1])
    none = Labelled(x[:0], train.y[:0])
    classifier = Svm(grid=[1e-6, 1.0, 10.0]).fit(train=train, valid=none, seed=0)
    assert classifier.strength == 1.0
    assert len(shown) == 3 * 5 + 1
    everything = {tuple(row) for row in x.tolist()}
    assert all({tuple(row) for row in rows.tolist()} <= everything for rows in shown)
    assert [len(rows) for rows in shown[:-1]] == [64] * 15
    assert len(shown[-1]) == 80


def test_the_svm_takes_a_validation_part_where_there_is_one() -> None:
    x = torch.randn(60, 3, generator=generator(0))
    train = Labelled(x[:30], (x[:30, 0] > 0).long())
    flipped = Labelled(x[30:], (x[30:, 0] <= 0).long())
    assert Svm(grid=[1e-6, 10.0]).fit(train=train, valid=flipped, seed=0).strength == 1e-6


def test_scaling_is_that_of_the_training_rows() -> None:
    train = Labelled(torch.tensor([[0.0, 0.0], [1.0, 1e4], [0.1, 1e4], [0.9, 0.0]]), torch.tensor([0, 1, 0, 1]))
    none = Labelled(train.x[:0], train.y[:0])
    rows = torch.tensor([[0.05, 0.0], [0.95, 1e4], [0.05, 1e4], [0.95, 0.0]])
    plain, scaled = (Svm([10.0], kernel="linear", standardize=s, max_iter=1000) for s in (False, True))
    assert scaled.fit(train=train, valid=none, seed=0).predict(rows).tolist() == [0, 1, 0, 1]
    assert plain.fit(train=train, valid=none, seed=0).predict(rows + 0).shape == (4,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 80}, "fewer than the 80 folds"),
        ({"probe": "link"}, "judges links of nodes"),
        ({"baselines": ["raw_features"]}, "a baseline of the task 'node', not of 'graph'"),
        ({"probe": "svn"}, "nearest: 'svm'"),
    ],
)
def test_bad_options(atlas: GraphSet, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        GraphTask(data=atlas, **options)


def test_embeddings_that_are_not_finite_are_refused(atlas: GraphSet) -> None:
    rows = torch.ones(141, 2)
    rows[3, 1] = torch.nan
    with pytest.raises(NonFiniteError, match="graph embeddings"):
        GraphTask(data=atlas).evaluate({"graph": rows}, "test", seed=0)


@pytest.mark.parametrize("probe", ["svm", "linear", "knn", "kmeans"])
def test_embeddings_that_are_the_class_are_recognised(atlas: GraphSet, probe: str) -> None:
    rows = torch.nn.functional.one_hot(atlas.labels).float()
    rows = rows + 0.01 * torch.randn(rows.shape, generator=generator(0))
    task = GraphTask(data=atlas, folds=5, probe=probe)
    assert task.evaluate({"graph": rows}, "test", seed=0)[task.probe.metrics[0]] > 0.95


# --- baselines -------------------------------------------------------------------------------------


def test_colours_part_what_sizes_and_degrees_do_not() -> None:
    """Two paths of 3 and a path of 6 minus an edge differ from a star; a 6-ring and two triangles do not."""
    two_triangles = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)]
    ring = [(6 + i, 6 + (i + 1) % 6) for i in range(6)]
    edges = torch.tensor([*two_triangles, *ring]).T
    *_, last = wl_colours(torch.ones(12, 1), torch.cat([edges, edges.flip(0)], dim=1), 3)
    assert last.unique().numel() == 1
    path = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
    colours = [found.tolist() for found in wl_colours(torch.ones(4, 1), path, 2)]
    assert colours[0] == [0, 0, 0, 0]
    assert colours[1] == [0, 1, 1, 0]
    assert colours[2] == [0, 1, 1, 0]


def test_the_histogram_counts_colours_of_each_graph(atlas: GraphSet) -> None:
    graphs = atlas.packed.batch()
    ((_, rows),) = WLHistogram(steps=1, max_colours=10_000).embeddings(graphs, seed=0)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(141))
    first = next(iter(wl_colours(graphs.x, graphs.edge_index, 0)))
    star = next(n for n, graph in enumerate(atlas.packed) if sorted(graph.x.argmax(1).tolist()) == [1] * 5 + [5])
    leaves = first[graphs.batch == star].bincount().max()
    # A centre and five leaves, which have a colour each before and after: counts 1, 5, 1, 5.
    assert leaves == 5
    expected = torch.tensor([1.0, 1.0, 5.0, 5.0]) / 52**0.5
    torch.testing.assert_close(rows[star][rows[star] > 0].sort().values, expected)
    ((_, few),) = WLHistogram(steps=1, max_colours=3).embeddings(graphs, seed=0)
    assert few.shape == (141, 3)


# --- through the engine ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["graphcl", "infograph"])
def test_recipes_train_and_their_runs_embed_and_evaluate(name: str, tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "graphs.parquet"
    quick = ["train.epochs=2", "eval.folds=3", "eval.probe_options={grid: [1.0]}", "eval.baselines=[majority_graph]"]
    fitted = fit(graphcl.load(name, *quick), out=run)
    assert fitted.embeddings["graph"].shape == (141, 96)
    assert {"test/accuracy", "test/accuracy/std", "baseline/majority_graph/accuracy"} <= set(fitted.metrics)
    assert "baseline/random_encoder/accuracy" in fitted.metrics
    assert command(["embed", str(run), "--out", str(out), "--quiet"]) == 0
    table = pd.read_parquet(out)
    assert table["id"].tolist() == fitted.task.data.ids
    assert set(table["type"]) == {"graph"}
    assert command(["evaluate", str(run), "--probe", "knn", "--quiet"]) == 0


def test_training_is_repeated_to_the_bit() -> None:
    recipe = graphcl.load("graphcl", "train.epochs=2", "eval.baselines=[]", "eval.random_encoder=false", "eval.folds=3")
    first, again = (fit(recipe).embeddings["graph"] for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize("name", ["graphcl", "infograph"])
def test_it_beats_the_majority_on_mutag(name: str, shared_data: Path) -> None:
    accuracies = []
    for seed in range(2):
        overrides = ["data=mutag", f"train.seed={seed}", "train.epochs=4", "eval.folds=5"]
        recipe = graphcl.load(name, *overrides, "eval.baselines=[majority_graph]", "eval.random_encoder=false")
        metrics = fit(recipe, data_root=shared_data).metrics
        accuracies.append(metrics["test/accuracy"] - metrics["baseline/majority_graph/accuracy"])
    assert sum(accuracies) / 2 > 0.08


def test_a_set_with_single_nodes_and_without_edges_trains(tmp_path: Path) -> None:
    """Graphs of one node, graphs of several without an edge, in every batch and alone in the last one."""
    ids = [f"g{number}" for number in range(13)]
    (tmp_path / "graphs.csv").write_text("id,label\n" + "".join(f"{g},{n % 2}\n" for n, g in enumerate(ids)))
    nodes = [(f"{g}-{k}", g) for n, g in enumerate(ids) for k in range(1 + 3 * (n % 2))]
    (tmp_path / "nodes.csv").write_text("id,graph,f\n" + "".join(f"{i},{g},{n}\n" for n, (i, g) in enumerate(nodes)))
    (tmp_path / "edges.csv").write_text("source,target\ng1-0,g1-1\ng3-0,g3-1\n")
    for name in ("graphcl", "infograph"):
        settings = ["train.epochs=2", "train.batch_size=4", "eval.folds=3"]
        fitted = fit(graphcl.load(name, f"data.path={tmp_path}", *settings))
        assert fitted.embeddings["graph"].shape[0] == 13
        assert bool(torch.isfinite(fitted.embeddings["graph"]).all())


def test_graphs_of_a_batch_are_encoded_as_if_alone(atlas: GraphSet) -> None:
    tower = GIN(dim=4, graph=atlas.packed.batch(), generator=generator(0)).eval()
    together = tower(View(atlas.packed.batch(torch.tensor([5, 0, 5, 100])))).graphs
    for row, number in zip(together, (5, 0, 5, 100), strict=True):
        alone = tower(View(atlas.packed.batch(torch.tensor([number])))).graphs[0]
        torch.testing.assert_close(row, alone)
