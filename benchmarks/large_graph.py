"""GRACE on generated graphs that are large: ``python -m benchmarks.large_graph``.

20,000 nodes: all nodes contrasted at every step, and 2,048 anchors a step, against each other or against all nodes.
A million nodes and ten million edges, the 64 features on disk: steps on sampled neighbourhoods, then the embedding of
every node in blocks.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.cells import Cell, Suite, command

THREADS = 2
#: Nodes and edges of the two graphs.
SMALL, LARGE = (20_000, 100_000), (1_000_000, 10_000_000)
FEATURES = 64
ANCHORS = "train.batch_size=2048"
ALL_NODES = ("terms.info_nce.candidates=b.proj", "terms.info_nce.own_view=a.proj")
CELLS: Mapping[str, tuple[str, tuple[int, int], tuple[str, ...], int]] = {
    "whole-20k": ("20,000 nodes, all at once", SMALL, ("train.batch_size=0",), 2),
    "anchors-20k": ("20,000 nodes, 2,048 anchors among themselves", SMALL, (ANCHORS,), 5),
    "anchors-all-20k": ("20,000 nodes, 2,048 anchors against all", SMALL, (ANCHORS, *ALL_NODES), 4),
    "sampled-1m": ("1,000,000 nodes, 1,024 seeds with 10, 10 neighbours", LARGE,
                   ("train.batch_size=1024", "data.fanout=[10,10]"), 4),
}
#: Cell -> most MB over what was in memory before the training, and in all.
AIMS = {"whole-20k": (2048, None), "sampled-1m": (None, 4096)}
SUITE = Suite("large_graph", tuple(Cell(name, "benchmarks.large_graph:run", {"cell": name}) for name in CELLS))


def run(cell: str) -> dict[str, Any]:
    """Steps of one cell, and for the sampled graph the embedding of all nodes."""
    import torch

    import graphcl
    from benchmarks.steps import engine_steps, ready
    from graphcl.engine.embed import embed

    _, (nodes, edges), overrides, steps = CELLS[cell]
    with tempfile.TemporaryDirectory() as name:
        generate(Path(name), nodes, edges)
        recipe = graphcl.load("grace", f"data.path={name}", "train.device=cpu", f"train.threads={THREADS}",
                              f"train.epochs={steps}", f"train.eval_every={steps + 1}", *overrides)
        began = time.process_time()
        task, device = ready(recipe)
        found: dict[str, Any] = {"load_cpu_s": round(time.process_time() - began, 1), "threads": THREADS}
        measured, training = engine_steps(recipe, task, device, steps)
        found |= measured
        if getattr(task, "hops", 0):
            began = time.process_time()
            rows = embed(training.model, training.views, task, "test")[""]
            assert bool(torch.isfinite(rows[:: nodes // 1000]).all())
            found["embed_cpu_s"] = round(time.process_time() - began, 1)
    return found


def generate(folder: Path, nodes: int, edges: int) -> None:
    """Edges to nodes whose numbers are near, normal features."""
    import numpy as np

    draw = np.random.default_rng(0)
    source = draw.integers(0, nodes, edges)
    target = (source + draw.geometric(0.001, edges)) % nodes
    np.save(folder / "edge_index.npy", np.stack([source, target]))
    np.save(folder / "x.npy", draw.standard_normal((nodes, FEATURES), dtype=np.float32))


def section() -> str:
    """The table of docs/benchmarks.md."""
    head = (
        f"GRACE's recipe (GCN {FEATURES}-256-128), {THREADS} threads, medians after the first step. *Over the base*: "
        "peak of the training above what was in memory before; *in all*: of the process, from reading the graph to "
        "the last embedding. Aims: 2,048 MB over the base at 20,000 nodes, 4,096 MB in all at a million."
    )
    rows = []
    for cell in SUITE.cells:
        record = SUITE.result(cell) or {}
        over, total = record.get("extra_mb"), record.get("peak_rss_mb")
        most_over, most = AIMS.get(cell.name, (None, None))
        met = tables.aim(over, most_over, least=False) if most_over else ""
        met = tables.aim(total, most, least=False) if most else met
        times = [tables.figure(tables.median(record.get(key, [])), 2) for key in ("cpu", "wall")]
        embedded = tables.figure(record["embed_cpu_s"], 1) if "embed_cpu_s" in record else "-"
        rows.append([CELLS[cell.name][0], *times, tables.figure(over, 0), tables.figure(total, 0), embedded, met])
    columns = ("a step of", "CPU s", "wall s", "MB over the base", "MB in all", "CPU s to embed all", "aim")
    return f"{head}\n\n{tables.table(columns, rows)}"


if __name__ == "__main__":
    command(SUITE)
