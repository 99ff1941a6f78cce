"""Where ``graphcl rca`` takes its table from: a file, Prometheus, or an incident that is made up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from graphcl.core.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from graphcl.rca.simulate import Simulated


@dataclass(frozen=True)
class Source:
    """A table, what is to be said of it, and the truth of one that is made up."""

    table: Path | pd.DataFrame
    notes: Sequence[str] = ()
    truth: Simulated | None = None


def made_up(seed: int) -> Source:
    """An incident whose fault goes with the seed: 0 to 5 are different ones."""
    from graphcl.data.telemetry.clock import isoformat
    from graphcl.rca.simulate import FAULTS, simulate

    fault = list(FAULTS)[seed % len(FAULTS)]
    found = simulate(fault, seed=seed)
    told = (
        f"made-up telemetry of {len(found.calls)} services, {len(found.frame)} rows of 1 s; in truth: {fault} at "
        f"{found.service} from {isoformat(found.anomaly_time)} on"
    )
    return Source(found.frame, [told], found)


def from_prometheus(url: str, start: str, end: str, step: str, match: Sequence[str], label: str) -> Source:
    """A range of a Prometheus."""
    from graphcl.data.telemetry.clock import in_seconds
    from graphcl.data.telemetry.prometheus import duration, query_prometheus

    if not (start and step):
        raise UserError("--prometheus needs --start and --step, such as --start 2026-01-05T10:00:00Z --step 15s")
    last = in_seconds(end, "seconds") if end else time.time()
    frame, notes = query_prometheus(url, in_seconds(start, "seconds"), last, duration(step), match, label=label)
    return Source(frame, notes)


def chosen(
    table: Path | None,
    demo: bool,
    prometheus: str,
    span: tuple[str, str, str],
    match: Sequence[str],
    label: str,
    seed: int,
) -> Source:
    """The one source that was asked for.

    Raises:
        UserError: none, several, or options of a source that was not asked for.
    """
    asked = [name for name, given in (("FILE", table), ("--demo", demo), ("--prometheus", prometheus)) if given]
    if len(asked) != 1:
        raise UserError(f"give one of FILE, --demo and --prometheus; here {' and '.join(asked) or 'none'}")
    if not prometheus and (any(span) or match or label):
        raise UserError("--start, --end, --step, --match and --service-label belong to --prometheus")
    if prometheus:
        return from_prometheus(prometheus, *span, match, label)
    return made_up(seed) if table is None else Source(table)
