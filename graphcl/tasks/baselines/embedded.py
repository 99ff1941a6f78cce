"""Baselines that are embeddings, judged by a probe as the trained ones are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol

from torch import Tensor
from torch_geometric.data import Data

from graphcl.core.build import build
from graphcl.core.errors import UserError
from graphcl.tasks.baselines.base import check_task
from graphcl.tasks.probes.base import Probe

Settings = Mapping[str, Any]


class EmbeddedBaseline(Protocol):
    """Constructor: options. Sees what training sees: the graph, or the batch of all graphs.

    Class attributes:
        probe: The probe that judges it; empty for the task's own. ``probe_options`` may give options of that probe.
            ``reads_x`` may say that it needs node features; ``asks`` may name a method of the sequence of graphs, which
            it is then given in the place of the batch.
    """

    probe: ClassVar[str]

    def embeddings(self, graph: Data, /, *, seed: int) -> Iterator[tuple[Settings, Tensor]]:
        """Each setting with its embeddings, [N, d] or [G, d]; the task chooses one without looking at test."""
        ...


def build_embedded(names: Sequence[str], task: str) -> dict[str, EmbeddedBaseline]:
    """The baselines of these names.

    Raises:
        UserError: no such baseline, or one of another task.
    """
    for name in names:
        check_task(name, task)
    return {name: build("baseline", name, {}) for name in names}


def check_reads(baselines: Mapping[str, EmbeddedBaseline], graph: Any, packed: Any) -> None:
    """Refuse baselines that would fail after training.

    Args:
        baselines: Name -> baseline.
        graph: A sample of what they read.
        packed: The sequence of graphs.

    Raises:
        UserError: one reads what these graphs do not have.
    """
    for name, baseline in baselines.items():
        if getattr(baseline, "reads_x", False) and "x" not in graph:
            raise UserError(
                f"eval.baselines: {name} reads node features 'x', and these graphs have none; leave it out, or take "
                "token_jaccard for programs"
            )
        asked = getattr(baseline, "asks", "")
        if asked and not hasattr(packed, asked):
            raise UserError(f"eval.baselines: {name} is of other data: these graphs know no {asked}; leave it out")


def comparable(
    baselines: Mapping[str, EmbeddedBaseline], probe: Probe
) -> Iterator[tuple[str, EmbeddedBaseline, Probe]]:
    """(name, baseline, its probe); one with a probe of its own is left out where that measures something else."""
    for name, baseline in baselines.items():
        own = build("probe", baseline.probe, getattr(baseline, "probe_options", {})) if baseline.probe else probe
        if own.metrics == probe.metrics:
            yield name, baseline, own
