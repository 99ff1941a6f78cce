"""DGL's sparse kernels beside ours: ``python -m benchmarks.dgl_backend [--threads N --repeats N]``.

The same operator (``gcn`` normalisation), latents and upstream gradient on both sides, which alternate. ``new graph``
is what a view with dropped edges costs at every step: the product after the edges have changed, so that DGL makes its
graph of the CSR arrays first; making the CSR itself is the same for both and hardly counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks import tables
from benchmarks.cells import Cell, Suite, by_threads, command, data_root

DATA, DIM = ("cora", "photo"), 128
KINDS = ("forward", "forward and backward", "new graph, forward and backward")


def suite(threads: int, repeats: int) -> Suite:
    """One cell a graph."""
    return Suite("dgl_backend", tuple(
        Cell(f"{data}-{threads}", "benchmarks.dgl_backend:products",
             {"data": data, "threads": threads, "repeats": repeats})
        for data in DATA
    ))  # fmt: skip


def products(data: str, threads: int, repeats: int) -> dict[str, Any]:
    """Least CPU milliseconds of each kind of product by each kernel, and the largest difference between the two."""
    import torch

    from graphcl.data.graphs.node_graph import NodeGraphData
    from graphcl.dgl import load_dgl, spmm
    from graphcl.graph.operators import build_operator
    from graphcl.graph.operators.csr import native

    torch.set_num_threads(threads)
    root = data_root()
    graph = NodeGraphData.from_card(data, data_root=root).load(seed=0).graph
    operator = build_operator(graph, "gcn")
    draw = torch.Generator().manual_seed(0)
    x, upstream = (torch.randn(operator.shape[0], DIM, generator=draw) for _ in range(2))
    kernels = {"ours": native, "dgl": spmm}
    times: dict[str, dict[str, float]] = {kind: {} for kind in KINDS}
    for kind in KINDS:
        sides = {name: _run(kind, operator, x, upstream, kernel) for name, kernel in kernels.items()}
        times[kind] = _in_turn(sides, repeats)
    y, grad = (_values(operator, x, upstream, kernel) for kernel in kernels.values())
    difference = max(float((a - b).abs().max()) for a, b in zip(y, grad, strict=True))
    return {
        "threads": threads, "nodes": operator.shape[0], "nnz": operator.nnz, "cpu_ms": times,
        "largest_difference": difference, "dgl": load_dgl().__version__,
    }


def _run(kind: str, operator: Any, x: Any, upstream: Any, kernel: Any) -> Callable[[], Any]:
    def forward() -> Any:
        return _product(operator, x, kernel)

    def both() -> Any:
        leaf = x.detach().requires_grad_()
        _product(operator, leaf, kernel).backward(upstream)
        return leaf.grad

    def fresh() -> Any:
        leaf = x.detach().requires_grad_()
        _product(operator.with_values(operator.values), leaf, kernel).backward(upstream)  # other tensors, same numbers
        return leaf.grad

    return {"forward": forward, "forward and backward": both}.get(kind, fresh)


def _product(operator: Any, x: Any, kernel: Any) -> Any:
    from graphcl.graph.operators import multiplying_by

    with multiplying_by(kernel):
        return operator.propagate(x)


def _values(operator: Any, x: Any, upstream: Any, kernel: Any) -> tuple[Any, Any]:
    leaf = x.detach().requires_grad_()
    y = _product(operator, leaf, kernel)
    y.backward(upstream)
    return y.detach(), leaf.grad


def _in_turn(sides: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Least CPU milliseconds of each side; the first run of each only warms up."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats + 1):
        for name, run in sides.items():
            start = time.process_time()
            run()
            times[name].append(1e3 * (time.process_time() - start))
    return {name: round(min(values[1:]), 3) for name, values in times.items()}


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The tables of docs/benchmarks.md."""
    records = suite(1, 1).results()
    head = (
        f"`train.backend: dgl` against torch's own kernel: A x with the graph's normalised matrix, d {DIM}, least CPU "
        "milliseconds; the two alternate."
    )
    parts = [head]
    for threads in by_threads(records.values()):
        body = [row for data in DATA for row in _rows(data, records.get(f"{data}-{threads}"))]
        title = "1 thread" if threads == 1 else f"{threads} threads"
        parts.append(tables.table((title, "ours, ms", "DGL, ms", "DGL / ours", "largest difference"), body))
    return "\n\n".join(parts)


def _rows(data: str, record: Mapping[str, Any] | None) -> list[list[str]]:
    if record is None:
        return [[data, tables.NOT_RUN, "", "", ""]]
    rows = []
    for kind in KINDS:
        ours, theirs = (record["cpu_ms"][kind][name] for name in ("ours", "dgl"))
        size = f"{record['nodes']:,} nodes, {record['nnz']:,} entries"
        difference = f"{record['largest_difference']:.0e}"
        rows.append([f"{data} ({size}): {kind}", tables.figure(ours, 2), tables.figure(theirs, 2),
                     tables.figure(theirs / ours, 2), difference])  # fmt: skip
    return rows


if __name__ == "__main__":
    command(suite, threads=1, repeats=15)
