"""The first row of an anomaly: found in the metrics, or given as a time."""

from __future__ import annotations

import numpy as np

from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.data.telemetry import Telemetry
from graphcl.data.telemetry.clock import in_seconds, isoformat, require_inside
from graphcl.rca.change import GUARD
from graphcl.rca.detect import find_anomaly, looked_at
from graphcl.rca.ranking import LEAST_NORMAL


def found_start(telemetry: Telemetry, notes: list[str]) -> int | None:
    """First row of the anomaly that the metrics show; None where they show none."""
    time, normal = telemetry.time, max(telemetry.breaks, default=0)
    found = find_anomaly(telemetry.values, normal)
    if found is not None:
        notes.append(
            f"anomaly found at {isoformat(float(time[found.row]))}: evidence {found.evidence:.1f} where "
            f"{found.needed:.1f} is needed"
        )
        return found.row
    rows = looked_at(len(time), normal)
    span = f"from {isoformat(float(time[rows[0]]))} to {isoformat(float(time[rows[-1]]))}" if rows else "(too few rows)"
    notes.append(
        f"no anomaly found {span}: no row from which the metrics stay outside of all that they were before; for one "
        "before or after that give --anomaly-time, or --normal"
    )
    return None


def given_start(telemetry: Telemetry, given: float | str, notes: list[str]) -> int:
    """First row of the anomaly whose time is known."""
    moment = in_seconds(given, telemetry.unit)
    normal = max(telemetry.breaks, default=0)
    require_inside(moment, telemetry.time[normal:], telemetry.period, telemetry.unit, str(given))
    start = int(np.searchsorted(telemetry.time, moment - 1e-6))
    if start < LEAST_NORMAL:
        raise UserError(
            f"{counted(start, 'row')} before the anomaly time {given}; at least {LEAST_NORMAL} are needed to say what "
            "is normal: give an earlier table, or a normal one with --normal"
        )
    if start >= len(telemetry.time):
        raise UserError(f"no row from the anomaly time {given} on; the last is {isoformat(float(telemetry.time[-1]))}")
    found = find_anomaly(telemetry.values, normal)
    if found is not None and found.row < start * (1 - GUARD) - 1:
        notes.append(
            f"low confidence: the metrics change at {isoformat(float(telemetry.time[found.row]))} already, "
            f"{counted(start - found.row, 'row')} before the anomaly time that was given; without it that time is taken"
        )
    return start
