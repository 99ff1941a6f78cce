"""RecBole's own models on ml-100k, an epoch and an evaluation, with and without ``import graphcl.recbole``.

``python -m benchmarks.recbole_zoo``. Each run is a process of its own, of one thread, and is stopped after ``SECONDS``
of CPU time, so that a busy machine changes no outcome.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.cells import ROOT, Cell, Suite

SECONDS = 240
FIXED: dict[str, Any] = {
    "epochs": 1, "eval_batch_size": 40_000_000, "show_progress": False, "state": "ERROR", "use_gpu": False,
}  # fmt: skip
#: Sequence models, by the names of their settings; without it an epoch of one takes longer than all others together.
SMALL: dict[str, Any] = {
    "MAX_ITEM_LIST_LENGTH": 10, "hidden_size": 16, "inner_size": 16, "embedding_size": 16, "n_layers": 1, "n_heads": 1,
    "train_neg_sample_args": None,
}  # fmt: skip
#: What single models need besides: sampled negatives, layers to divide by, fewer users than all at once.
_SAMPLED = {"train_neg_sample_args": {"distribution": "uniform", "sample_num": 1}}
OWN: dict[str, dict[str, Any]] = {
    "DIN": _SAMPLED, "DIEN": _SAMPLED, "FPMC": _SAMPLED, "TransRec": _SAMPLED, "FEARec": {"n_layers": 2},
    "ConvNCF": {"eval_batch_size": 400_000},
}  # fmt: skip
SCRIPT = """
import json, sys
shims, model, settings = json.loads(sys.argv[1])
sys.argv = sys.argv[:1]
if shims:
    import graphcl.recbole
else:
    import ray.tune  # what RecBole imports first; without torch, where it cannot be imported
from recbole.quick_start import run_recbole
print("RESULT", run_recbole(model=model, dataset="ml-100k", config_dict=settings)["test_result"])
"""


def names() -> dict[str, str]:
    """RecBole's models -> kind: those with a property file; none where it is not installed."""
    from importlib.util import find_spec

    spec = find_spec("recbole")
    if spec is None or spec.origin is None:
        return {}
    root = Path(spec.origin).parent
    found = {}
    for file in sorted((root / "properties" / "model").glob("*.yaml")):
        for kind in ("general", "context_aware", "sequential", "knowledge_aware", "exlib"):
            if (root / "model" / f"{kind}_recommender" / f"{file.stem.lower()}.py").is_file():
                found[file.stem] = kind
    return found


def model(name: str, kind: str) -> dict[str, Any]:
    """Both runs."""
    outcomes = {side: _outcome(name, kind, side == "after") for side in ("before", "after")}
    return {"model": name, "kind": kind, **outcomes}


def _outcome(name: str, kind: str, shims: bool) -> str:
    """``ok``, ``stopped``, or the last line of the error."""
    settings = FIXED | (SMALL if kind == "sequential" else {}) | OWN.get(name, {})
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, json.dumps([shims, name, settings])], cwd=folder, preexec_fn=_limit,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return "stopped"
    if done.returncode == 0 and "RESULT" in done.stdout:
        return "ok"
    return (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1][:200]


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 10))


SUITE = Suite("recbole_zoo", tuple(
    Cell(name, "benchmarks.recbole_zoo:model", {"name": name, "kind": kind}) for name, kind in names().items()
))  # fmt: skip


def section() -> str:
    """The tables of docs/benchmarks.md."""
    found = list(SUITE.results().values())
    if not found:
        return tables.NOT_RUN
    works = {side: [record for record in found if record[side] == "ok"] for side in ("before", "after")}
    alone = Counter(record["before"] for record in found if record["before"] != "ok")
    head = (
        f"One epoch and an evaluation on ml-100k, stopped after {SECONDS} s of CPU time; models of histories are made "
        f"small. RecBole alone: {len(works['before'])} of {len(found)} work"
        + "".join(f"; {count} end in `{error}`" for error, count in alone.most_common(3))
        + f". With `import graphcl.recbole`: {len(works['after'])} of {len(found)} work."
    )
    kinds = sorted({record["kind"] for record in found})
    names = {kind: ", ".join(r["model"] for r in works["after"] if r["kind"] == kind) for kind in kinds}
    working = tables.table(("kind", "work with graphcl.recbole"), [(kind, names[kind] or "none") for kind in kinds])
    others = [(r["model"], r["kind"], r["after"]) for r in found if r["after"] != "ok"]
    return f"{head}\n\n{working}\n\n{tables.table(('model', 'kind', 'does not, with graphcl.recbole'), others)}"


if __name__ == "__main__":
    from benchmarks.cells import command

    command(SUITE)
