"""Node runs on the command line: any probe on a finished run, its protocol, links, and graphs without labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphcl.cli import main
from graphcl.core.files import read_json
from graphcl.core.seeds import generator
from graphcl.engine.embed import embed, load_embeddings
from graphcl.engine.model import Model
from graphcl.engine.views import Views
from graphcl.serve.opened import open_run

from .conftest import Command

QUICK = ["train", "grace", "encoder.dim=8", "heads.proj.dim=8", "train.epochs=2", "train.threads=1", "--quiet"]


def run(folder: Path, *settings: object) -> Path:
    assert main.run([*QUICK, *map(str, settings), "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def karate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on the offline default, judged by the linear probe with an option of its own."""
    return run(tmp_path_factory.mktemp("runs") / "karate", "eval.probe_options={grid: [1.0]}")


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that did not see all edges."""
    folder = tmp_path_factory.mktemp("runs") / "linked"
    return run(folder, "data.split.edges=[0.1,0.2]", "eval.probe=link")


def asked(graphcl: Command, *arguments: object) -> dict[str, Any]:
    outcome = graphcl("evaluate", *arguments, "--json")
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def test_evaluate_repeats_the_run_and_its_protocol(graphcl: Command, karate: Path) -> None:
    stored, found = read_json(karate / "metrics.json"), asked(graphcl, karate)
    assert {name: stored[name] for name in found["metrics"]} == found["metrics"]
    assert found["protocol"]["protocol"] == stored["protocol"] == read_json(karate / "protocol.json")["protocol"]
    assert stored["protocol"] in graphcl("evaluate", karate).out.replace("\n", "")


def test_every_result_stands_beside_its_baselines(graphcl: Command, karate: Path) -> None:
    stored, found = read_json(karate / "metrics.json"), asked(graphcl, karate, "--baselines")
    rows = {name.split("/")[1] for name in stored if name.startswith("baseline/")}
    assert rows == {"majority_class", "raw_features", "propagated_features", "random_encoder"}
    assert {name: value for name, value in stored.items() if name.startswith("baseline/")} == {
        name: value for name, value in found["metrics"].items() if name.startswith("baseline/")
    }


def test_the_random_encoder_is_the_recipes_own_before_training(karate: Path) -> None:
    opened = open_run(karate)
    model = Model(opened.recipe, opened.task, seed=0)
    views = Views(opened.recipe, opened.task, seed=0, device=torch.device("cpu"))
    initial = embed(model, views, opened.task, "test")
    assert initial[""].shape == (34, 8)
    assert not torch.equal(initial[""], load_embeddings(opened.folder.embeddings)[""])
    expected = opened.task.evaluate(initial, "test", seed=0)
    assert {f"baseline/random_encoder/{name}": value for name, value in expected.items()} == {
        name: value for name, value in opened.judge_baselines().items() if "random_encoder" in name
    }
    other = open_run(karate, evaluation=["eval.random_encoder=false"])
    assert not any("random_encoder" in name for name in other.judge_baselines())


def test_another_probe_with_its_own_defaults_and_options(graphcl: Command, karate: Path) -> None:
    knn = asked(graphcl, karate, "--probe", "knn")
    assert knn["protocol"]["probe_options"] == {"grid": [1, 5, 10, 20]}
    assert set(knn["metrics"]) == {"test/accuracy", "test/macro_f1"}
    one = asked(graphcl, karate, "--probe", "knn", "--probe-option", "grid=[3]")
    assert one["protocol"]["probe_options"] == {"grid": [3]}
    kmeans = asked(graphcl, karate, "--probe", "kmeans", "--probe-option", "judged=all")
    assert set(kmeans["metrics"]) == {"test/nmi", "test/ari", "test/cluster_accuracy"}
    few = ("--probe-option", "n_way=2", "--probe-option", "k_shot=2", "--probe-option", "query=2")
    shots = graphcl("evaluate", karate, "--probe", "few_shot", *few)
    assert " ± " in shots.out
    assert "probe few_shot (n_way=2,k_shot=2" in shots.out.replace(", ", ",")


def test_other_splits(graphcl: Command, karate: Path) -> None:
    several = asked(graphcl, karate, "--splits", 5)
    assert len(several["protocol"]["splits"]) == 5
    assert several["metrics"]["test/accuracy/std"] > 0
    assert "mean and standard deviation of 5 splits" in several["protocol"]["protocol"]
    assert not any("was chosen on" in note for note in several["protocol"]["notes"])  # the first split is the run's


def test_splits_that_the_epoch_was_not_chosen_on_say_so(graphcl: Command, tmp_path: Path) -> None:
    nodes = [f"{node},{'ab'[node % 2]},{['train', 'valid', 'test'][node % 3]}" for node in range(30)]
    (tmp_path / "nodes.csv").write_text("\n".join(["id,label,split", *nodes]))
    (tmp_path / "edges.csv").write_text("\n".join(["source,target", *(f"{node},{node + 1}" for node in range(29))]))
    split = ["data.split.by=given", "data.split.stratified=true", "data.split.ratios=[0.3,0.3,0.4]"]
    folder = run(tmp_path / "run", f"data.path={tmp_path}", *split)
    assert not any("was chosen on" in note for note in asked(graphcl, folder)["protocol"]["notes"])
    drawn = asked(graphcl, folder, "--split", "random", "--splits", 3)
    assert drawn["protocol"]["split"]["by"] == "random"
    assert "was chosen on the validation nodes of the run's own split" in drawn["protocol"]["notes"][-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--probe", "knm"], "unknown probe 'knm'; nearest: 'knn'"),
        (["--probe", "knn", "--probe-option", "gird=[1]"], "nearest: 'eval.probe_options.grid'"),
        (["--probe", "knn", "--probe-option", "grid=[0]"], "'eval.probe_options.grid' must be a list"),
        (["--probe", "link"], "probe 'link' needs edges that training does not see"),
        (["--probe", "few_shot"], "0 classes have 5 training and 10 test examples, n_way is 5"),
        (["--split", "public"], "comes without a split"),
        (["--splits", "-1"], "'eval.splits' must be a whole number >= 0"),
    ],
)
def test_what_cannot_be_asked_is_one_clear_line(
    graphcl: Command, karate: Path, arguments: list[str], message: str
) -> None:
    outcome = graphcl("evaluate", karate, *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


def test_links_that_training_did_not_see(graphcl: Command, linked: Path) -> None:
    stored = read_json(linked / "metrics.json")
    assert {"valid/auc", "test/auc", "test/ap"} <= set(stored)
    assert {"baseline/raw_features/auc", "baseline/random_encoder/auc"} <= set(stored)
    assert not any("majority" in name for name in stored)
    assert "edges held out 8/16" in stored["protocol"]
    assert read_json(linked / "protocol.json")["monitor"] == "auc"
    logistic = asked(graphcl, linked, "--probe", "link", "--probe-option", "decoder=logistic")
    assert 0 <= logistic["metrics"]["test/auc"] <= 1
    assert asked(graphcl, linked, "--probe", "linear")["metrics"]["test/accuracy"] > 0


def test_a_graph_without_labels_is_trained_on(graphcl: Command, tmp_path: Path) -> None:
    x, edges = torch.randn(20, 4, generator=generator(0)).numpy(), np.stack([np.arange(19), np.arange(1, 20)])
    np.savez(tmp_path / "own.npz", x=x, edge_index=edges)
    outcome = graphcl(*QUICK[:-1], f"data.path={tmp_path / 'own.npz'}", "--out", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert "nothing is judged: the nodes have no labels" in outcome.out
    stored = read_json(tmp_path / "run" / "metrics.json")
    assert set(stored) == {"test/effective_rank", "test/uniformity", "protocol"}
    assert load_embeddings(tmp_path / "run" / "embeddings.safetensors")[""].shape == (20, 8)
    refused = graphcl("evaluate", tmp_path / "run", "--probe", "knn")
    assert refused.code == 2
    assert refused.err.endswith("nothing is judged: the nodes have no labels\n")


def test_a_wrong_probe_is_refused_before_training(graphcl: Command, tmp_path: Path) -> None:
    outcome = graphcl(*QUICK, "eval.probe=kmean", "--out", tmp_path / "run")
    assert "unknown probe 'kmean'; nearest: 'kmeans'" in outcome.err
    outcome = graphcl(*QUICK, "eval.probe=kmeans", "train.monitor=accuracy", "--out", tmp_path / "run")
    assert "'train.monitor': no metric 'accuracy'" in outcome.err
    assert not (tmp_path / "run").exists()
