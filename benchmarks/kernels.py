"""The kernel under the contrastive losses at LightGCL's gowalla shapes: ``python -m benchmarks.kernels``.

Forward and backward of InfoNCE by inner product, float32. The sides take turns in one process: ours, the literal
form that materialises logits and exponentials, and the three matrix products that any exact form needs (logits,
gradients of anchors and of candidates), once materialised and once in blocks that stay in the cache. Each side's
memory is that of one run in a process of its own. ``--shape`` takes other sizes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks import tables
from benchmarks.cells import Cell, Suite, in_turn

#: Different anchors of 4,096 pairs of gowalla x candidates: users, items and their negatives.
SHAPES = ((3800, 29858), (7500, 40981))
DIM, THREADS, ROUNDS, TAU = 64, 2, 5, 0.2
SIDES = {
    "blockwise": "blockwise, ours",
    "literal": "literal form",
    "products": "three products, materialised",
    "products_in_blocks": "three products, in blocks",
}


def compare(anchors: int, candidates: int, dim: int, threads: int, rounds: int) -> dict[str, Any]:
    """Least wall and CPU seconds of each side, and the memory each adds."""
    import torch

    from benchmarks.clock import now

    torch.set_num_threads(threads)
    sides = {name: side_of(name, anchors, candidates, dim) for name in SIDES}
    wall, cpu = ({name: float("inf") for name in sides} for _ in range(2))
    for _ in range(rounds + 1):  # the first one warms up and is hardly ever the least
        for name, run in sides.items():
            start = now()
            run()
            stop = now()
            wall[name] = round(min(wall[name], stop[0] - start[0]), 4)
            cpu[name] = round(min(cpu[name], stop[1] - start[1]), 4)
    arguments = {"anchors": anchors, "candidates": candidates, "dim": dim, "threads": threads}
    children = in_turn({name: ("benchmarks.kernels:memory", {"side": name, **arguments}) for name in SIDES})
    return {
        "shape": [anchors, candidates, dim], "threads": threads, "wall": wall, "cpu": cpu,
        "extra_mb": {name: record["extra_mb"] for name, record in children.items()},
    }


def memory(side: str, anchors: int, candidates: int, dim: int, threads: int) -> dict[str, float]:
    """How far one run's peak lies above what was there before it, a small run having loaded the libraries."""
    import torch

    from benchmarks.memory import extra_peak

    torch.set_num_threads(threads)
    side_of(side, 64, 64, dim)()
    run = side_of(side, anchors, candidates, dim)
    with extra_peak() as found:
        run()
    return found


def side_of(name: str, anchors: int, candidates: int, dim: int) -> Callable[[], None]:
    """One of SIDES on random embeddings, ready to run."""
    import torch

    from graphcl.objective.kernels import contrast
    from graphcl.objective.kernels.blockwise import block_rows

    random = torch.Generator().manual_seed(0)
    a, c = (0.3 * torch.randn(n, dim, generator=random) for n in (anchors, candidates))
    index = torch.randint(candidates, (anchors,), generator=random)

    def blockwise() -> None:
        x, y = a.requires_grad_(), c.requires_grad_()
        _free(contrast(x, y, index, similarity="dot", temperature=TAU).mean(), x, y)

    def literal() -> None:
        x, y = a.requires_grad_(), c.requires_grad_()
        denominator = torch.log(torch.exp(x @ y.T / TAU).sum(1) + 1e-8)
        _free((denominator - (x * y[index]).sum(1) / TAU).mean(), x, y)

    def products() -> None:
        logits = a @ c.T
        logits @ c
        logits.T @ a

    def products_in_blocks() -> None:
        gradient = torch.zeros_like(c)
        for block in a.split(block_rows(candidates, 4, None, a.device)):
            logits = block @ c.T
            logits @ c
            gradient.addmm_(logits.T, block)

    return {
        "blockwise": blockwise, "literal": literal, "products": torch.no_grad()(products),
        "products_in_blocks": torch.no_grad()(products_in_blocks),
    }[name]  # fmt: skip


def _free(loss: Any, *leaves: Any) -> None:
    loss.backward()
    for leaf in leaves:
        leaf.grad = None


def suite(shapes: tuple[tuple[int, int], ...] = SHAPES, **settings: int) -> Suite:
    """A cell for each shape."""
    settings = {"dim": DIM, "threads": THREADS, "rounds": ROUNDS} | settings
    cells = []
    for anchors, candidates in shapes:
        name = f"{anchors}x{candidates}-d{settings['dim']}-threads-{settings['threads']}"
        arguments = {"anchors": anchors, "candidates": candidates, **settings}
        cells.append(Cell(name, "benchmarks.kernels:compare", arguments))
    return Suite("kernels", tuple(cells))


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The tables of docs/benchmarks.md."""
    return "\n\n".join(_table(record) for record in suite().results().values()) or tables.NOT_RUN


def _table(record: Mapping[str, Any]) -> str:
    anchors, candidates, dim = record["shape"]
    head = f"{anchors:,} x {candidates:,}, d {dim}, {record['threads']} threads"
    rows = []
    for name, label in SIDES.items():
        cpu, wall, extra = (record[key][name] for key in ("cpu", "wall", "extra_mb"))
        ratio = cpu / max(record["cpu"]["products_in_blocks"], 1e-9)
        rows.append([label, *(tables.figure(x, 2) for x in (cpu, wall, ratio)), tables.figure(extra, 0)])
    return tables.table((head, "CPU s", "wall s", "CPU / products in blocks", "extra peak MB"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the contrastive kernel; a shape that has a record is not rerun.")
    parser.add_argument("--shape", nargs=2, type=int, action="append", metavar=("ANCHORS", "CANDIDATES"))
    for name, default in (("dim", DIM), ("threads", THREADS), ("rounds", ROUNDS)):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    given = parser.parse_args()
    shapes = tuple(tuple(shape) for shape in given.shape or SHAPES)
    made = suite(shapes, dim=given.dim, threads=given.threads, rounds=given.rounds)  # type: ignore[arg-type]
    failed = made.run()
    for cell in made.cells:
        if (record := made.result(cell)) is not None:
            print(json.dumps(record))
            print(f"{_table(record)}\n\n{record['machine']}, {record['date']}\n", file=sys.stderr)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
