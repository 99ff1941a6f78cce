"""A small log with a structure that can be learned, the command line as a function, and one finished run."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from graphcl.cli import main

#: Settings that train in a second; threads are fixed so that runs of other processes are the same bits.
SMALL = ["encoder.dim=8", "encoder.num_layers=2", "train.batch_size=128", "train.lr=0.05", "train.threads=1"]


@dataclass
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The last line on stderr."""
        return self.err.rstrip("\n").rpartition("\n")[2]


Command = Callable[..., Outcome]


@pytest.fixture
def graphcl(capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line in this process: what `graphcl` does after the interpreter has started."""

    def command(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = main.run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return command


def spawn(*arguments: object, cwd: Path, script: Path | None = None) -> Outcome:
    """The command line in a process of its own, perhaps under a script that breaks it."""
    head = ["-m", "graphcl"] if script is None else [str(script)]
    done = subprocess.run(
        [sys.executable, *head, *(str(argument) for argument in arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=600,
        env=environment(),
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def environment() -> dict[str, str]:
    """This checkout first on the path, whatever the working directory."""
    import os

    root = str(Path(main.__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": root + os.pathsep + os.environ.get("PYTHONPATH", "")}


def train(data: list[str], *more: object) -> list[object]:
    """The arguments of the shortest training on this data."""
    return ["train", "lightgcn", *data, *SMALL, "train.epochs=1", "eval.baselines=[popularity]", *more]


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 users x 40 items in three groups who mostly stay among themselves; ``items.csv`` beside it names the items."""
    folder = tmp_path_factory.mktemp("log")
    draw = random.Random(0)
    rows = [
        f"c{u},p{i},{1000 + u + i}"
        for u in range(60)
        for i in range(40)
        if draw.random() < (0.6 if u % 3 == i % 3 else 0.03)
    ]
    (folder / "clicks.csv").write_text("customer,product,ts\n" + "\n".join(rows) + "\n")
    (folder / "items.csv").write_text("product,title\n" + "".join(f"p{i},Thing {i}\n" for i in range(40)))
    return folder / "clicks.csv"


@pytest.fixture(scope="session")
def data(log: Path) -> list[str]:
    """Settings that read the log."""
    return [f"data.path={log}", "data.user=customer", "data.item=product"]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, data: list[str], log: Path) -> Path:
    """A finished run, for reading only."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    names = [f"data.items={log.parent / 'items.csv'}", "data.item_id=product", "data.item_name=title"]
    code = main.run(["train", "lightgcn", *data, *names, *SMALL, "train.epochs=4", "--out", str(folder), "--quiet"])
    assert code == 0
    return folder


@pytest.fixture
def stopped(finished: Path, tmp_path: Path) -> Path:
    """A copy of the run as it stood after its last checkpoint, before it was judged."""
    folder = tmp_path / "stopped"
    shutil.copytree(finished, folder)
    record = folder / "run.json"
    record.write_text(record.read_text().replace('"complete"', '"training"'))
    (folder / "metrics.json").unlink()
    (folder / "embeddings.safetensors").unlink()
    return folder
