"""Cells of a benchmark: each runs in a process of its own, once, and leaves one JSON file.

A killed benchmark goes on with the missing cells; a missing cell is reported as `not run`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).resolve().parent / "results"


def data_root() -> str | None:
    """Where the public data sets lie: GRAPHCL_DATA, else a shared folder beside the checkout, else downloads."""
    beside = ROOT.parent / "shared" / "data"
    return os.environ.get("GRAPHCL_DATA") or (str(beside) if beside.is_dir() else None)


@dataclass(frozen=True)
class Cell:
    """One figure's worth of work: a function (``module:name``) and its JSON arguments."""

    name: str
    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Suite:
    """Cells that belong to one table."""

    name: str
    cells: tuple[Cell, ...]

    def path(self, cell: Cell) -> Path:
        return RESULTS / self.name / f"{cell.name}.json"

    def result(self, cell: Cell) -> dict[str, Any] | None:
        """The cell's record, or None when it was not run."""
        path = self.path(cell)
        return json.loads(path.read_text()) if path.is_file() else None

    def results(self) -> dict[str, dict[str, Any]]:
        """Every record of this suite's name, also of cells that other options made."""
        paths = sorted((RESULTS / self.name).glob("*.json"))
        return {path.stem: json.loads(path.read_text()) for path in paths}

    def run(self, only: Iterable[str] = (), jobs: int = 1) -> list[str]:
        """Run the missing cells in order (those whose name contains one of ``only``), ``jobs`` at a time.

        Returns:
            Names of the cells that failed; the others are run all the same.
        """
        wanted = list(only)
        missing = [cell for cell in self.cells if not self.path(cell).is_file()]
        asked = [cell for cell in missing if not wanted or any(part in cell.name for part in wanted)]
        with ThreadPoolExecutor(jobs) as pool:
            done = list(pool.map(self._run, asked))
        return [cell.name for cell, success in zip(asked, done, strict=True) if not success]

    def _run(self, cell: Cell) -> bool:
        print(f"{self.name}/{cell.name} ...", file=sys.stderr, flush=True)
        try:
            record = in_child(cell)
        except subprocess.CalledProcessError as error:
            print(f"{self.name}/{cell.name} failed: exit {error.returncode}", file=sys.stderr, flush=True)
            return False
        self.path(cell).parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path(cell).with_suffix(".tmp")
        temporary.write_text(without_place(lines_of(record)))
        temporary.replace(self.path(cell))
        return True


def lines_of(record: Mapping[str, Any]) -> str:
    """JSON with a line for each key of the record, so that thousands of values for users are not as many lines."""
    return "{\n" + ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in record.items()) + "\n}\n"


def without_place(text: str) -> str:
    """The text with ``DATA`` for the folder of the data sets, which lies elsewhere on each machine."""
    root = data_root()
    return text.replace(str(Path(root).absolute()), "DATA") if root else text


def in_child(cell: Cell) -> dict[str, Any]:
    """Run a cell in a child process; add its wall and CPU seconds, peak memory and the machine."""
    request = json.dumps({"function": cell.function, "arguments": dict(cell.arguments)})
    began = time.perf_counter()
    child = subprocess.run(
        [sys.executable, "-m", "benchmarks.cells", request], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        check=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    record = json.loads(child.stdout.splitlines()[-1])
    wall = round(time.perf_counter() - began, 2)
    return {**record, "wall_s": wall, "machine": machine(), "date": time.strftime("%Y-%m-%d")}


def machine() -> str:
    """CPU kind, cores, and versions of what the numbers depend on."""
    import torch

    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []:
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    return f"{cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}"


def _child(request: str) -> None:
    import importlib

    spec = json.loads(request)
    module, _, name = spec["function"].partition(":")
    function: Callable[..., dict[str, Any]] = getattr(importlib.import_module(module), name)
    result = function(**spec["arguments"])
    usage = resource.getrusage(resource.RUSAGE_SELF)
    result = {**result, "cpu_s": round(usage.ru_utime + usage.ru_stime, 2), "peak_rss_mb": usage.ru_maxrss // 1024}
    print(json.dumps(result))


def in_turn(sides: Mapping[str, tuple[str, Mapping[str, Any]]], order: int = 0) -> dict[str, Any]:
    """A cell that runs several functions one after the other, each in a process of its own, on the same machine.

    Args:
        sides: Name -> function (``module:name``) and arguments.
        order: Which side begins; give the round's number, so that no side always has the warmer machine.

    Returns:
        Name -> record.
    """
    names = list(sides)
    shift = order % len(names)
    return {name: in_child(Cell(name, *sides[name])) for name in names[shift:] + names[:shift]}


def by_threads(records: Iterable[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    """Records by their number of threads, which are never averaged; 2 without records."""
    found: dict[int, list[dict[str, Any]]] = {}
    for record in records:
        found.setdefault(record["threads"], []).append(record)
    return dict(sorted(found.items())) or {2: []}


def command(suite: Suite | Callable[..., Suite], **options: int) -> None:
    """The command line of a suite's module: run the missing cells.

    Args:
        suite: The suite, or a function from ``options`` to the suite.
        options: Whole numbers that the command line may change, with their defaults.
    """
    parser = argparse.ArgumentParser(description="Run the missing cells of this benchmark; a killed one goes on.")
    parser.add_argument("--only", nargs="*", default=[], help="run cells whose name contains one of these")
    parser.add_argument("--list", action="store_true", help="list the cells and whether they were run")
    parser.add_argument("--jobs", type=int, default=1, help="cells at once (default 1; leave it where times matter)")
    for name, default in options.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    arguments = parser.parse_args()
    made = suite if isinstance(suite, Suite) else suite(**{name: getattr(arguments, name) for name in options})
    if arguments.list:
        for cell in made.cells:
            print("done   " if made.path(cell).is_file() else "not run", cell.name)
        return
    if failed := made.run(arguments.only, arguments.jobs):
        raise SystemExit(f"{len(failed)} cells failed: {', '.join(failed)}")


if __name__ == "__main__":
    _child(sys.argv[1])
