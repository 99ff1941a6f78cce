"""What surrounds a training: signals, deterministic algorithms, sparse kernels, and the device batches go to."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import torch

from graphcl.graph.operators import multiplying_by
from graphcl.tasks.base import Batch


@contextmanager
def stoppable(ask: Callable[[], None]) -> Iterator[None]:
    """Inside, Ctrl-C and SIGTERM call ``ask`` in the place of ending the process."""
    try:
        before = {number: signal.signal(number, lambda *_: ask()) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: the host program handles signals
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def deterministic() -> Iterator[None]:
    """Deterministic algorithms for the time of a training."""
    settings: Any = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled(), settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    # Filling every new buffer with NaN finds reads of uninitialised memory, at the cost of a pass over each.
    settings.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        settings.fill_uninitialized_memory = before[1]


def propagation(backend: str) -> AbstractContextManager[None]:
    """Inside, sparse products are computed by these kernels: ``torch`` or ``dgl``.

    Raises:
        MissingExtra: they are of a package that is not installed.
    """
    if backend == "torch":
        return nullcontext()
    from graphcl.dgl import load_dgl, spmm

    load_dgl()
    return multiplying_by(spmm)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with its rows and graphs on a device."""
    if device.type == "cpu":
        return batch

    def moved(value: Any) -> Any:
        return value.to(device) if hasattr(value, "to") else {key: item.to(device) for key, item in value.items()}

    return replace(
        batch,
        ids=batch.ids.to(device),
        rows={name: moved(rows) for name, rows in batch.rows.items()},
        shares={name: share.to(device) for name, share in batch.shares.items()},
        graphs={name: graph.to(device) for name, graph in batch.graphs.items()},
        nodes=None if batch.nodes is None else batch.nodes.to(device),
    )
