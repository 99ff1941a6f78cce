"""Propagation at gowalla's size: ``python -m benchmarks.operators``.

One cell a question: which kernel and which width of index multiplies fastest; what computing a batch's rows only is
worth; what noise costs; how exact the low-rank view is under which settings. Sides of a cell are timed in turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks import tables
from benchmarks.cells import Cell, Suite, command, data_root

DIM, BATCH, REPEATS, RANK = 64, 2048, 25, 5
SVD = ((0, 2), (10, 2), (10, 4), (10, 7), (20, 7))
SUITE = Suite(
    "operators",
    (
        *(Cell(f"product-{n}", "benchmarks.operators:product", {"threads": n}) for n in (1, 2)),
        Cell("rows", "benchmarks.operators:rows", {"threads": 2}),
        Cell("noise", "benchmarks.operators:noise", {"threads": 2}),
        Cell("svd", "benchmarks.operators:svd", {"threads": 2}),
    ),
)


def product(threads: int) -> dict[str, Any]:
    """R @ x for one direction, by kernel and index width."""
    import torch

    from graphcl.graph.operators.csr import to_scipy

    torch.set_num_threads(threads)
    operator, x = _gowalla(), _latents(1)
    sides: dict[str, Callable[[], Any]] = {}
    for width in (torch.int32, torch.int64):
        csr = _of_width(operator.first, width).csr
        sides[f"native {width}"] = lambda csr=csr: torch.sparse.mm(csr, x, "sum")
        sides[f"MKL {width}"] = lambda csr=csr: csr @ x
    matrix, array = to_scipy(operator.first.csr), x.numpy()
    sides["scipy (one thread)"] = lambda: matrix @ array
    return {"ms": _in_turn(sides), "nnz": operator.first.nnz}


def rows(threads: int) -> dict[str, Any]:
    """Forward and backward of the rows that a batch reads, against the whole product."""
    import torch

    from graphcl.graph.operators import BipartiteOperator

    torch.set_num_threads(threads)
    operator, x = _gowalla(), torch.cat([_latents(0), _latents(1)]).requires_grad_()
    wanted = _batch_rows(operator)
    narrow, wide = (BipartiteOperator(_of_width(operator.first, w)) for w in (torch.int32, torch.int64))
    upstream = torch.ones(len(wanted), DIM)
    sides = {
        "whole, then select": lambda: narrow.propagate(x).index_select(0, wanted).backward(upstream),
        "rows, int32 indices": lambda: narrow.propagate(x, wanted).backward(upstream),
        "rows, int64 indices": lambda: wide.propagate(x, wanted).backward(upstream),
    }
    return {"ms": _in_turn(sides), "rows": len(wanted), "nodes": operator.shape[0]}


def noise(threads: int) -> dict[str, Any]:
    """What SimGCL's noise adds to a product."""
    import torch

    from graphcl.graph.operators import NoisyOperator

    torch.set_num_threads(threads)
    operator, x = _gowalla(), torch.cat([_latents(0), _latents(1)])
    wanted, noisy = _batch_rows(operator), NoisyOperator(operator, 0.1, torch.Generator().manual_seed(0))
    sides = {
        "clean": lambda: operator.propagate(x),
        "noisy": lambda: noisy.propagate(x),
        "clean, rows of a batch": lambda: operator.propagate(x, wanted),
        "noisy, rows of a batch": lambda: noisy.propagate(x, wanted),
    }
    return {"ms": _in_turn(sides)}


def svd(threads: int) -> dict[str, Any]:
    """Relative error of the singular values and seconds, by oversampling and power iterations."""
    import torch
    from scipy.sparse.linalg import svds

    from graphcl.graph.operators import randomized_svd
    from graphcl.graph.operators.csr import to_scipy

    torch.set_num_threads(threads)
    matrix = _gowalla().first
    exact = torch.from_numpy(svds(to_scipy(matrix.csr).astype("float64"), k=RANK, return_singular_vectors=False)).sort()
    exact_values = exact.values.flip(0)
    settings = {}
    for oversampling, n_iter in SVD:
        start = time.perf_counter()
        options = {"oversampling": oversampling, "n_iter": n_iter}
        found = randomized_svd(matrix, RANK, **options, generator=torch.Generator().manual_seed(0)).S
        seconds = time.perf_counter() - start
        error = ((found - exact_values) / exact_values).abs()
        settings[f"{oversampling},{n_iter}"] = {
            "first": float(error[0]), "worst": float(error.max()), "seconds": round(seconds, 2)
        }
    return {"settings": settings}


def _gowalla() -> Any:
    from graphcl.data.source import InteractionsData
    from graphcl.graph.bipartite import build_bipartite
    from graphcl.graph.operators import build_operator

    data = InteractionsData.from_card("gowalla", data_root=data_root()).load(seed=0)
    train = data.refit().train if len(data.held_out.valid) else data.train  # the whole train file
    return build_operator(build_bipartite(train.users, train.items, len(data.users), len(data.items)), "sym")


def _latents(side: int) -> Any:
    import torch

    return torch.randn(_gowalla().first.shape[side], DIM, generator=torch.Generator().manual_seed(side))


def _batch_rows(operator: Any) -> Any:
    """Users and items of BATCH pairs, and as many items drawn uniformly: the rows of a batch, sorted and unique."""
    import torch

    from graphcl.graph.operators.csr import row_of_entries

    random, matrix = torch.Generator().manual_seed(0), operator.first
    pairs = torch.randint(matrix.nnz, (BATCH,), generator=random)
    negatives = torch.randint(matrix.shape[1], (BATCH,), generator=random)
    items = torch.cat([matrix.csr.col_indices()[pairs].long(), negatives]) + matrix.shape[0]
    return torch.cat([row_of_entries(matrix.csr)[pairs], items]).unique()


def _of_width(operator: Any, width: Any) -> Any:
    from graphcl.graph.operators import SparseOperator
    from graphcl.graph.operators.csr import csr_tensor

    csrs = (
        csr_tensor(c.crow_indices().to(width), c.col_indices().to(width), c.values(), tuple(c.shape))
        for c in (operator.csr, operator.csr_t)
    )
    return SparseOperator(*csrs)


def _in_turn(sides: Mapping[str, Callable[[], Any]]) -> dict[str, float]:
    """Least milliseconds of each side: a busy machine only adds to a time. The sides alternate."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(REPEATS):
        for name, run in sides.items():
            start = time.perf_counter()
            run()
            times[name].append(1e3 * (time.perf_counter() - start))
    return {name: round(min(values), 2) for name, values in times.items()}


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The tables of docs/benchmarks.md."""
    found = SUITE.results()
    head = (
        f"gowalla's user-item matrix, symmetric normalisation, d {DIM}; least of {REPEATS} runs in milliseconds. "
        "Indices are int32: the CPU kernel takes both widths in about the same time, and the row-restricted product, "
        "whose rows are gathered by scipy, copies int64 indices at every step."
    )
    parts = [head, _products(found)]
    rows_of = found.get("rows", {})
    parts.append(_times(f"a batch of {BATCH:,} pairs, forward and backward (2 threads)", rows_of))
    parts.append(_times("noise (2 threads, forward)", found.get("noise", {})))
    parts.append(_accuracy(found.get("svd", {}).get("settings", {})))
    return "\n\n".join(parts)


def _products(found: Mapping[str, Any]) -> str:
    one, two = (found.get(f"product-{n}", {}).get("ms", {}) for n in (1, 2))
    body = [[name, tables.figure(one.get(name), 1), tables.figure(two.get(name), 1)] for name in {**one, **two}]
    return tables.table(("R x, one direction", "1 thread", "2 threads"), body)


def _times(title: str, record: Mapping[str, Any]) -> str:
    return tables.table((title, "ms"), [[name, tables.figure(ms, 1)] for name, ms in record.get("ms", {}).items()])


def _accuracy(settings: Mapping[str, Any]) -> str:
    body = []
    for name, values in settings.items():
        oversampling, n_iter = name.split(",")
        errors = [f"{100 * values[key]:.1f} %" for key in ("first", "worst")]
        body.append([oversampling, n_iter, *errors, tables.figure(values["seconds"], 2)])
    head = ("oversampling", "n_iter", "error of the first singular value", f"worst of {RANK}", "s")
    return tables.table(head, body)


if __name__ == "__main__":
    command(SUITE)
