"""Kill a training with -9 at any moment, resume it: the result is bit for bit that of a run that nobody killed."""

from __future__ import annotations

import errno
import json
import re
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from graphcl.cli import main
from graphcl.core.files import read_json, write_json
from graphcl.engine import checkpoint
from graphcl.engine.checkpoint import Progress
from graphcl.engine.run import RunFolder
from graphcl.engine.stepper import Stepper
from graphcl.engine.training import Training
from graphcl.tasks.base import Batch
from tests.cli.conftest import SMALL, Command, spawn

HERE = Path(__file__).parent


@dataclass
class Case:
    """How a training is killed.

    ``interval`` is how many steps lie between two checkpoints: no more may be repeated.
    """

    point: str
    nth: int
    interval: int
    recipe: str = "lightgcn"
    settings: list[str] = field(default_factory=list)
    #: where it is killed, in steps that are done
    after: int | None = None
    #: updates of a step
    phases: int = 1

    def arguments(self, data: list[str], out: Path) -> list[str]:
        common = ["train.epochs=4", "eval.baselines=[popularity]", "--quiet", "--out", str(out)]
        return ["train", self.recipe, *data, *SMALL, *self.settings, *common]


NCL = ["states.prototypes.start=0", "states.prototypes.k=3"]
#: Two phases a step: the second step of the optimizer in the sixth step is that of the other phase.
CHAINS = ["train.batch_size=16", "data.time=ts", "encoder.dropout=0.1"]
INTENTS = ["states.intents.k=3"]
#: 4 epochs of 4 steps
CASES = {
    "in a step": Case("step", 7, interval=4, after=6),
    "in the first step": Case("step", 1, interval=4, after=0),
    "in a step, with a checkpoint after each": Case("step", 7, 1, settings=["train.checkpoint_seconds=1e-9"], after=6),
    "in an evaluation": Case("evaluation", 2, interval=4, after=8),
    "in the last evaluation, on test": Case("evaluation", 5, interval=0, after=16),
    "writing the best checkpoint": Case("checkpoint", 1, interval=4, after=4),
    "writing the last checkpoint": Case("checkpoint", 2, interval=4, after=4),
    "renaming a checkpoint": Case("rename", 7, interval=4),
    "in a k-means": Case("kmeans", 4, interval=4, recipe="ncl", settings=NCL, after=4),
    "in a step between two k-means": Case("step", 11, interval=4, recipe="ncl", settings=NCL, after=10),
    "in a phase over histories": Case("step", 11, interval=4, recipe="mclrec", settings=CHAINS, after=5, phases=2),
    "in a k-means of histories": Case("kmeans", 3, interval=4, recipe="iclrec", settings=[*CHAINS, *INTENTS], after=8),
    "in a step between two": Case("step", 7, interval=4, recipe="iclrec", settings=[*CHAINS, *INTENTS], after=6),
    "in the refit": Case("step", 19, interval=4, settings=["data.split.valid=refit"], after=18),
    "writing the data": Case("data", 1, interval=0, after=0),
    "by Ctrl-C": Case("ctrl_c", 7, interval=0, after=7),
}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, data: list[str]) -> dict[str, Path]:
    """Case -> the folder of its killed run; ``NAME.steps`` beside it holds the steps that were done."""
    folder = tmp_path_factory.mktemp("killed")
    outs = {name: folder / str(number) for number, name in enumerate(CASES)}
    plan = [
        {"point": case.point, "nth": case.nth, "steps": str(outs[name].with_suffix(".steps")),
         "arguments": case.arguments(data, outs[name])}
        for name, case in CASES.items()
    ]  # fmt: skip
    (folder / "plan.json").write_text(json.dumps(plan))
    outcome = spawn(folder / "plan.json", cwd=folder, script=HERE / "killed.py")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    ends = [json.loads(line) for line in outcome.out.splitlines()]
    for case, end in zip(CASES.values(), ends, strict=True):
        assert end == ({"signal": 0, "code": 130} if case.point == "ctrl_c" else {"signal": signal.SIGKILL, "code": 0})
    return outs


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, data: list[str]) -> Any:
    """The run of a case that nobody kills."""
    folder = tmp_path_factory.mktemp("undisturbed")
    known: dict[str, Path] = {}

    def trained(case: Case) -> Path:
        # when a checkpoint is written changes nothing else
        key = " ".join([case.recipe, *(s for s in case.settings if "checkpoint" not in s)])
        if key not in known:
            known[key] = folder / str(len(known))
            assert main.run(case.arguments(data, known[key])) == 0
        return known[key]

    return trained


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Stage and number of every step done in this process."""
    done: list[str] = []
    step = Stepper._step

    def counted(stepper: Stepper, batch: Batch, p: Progress) -> dict[str, float]:
        values = step(stepper, batch, p)
        done.append(f"{p.stage} {p.step}")
        return values

    monkeypatch.setattr(Stepper, "_step", counted)
    return done


@pytest.mark.parametrize("name", CASES)
def test_resumes_to_the_same_bits(
    graphcl: Command, killed: dict[str, Path], undisturbed: Any, steps: list[str], name: str
) -> None:
    case, run = CASES[name], killed[name]
    file = run.with_suffix(".steps")
    before = file.read_text().splitlines() if file.is_file() else []
    assert case.after is None or len(before) == case.after
    outcome = graphcl("resume", run, "--quiet")
    assert outcome.code == 0, outcome.err
    after = list(steps)  # what follows may train, too

    expected = undisturbed(case)
    assert (run / "metrics.json").read_text() == (expected / "metrics.json").read_text()
    assert (run / "log.jsonl").read_text() == (expected / "log.jsonl").read_text()
    for path in ("embeddings.safetensors", "checkpoints/best.safetensors"):
        left, right = load_file(run / path), load_file(expected / path)
        assert left.keys() == right.keys()
        assert all(torch.equal(left[key], right[key]) for key in left)
    counts = ("best_epoch", "epochs", "updates", "targets", "split_hash")
    found, wanted = read_json(run / "protocol.json"), read_json(expected / "protocol.json")
    assert {key: found[key] for key in counts} == {key: wanted[key] for key in counts}

    assert len({*before, *after}) == wanted["updates"] // case.phases + (16 if "refit" in name else 0)
    assert len(before) + len(after) - len({*before, *after}) <= case.interval


def test_a_complete_run_says_so(graphcl: Command, finished: Path) -> None:
    before = (finished / "metrics.json").stat().st_mtime_ns
    outcome = graphcl("resume", finished)
    assert outcome.code == 0
    assert outcome.err == f"{finished} is complete; there is nothing to resume\n"
    assert "recall@10" in outcome.out
    assert (finished / "metrics.json").stat().st_mtime_ns == before
    assert json.loads(graphcl("resume", finished, "--json", "--quiet").out)["metrics"] == read_json(
        finished / "metrics.json"
    )


def test_ctrl_c_says_how_to_go_on(
    graphcl: Command, tmp_path: Path, data: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Training, "_evaluate", lambda training: signal.raise_signal(signal.SIGINT) or {})
    outcome = graphcl(*CASES["in a step"].arguments(data, tmp_path / "run")[:-3], "--out", tmp_path / "run")
    assert outcome.code == 130
    assert outcome.err.endswith(f"interrupted; go on with: graphcl resume {tmp_path / 'run'}\n")
    assert RunFolder(tmp_path / "run").last.is_file()


def test_ctrl_c_in_the_last_evaluation(
    graphcl: Command, tmp_path: Path, data: list[str], undisturbed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, evaluate = CASES["in a step"], Training._evaluate

    def interrupted(training: Training) -> dict[str, float]:
        if training.progress.epoch == 4:
            signal.raise_signal(signal.SIGINT)
        return evaluate(training)

    with monkeypatch.context() as context:
        context.setattr(Training, "_evaluate", interrupted)
        assert graphcl(*case.arguments(data, tmp_path / "run")).code == 130
    assert not (tmp_path / "run" / "metrics.json").exists()
    assert graphcl("resume", tmp_path / "run", "--quiet").code == 0
    assert (tmp_path / "run" / "metrics.json").read_text() == (undisturbed(case) / "metrics.json").read_text()


# --- what is not a checkpoint ------------------------------------------------------------------------


def refused(graphcl: Command, run: Path) -> str:
    outcome = graphcl("resume", run, "--quiet")
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert not (run / "metrics.json").exists()
    return outcome.err


def test_a_truncated_checkpoint(graphcl: Command, stopped: Path) -> None:
    last = RunFolder(stopped).last
    last.write_bytes(last.read_bytes()[:1000])
    assert "is damaged or not a checkpoint" in refused(graphcl, stopped)


def test_a_file_that_is_no_checkpoint(graphcl: Command, stopped: Path) -> None:
    save_file({"weights": torch.zeros(3)}, RunFolder(stopped).last)
    assert "is not a graphcl checkpoint" in refused(graphcl, stopped)


def test_a_checkpoint_of_another_recipe(graphcl: Command, stopped: Path) -> None:
    last = RunFolder(stopped).last
    _, progress = checkpoint.read(last)
    checkpoint.save(last, torch.nn.Linear(2, 2), progress)
    assert "the checkpoint does not fit the recipe" in refused(graphcl, stopped)


def test_a_checkpoint_of_another_width(graphcl: Command, stopped: Path) -> None:
    run = RunFolder(stopped)
    run.config.write_text(run.config.read_text().replace("dim: 8", "dim: 16"))
    assert "the checkpoint does not fit the recipe" in refused(graphcl, stopped)


def test_a_run_of_another_format(graphcl: Command, stopped: Path) -> None:
    record = read_json(stopped / "run.json")
    write_json(stopped / "run.json", {**record, "format": 99, "graphcl": "7.0.0"})
    assert "was written by graphcl 7.0.0 in run format 99; this version reads format" in refused(graphcl, stopped)
    assert "run format 99" in graphcl("recommend", stopped, "--user", "c1").err


def test_a_checkpoint_of_another_format(graphcl: Command, stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as context:
        context.setattr(checkpoint, "FORMAT", 99)
        checkpoint.save(RunFolder(stopped).last, torch.nn.Linear(2, 2), checkpoint.Progress())
    assert "has checkpoint format 99" in refused(graphcl, stopped)


def test_a_full_disk_keeps_the_last_good_checkpoint(
    graphcl: Command, tmp_path: Path, data: list[str], undisturbed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, run = CASES["in a step"], tmp_path / "run"
    writes = 0

    def full(tensors: Any, path: Path, **options: Any) -> None:
        nonlocal writes
        writes += 1
        if writes >= 4:
            path.write_bytes(b"half")
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
        save_file(tensors, path, **options)

    with monkeypatch.context() as context:
        context.setattr(checkpoint, "save_file", full)
        outcome = graphcl(*case.arguments(data, run))
    assert outcome.code == 2
    line = rf"error: cannot write {run}/checkpoints/(last|best)\.safetensors: No space left on device\n"
    assert re.fullmatch(line, outcome.err), outcome.err
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["best.safetensors", "last.safetensors"]
    assert graphcl("resume", run, "--quiet").code == 0
    assert (run / "metrics.json").read_text() == (undisturbed(case) / "metrics.json").read_text()


def test_a_disk_that_is_full_at_the_first_checkpoint_leaves_no_run(
    graphcl: Command, tmp_path: Path, data: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoint, "save_file", full)
    outcome = graphcl(*CASES["in a step"].arguments(data, tmp_path / "run"))
    line = f"error: cannot write {tmp_path}/run/checkpoints/best.safetensors: No space left on device\n"
    assert (outcome.code, outcome.err) == (2, line)
    assert not (tmp_path / "run").exists()


def test_a_full_disk_met_by_a_thread_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(error: Exception) -> str:
        def target() -> None:
            raise error

        thread = threading.Thread(target=target)
        thread.start()
        thread.join()
        return capsys.readouterr().err

    before, threading.excepthook = threading.excepthook, main._thread_failed
    try:
        assert fail(OSError(errno.ENOSPC, "No space left on device")) == ""
        assert "ValueError: a bug" in fail(ValueError("a bug"))
    finally:
        threading.excepthook = before


def test_a_file_that_may_not_be_read_is_one_line_and_leaves_no_run(
    graphcl: Command, tmp_path: Path, data: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "locked/train.csv")

    monkeypatch.setattr("graphcl.engine.fit._read_data", forbidden)
    outcome = graphcl(*CASES["in a step"].arguments(data, tmp_path / "run"))
    told = "error: locked/train.csv may not be read or written: Permission denied\n"
    assert (outcome.code, outcome.err) == (2, told)
    assert not (tmp_path / "run").exists()


def test_a_full_disk_elsewhere_is_one_line_too(
    graphcl: Command, tmp_path: Path, data: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(run: RunFolder, record: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "log.jsonl")

    monkeypatch.setattr("graphcl.engine.training.append_log", full)
    outcome = graphcl(*CASES["in a step"].arguments(data, tmp_path / "run"))
    assert (outcome.code, outcome.err) == (2, "error: cannot write log.jsonl: No space left on device\n")
