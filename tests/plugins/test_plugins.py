"""Three methods that the package does not know run from YAML: the joints of the engine hold.

Each is one Python file and one recipe in this folder; nothing in graphcl/ mentions them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import graphcl
from graphcl.core.config.recipe import Recipe
from graphcl.core.errors import UserError
from graphcl.engine import checkpoint
from graphcl.engine.flow import StepFlow
from graphcl.engine.log import read_log
from graphcl.engine.model import Model
from graphcl.engine.observe import Observer
from graphcl.engine.prepare import load_data, make_task
from graphcl.engine.run import RunFolder
from graphcl.engine.training import Training

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NAMES = ("moco_nearest", "cluster_weight", "two_towers")
each = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def command(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-m", "graphcl", *arguments], cwd=cwd, env=environment, capture_output=True,
                          text=True, timeout=300)


def recipe(name: str, *overrides: str) -> Recipe:
    return graphcl.load(str(HERE / f"{name}.yaml"), *overrides, allow_plugins=True)


@dataclass
class Trained:
    """A run made by the command line, and what its checkpoint holds."""

    run: RunFolder
    recipe: Recipe
    tensors: Mapping[str, Tensor]
    initial: Mapping[str, Tensor]
    losses: list[float]


def _train(name: str, folder: Path) -> Trained:
    done = command("train", f"tests/plugins/{name}.yaml", "--allow-plugins", "--out", str(folder / name), "--quiet")
    assert done.returncode == 0, done.stderr
    loaded, run = recipe(name), RunFolder(folder / name)
    tensors, _ = checkpoint.read(run.last)
    initial = Model(loaded, make_task(loaded, load_data(loaded)), seed=loaded["train.seed"]).state_dict()
    label = next(iter(loaded["terms"]))
    losses = [record["terms"][label] for record in read_log(run)]
    state = {key.removeprefix("model/"): tensor for key, tensor in tensors.items()}
    return Trained(run, loaded, state, initial, losses)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Trained]:
    folder = tmp_path_factory.mktemp("runs")
    return {name: _train(name, folder) for name in NAMES}


# --- the command line ------------------------------------------------------------------------------


@each
def test_a_stranger_s_recipe_runs_no_code_without_leave(name: str, tmp_path: Path) -> None:
    done = command("train", f"tests/plugins/{name}.yaml", "--out", str(tmp_path / "run"))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.endswith(f"it would run code of the module '{name}' (plugins:); if you trust it, add --allow-plugins")
    assert not (tmp_path / "run").exists()


@each
def test_it_trains_from_yaml_and_its_loss_falls(trained: Mapping[str, Trained], name: str) -> None:
    run = trained[name].run
    assert run.complete
    metrics = run.metrics.read_text()
    assert '"test/' in metrics
    assert '"baseline/' in metrics
    losses = trained[name].losses[1:]  # the first epoch of a queue has fewer negatives
    assert sum(losses[-2:]) < 0.95 * sum(losses[:2])


def test_the_package_does_not_know_them() -> None:
    words = ("nearest_keys", "cluster_balance", "token_bag", *NAMES)
    sources = {path: path.read_text(encoding="utf-8") for path in (ROOT / "graphcl").rglob("*.py")}
    assert [f"{path.name}: {word}" for path, text in sources.items() for word in words if word in text] == []


@each
def test_a_run_keeps_the_plugin_s_file_and_opens_anywhere(
    trained: Mapping[str, Trained], name: str, tmp_path: Path
) -> None:
    run = trained[name].run
    assert (run.plugins / f"{name}.py").read_text() == (HERE / f"{name}.py").read_text()
    if name == "moco_nearest":  # one subprocess is proof enough
        refused = command("show", str(run.path), cwd=tmp_path)
        assert refused.returncode == 2
        assert "add --allow-plugins" in refused.stderr
        shown = command("show", str(run.path), "--allow-plugins", cwd=tmp_path)
        assert shown.returncode == 0, shown.stderr
        assert "nearest_keys" in shown.stdout


# --- resuming --------------------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for kill -9."""


class KillInTheFourthEpoch(Observer):
    def stepped(self, *, epoch: int, batch: int, **_: Any) -> None:
        if (epoch, batch) == (4, 1):
            raise Killed


@each
def test_killed_between_steps_it_resumes_bit_for_bit(name: str, tmp_path: Path) -> None:
    short = recipe(name, "train.epochs=5", "train.eval_every=5", "train.checkpoint_seconds=1e-9")
    expected = graphcl.fit(short, out=tmp_path / "whole")
    with pytest.raises(Killed):
        graphcl.fit(short, out=tmp_path / "killed", observers=[KillInTheFourthEpoch()])
    resumed = graphcl.resume(tmp_path / "killed", allow_plugins=True)
    assert resumed is not None
    assert resumed.metrics == expected.metrics
    first, second = expected.model.state_dict(), resumed.model.state_dict()
    assert first.keys() == second.keys()
    assert [key for key in first if not torch.equal(first[key], second[key])] == []
    last = ("whole", "killed")
    assert len({(tmp_path / run / "checkpoints" / "last.safetensors").read_bytes() for run in last}) == 1


# --- (a) momentum contrast with the nearest keys -------------------------------------------------


def distance(a: Mapping[str, Tensor], b: Mapping[str, Tensor], names: Mapping[str, str]) -> float:
    return sum(float((a[one] - b[other]).square().sum()) for one, other in names.items()) ** 0.5


def check_teacher(found: Trained, owners: Mapping[str, str]) -> None:
    """Owners: name of the copy -> prefix of the student's parameters."""
    pairs = {
        key: owners[key.split(".")[3]] + key.split(".", 4)[4]
        for key in found.tensors
        if key.startswith("states.teacher.copies.")
    }
    assert pairs
    behind = distance(found.tensors, found.tensors, pairs)
    moved = distance(found.tensors, found.initial, {student: student for student in pairs.values()})
    assert 0 < behind < moved  # not the student, and not where it began


def test_the_queue_fills_and_the_teacher_follows(trained: Mapping[str, Trained]) -> None:
    found = trained["moco_nearest"]
    assert int(found.tensors["states.queue.count"]) == 12 * 34  # every node's key of every epoch entered
    ring = found.tensors["states.queue.ring"]
    assert ring.shape == (24, 16)
    assert int((ring.square().sum(1) > 0).sum()) == 24
    check_teacher(found, {"main": "towers.main.", "proj": "heads.proj."})


def step_of(loaded: Recipe, *, steps: int = 0) -> tuple[Training, partial[StepFlow]]:
    """A training after some epochs, and a maker of flows over one batch."""
    task = make_task(loaded, load_data(loaded))
    training = Training(loaded, task, observer=Observer(), run=None, device=torch.device("cpu"), validate=False)
    training.progress.limit = steps
    training.train()
    generator = torch.Generator().manual_seed(5)
    batch = next(iter(task.batches(loaded["train.batch_size"], generator=generator)))
    p = training.progress
    return training, partial(StepFlow, training.model, training.views, batch, types=task.types, epoch=p.epoch,
                             step=p.step)


def test_the_nearest_keys_are_own_candidates_of_each_anchor() -> None:
    training, flow = step_of(recipe("moco_nearest"), steps=2)
    own = flow().rows("a.hard[batch]").values
    assert own.shape == (12, 6, 16)
    torch.testing.assert_close(own.norm(dim=2), torch.ones(12, 6))
    assert len({tuple(row.flatten().tolist()) for row in own}) == 12
    term = training.model.term("info_nce")
    (with_own,) = term(flow())
    term.own_negatives = None
    (without,) = term(flow())
    assert bool((with_own.values > without.values).all())  # more negatives, larger denominators


def test_the_nearest_keys_by_hand() -> None:
    recipe("moco_nearest")  # imports the plugin
    nearest_keys = sys.modules["moco_nearest"].nearest_keys
    queries = torch.tensor([[1.0, 0.9, 0.0, 0.0], [0.0, 0.0, 2.0, 1.0]])
    draw = torch.Generator().manual_seed
    found = nearest_keys(queries, 3 * torch.eye(4), 2, 0.0, generator=draw(0))
    assert torch.equal(found, torch.eye(4).view(2, 2, 4))
    moved = nearest_keys(queries, torch.eye(4), 2, 0.1, generator=draw(0))
    assert 0.05 < float((moved - found).abs().max()) < 0.5
    assert nearest_keys(queries, torch.eye(4)[:1], 8, 0.1, generator=draw(0)).shape == (2, 1, 4)
    assert nearest_keys(queries, torch.eye(4)[:0], 8, 0.1, generator=draw(0)).shape == (2, 0, 4)


# --- (b) k-means and a table of weights --------------------------------------------------------------


def test_clusters_set_the_weights_of_the_examples(trained: Mapping[str, Trained]) -> None:
    tensors = trained["cluster_weight"].tensors
    assignment, weights = tensors["states.clusters.assignment"], tensors["states.balance.values"]
    assert tensors["states.clusters.centroids"].shape == (3, 32)
    assert assignment.shape == weights.shape == (34,)
    assert float(weights.mean()) == pytest.approx(1.0)
    totals = torch.zeros(3).index_add(0, assignment, weights)
    torch.testing.assert_close(totals, torch.full((3,), 34 / 3))  # every cluster counts alike
    assert len(weights.unique()) > 1


def test_the_weights_change_the_loss() -> None:
    loaded = recipe("cluster_weight")
    before, flow = step_of(loaded, steps=2)
    assert before.model.states["balance"].values.tolist() == [1.0] * 34  # no clusters before epoch 2
    after, flow = step_of(loaded, steps=3)
    term = after.model.term("info_nce")
    (weighted,) = term(flow())
    table = after.model.states["balance"].values
    torch.testing.assert_close(weighted.weight, table[weighted.ids])
    term.weights = None
    (plain,) = term(flow())
    torch.testing.assert_close(weighted.values, plain.values * table[plain.ids])
    mean = weighted.values.sum() / weighted.weight.sum()
    assert abs(float(mean.detach()) - float(plain.values.detach().mean())) > 1e-3


def test_a_table_that_does_not_exist_is_refused_before_any_data_is_read() -> None:
    with pytest.raises(UserError, match=r"address 'state\.balanced\.values': no state 'balanced'; nearest: 'balance'"):
        recipe("cluster_weight", "terms.info_nce.weights=state.balanced.values")


# --- (c) two towers and a virtual step --------------------------------------------------------------


def test_the_teacher_of_the_graph_tower_follows(trained: Mapping[str, Trained]) -> None:
    check_teacher(trained["two_towers"], {"graph": "towers.graph."})


@pytest.fixture
def two_records() -> tuple[Training, partial[StepFlow]]:
    """Two examples in float64, without dropout, the virtual step on both towers and through the sparse product."""
    loaded = recipe(
        "two_towers", "train.batch_size=2", "data.tokens=5", "data.features=3", "towers.text.dim=2",
        "towers.text.dropout=0.0", "towers.graph.dim=2", "towers.graph.activation=prelu", "data.count=12",
        "phases.main.inner.terms=[info_nce, info_nce#2]", "phases.main.inner.params=[text, graph]",
    )
    training, flow = step_of(loaded)
    training.model.double()
    batch = flow.args[2]
    for graph in batch.graphs.values():
        graph.x = graph.x.double()
    return training, flow


def test_the_second_order_gradient_is_that_of_finite_differences(
    two_records: tuple[Training, partial[StepFlow]],
) -> None:
    training, flow = two_records
    (phase,) = training.phases
    loss, _ = phase.loss(flow())
    gradients = torch.autograd.grad(loss, list(phase.parameters.values()))
    assert loss.dtype == torch.float64

    def value() -> float:
        return float(phase.loss(flow())[0].detach())

    step, checked = 1e-6, 0
    for parameter, gradient in zip(phase.parameters.values(), gradients, strict=True):
        flat, wanted = parameter.data.view(-1), gradient.reshape(-1)
        for index in range(flat.numel()):
            kept = float(flat[index])
            flat[index] = kept + step
            above = value()
            flat[index] = kept - step
            slope = (above - value()) / (2 * step)
            flat[index] = kept
            assert slope == pytest.approx(float(wanted[index]), rel=1e-4, abs=1e-6)
            checked += 1
    assert checked > 30


def test_the_step_is_virtual_and_its_own_gradient_counts(two_records: tuple[Training, partial[StepFlow]]) -> None:
    """Parameters stay; and treating the moved parameters as constants gives another gradient."""
    training, flow = two_records
    (phase,) = training.phases
    before = {name: parameter.detach().clone() for name, parameter in phase.parameters.items()}
    loss, _ = phase.loss(flow())
    second = torch.autograd.grad(loss, list(phase.parameters.values()))
    assert all(torch.equal(before[name], parameter) for name, parameter in phase.parameters.items())

    inner, phase.block.inner = phase.block.inner, None
    assert inner is not None
    labels, phase.labels = phase.labels, inner.terms
    inner_loss, _ = phase.loss(flow())
    phase.labels = labels
    steps = torch.autograd.grad(inner_loss, list(phase.parameters.values()))
    moved = {
        name: (parameter.detach() - inner.lr * step).requires_grad_()
        for (name, parameter), step in zip(phase.parameters.items(), steps, strict=True)
    }
    at_moved, _ = phase.loss(flow().seen_through(moved))
    first = torch.autograd.grad(at_moved, list(moved.values()))
    torch.testing.assert_close(loss, at_moved)  # the same point
    assert max(float((a - b).abs().max()) for a, b in zip(first, second, strict=True)) > 1e-3
