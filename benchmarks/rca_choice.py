"""The change score chosen on some systems and judged on others: what its figures are where it was not chosen.

A grid of 144 settings; of the cases that choose, the setting with the best mean of AC@1 and Avg@5, the time known and
60 s late, systems weighed alike; of equal ones the first. Folds: one system chooses for the other; and of the four
recordings (two days, two loads) three choose for the fourth.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.cells import data_root
from benchmarks.rca import SYSTEMS

#: What is varied, the plainest first; ``of``: a service counts by its best metric or by the mean of its best three.
UNITS, LEVELS, FALLS = ("sd", "iqr", "quantile", "largest"), (0.0, 1e-2, 1e-3), (0.0, 1.0, 0.5)
GUARDS, OF = (0.0, 0.05), (1, 3)
GRID = tuple(product(UNITS, LEVELS, FALLS, GUARDS, OF))
#: The default of the package.
DEFAULT = ("largest", 1e-3, 0.5, 0.05, 1)
LATE = (0, 60)


def choose() -> dict[str, Any]:
    """Every fold: the setting chosen, where the default stands among all, and the held-out cases' AC@1 to AC@5."""
    import numpy as np

    cases = [case for system in SYSTEMS for case in _cases(system)]
    hits = np.array([case["hits"] for case in cases])  # [case, setting, late, k]
    value = (hits[..., 0] + hits.mean(axis=3)).mean(axis=2) / 2  # [case, setting]
    system, block = (np.array([case[key] for case in cases]) for key in ("system", "block"))
    folds = []
    for part, names in (("system", system), ("recording", block)):
        for held_out in dict.fromkeys(names.tolist()):
            chooses = names != held_out
            mean = np.mean([value[chooses & (system == one)].mean(axis=0) for one in set(system[chooses])], axis=0)
            best = int(np.argmax(mean))
            order = np.argsort(-mean, kind="stable").tolist()
            default = GRID.index(DEFAULT)
            folds.append({
                "part": part, "held_out": held_out, "system": str(system[names == held_out][0]), "chosen": GRID[best],
                "value": float(mean[best]), "default_value": float(mean[default]),
                "default_place": order.index(default) + 1, "cases": np.flatnonzero(names == held_out).tolist(),
                "services": hits[names == held_out][:, best, 0].tolist(),
            })  # fmt: skip
    return {
        "settings": len(GRID), "folds": folds, "groups": [case["group"] for case in cases],
        "default": hits[:, GRID.index(DEFAULT), 0].tolist(), "systems": system.tolist(),
    }  # fmt: skip


def _cases(system: str) -> list[dict[str, Any]]:
    """Each case with AC@1 to AC@5 of every setting, the time known and late."""
    import numpy as np

    from graphcl.data.telemetry import read_telemetry
    from graphcl.rca.change import Scaling, deviation
    from graphcl.rca.scoring import any_at

    found = []
    for path in sorted((Path(data_root() or "") / "rca" / system).iterdir()):
        if not (path / "truth.json").is_file():
            continue
        truth = json.loads((path / "truth.json").read_text())
        telemetry = read_telemetry(path / "metrics.csv.gz")
        hits = np.zeros((len(GRID), len(LATE), 5))
        for at, late in enumerate(LATE):
            start = int(np.searchsorted(telemetry.time, truth["anomaly_time"] + late))
            scores: dict[tuple[Any, ...], Any] = {}
            for place, (unit, level, fall, guard, of) in enumerate(GRID):
                key = (unit, level, fall, guard)
                if key not in scores:
                    scores[key] = deviation(telemetry.values[:start], telemetry.values[start:], Scaling(*key))
                services = by_service(scores[key], telemetry.columns, of, SYSTEMS[system][1])
                hits[place, at] = [any_at(services, [truth["service"]], k) for k in range(1, 6)]
        found.append({
            "hits": hits, "system": system, "group": f"{truth['service']} {truth['fault']}",
            "block": f"{system} {path.name.partition('_')[0]}",
        })  # fmt: skip
    return found


def by_service(scores: Any, columns: Sequence[Any], of: int, outside: Sequence[str]) -> dict[str, float]:
    """Score of each candidate: the mean of its ``of`` best metrics."""
    import numpy as np

    own: dict[str, list[float]] = {}
    for score, column in zip(scores.tolist(), columns, strict=True):
        for one in (column, *column.same) if np.isfinite(score) else ():
            if one.service not in outside:
                own.setdefault(one.service, []).append(score)
    return {name: sum(sorted(values)[-of:]) / min(of, len(values)) for name, values in own.items()}


def said(setting: Sequence[Any]) -> str:
    """A setting in words."""
    unit, level, fall, guard, of = setting
    constants = f"constants by {level:g}" if level else "no constants"
    late = f"without the last {guard:.0%}, " if guard else ""
    return f"{unit}, {constants}, falls x {fall:g}, {late}{'best metric' if of == 1 else f'best {of} metrics'}"


def by_system(record: Mapping[str, Any], part: str, system: str) -> list[list[float]] | None:
    """Held-out AC@1 to AC@5 of a system's cases, in the order of the cases."""
    rows: dict[int, list[float]] = {}
    for fold in record.get("folds", []):
        if fold["part"] == part:
            rows |= dict(zip(fold["cases"], fold["services"], strict=True))
    order = [place for place, one in enumerate(record.get("systems", [])) if one == system]
    return [rows[place] for place in order] or None
