"""Source code under the graph task: what is refused, the bar, and runs from files to new code."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

pytest.importorskip("tree_sitter", reason="tree-sitter is not installed: pip install 'graphcl[code]'")

from graphcl.cli.main import run as command
from graphcl.core.build import build
from graphcl.core.errors import UserError
from graphcl.data.code_sets.code_set import CodeSet
from graphcl.tasks.baselines.graph import TokenJaccard
from graphcl.tasks.graph import GraphTask
from graphcl.tasks.probes.base import Labelled
from graphcl.tasks.probes.map_at_r import map_at_r

#: Two problems, solved with other names, constants and orders.
SUM = "int {f}(int {n}) {{ int {s} = 0; for (int {i} = 0; {i} < {n}; {i}++) {s} += {i} * {k}; return {s}; }}"
LONGEST = (
    "int {f}(char *{n}) {{ int {s} = 0, {i} = 0; while ({n}[{i}] != {k}) {{ "
    "if ({n}[{i}] > {s}) {s} = {i}; {i}++; }} return {s}; }}"
)


def solutions(folder: Path, parts: tuple[str, ...] = ("train", "test"), count: int = 8) -> Path:
    for part in parts:
        for label, text in (("sum", SUM), ("longest", LONGEST)):
            place = folder / part / label
            place.mkdir(parents=True)
            for number in range(count):
                names = {key: f"{key}{part}{'xyzuvw'[number % 6]}" for key in "fnsi"}
                (place / f"{number}.c").write_text(text.format(**names, k=number))
    return folder


def load(folder: Path) -> CodeSet:
    return build("data", "code_set", {"path": str(folder)}).load(seed=0)


def test_baselines_that_read_features_are_refused_before_training(tmp_path: Path) -> None:
    data = load(solutions(tmp_path))
    with pytest.raises(UserError, match=r"eval\.baselines: pooled_features reads node features 'x', and"):
        GraphTask(data=data)


def test_the_bar_is_that_of_word_sets(tmp_path: Path) -> None:
    """Against sets of words, pair by pair."""
    data = load(solutions(tmp_path))
    task = GraphTask(probe="map_at_r", baselines=["token_jaccard"], data=data)
    assert task.metric_names == ("map_at_r", "precision_at_1")
    (found,) = TokenJaccard().embeddings(data.packed.batch(), seed=0)
    for a in range(5):
        for b in range(len(data)):
            mine, other = (set(data.packed[n].words.flatten().tolist()) - {0} for n in (a, b))
            shared, union = (found[1][a] * found[1][b]).sum(), ((found[1][a] + found[1][b]) > 0).sum()
            assert float(shared / union) == pytest.approx(len(mine & other) / len(mine | other))
    assert data.split is not None
    rows = Labelled.take(found[1], data.labels, data.split.test)
    bar = task.baselines(seed=0)["token_jaccard"]["map_at_r"]
    assert bar == pytest.approx(map_at_r(rows, "jaccard")["map_at_r"], abs=0.05)  # but for ties


def test_targets_are_those_of_the_training_part_alone(tmp_path: Path) -> None:
    data = load(solutions(tmp_path))
    task = GraphTask(probe="map_at_r", baselines=[], data=data)
    assert data.split is not None
    assert task.target_of is not None
    assert torch.equal(task.target_of[data.split.train], data.labels[data.split.train])
    assert set(task.target_of[data.split.test].tolist()) == {-1}
    assert GraphTask(probe="map_at_r", baselines=[], split="folds", folds=3, data=data).target_of is None


SMALL = ["train.threads=1", "train.batch_size=16", "train.epochs=2", "encoder.dim=8",
         "encoder.tower.gin.dim=4", "data.unit=file", "data.least_nodes=1"]  # fmt: skip


@pytest.mark.parametrize("name", ["simclr_code", "moco_code", "swav_code", "contrabert"])
def test_recipes_train_and_their_runs_embed_and_evaluate(name: str, tmp_path: Path) -> None:
    code = solutions(tmp_path / "code")
    run = str(tmp_path / "run")
    assert command(["train", name, f"data.path={code}", *SMALL, "--out", run, "--quiet"]) == 0
    assert command(["evaluate", run, "--quiet"]) == 0
    new = solutions(tmp_path / "new", ("a",), 2)
    assert command(["embed", run, "--data", str(new), "--out", str(tmp_path / "new.npz"), "--quiet"]) == 0
