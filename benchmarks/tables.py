"""What the tables of the report are made of: Markdown, mean and spread, paired tests."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

NOT_RUN = "not run"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; columns after the first are right-aligned."""
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def figure(value: float | None, digits: int = 4) -> str:
    """A number, or ``not run``."""
    return NOT_RUN if value is None else f"{value:.{digits}f}"


def mean(values: Sequence[float]) -> float | None:
    """None without values."""
    return sum(values) / len(values) if values else None


def median(values: Iterable[float]) -> float | None:
    """None without values."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if not ordered:
        return None
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def mean_sd(values: Sequence[float], digits: int = 4) -> str:
    """``mean ± sd`` (sample standard deviation), or ``not run``."""
    center = mean(values)
    if center is None:
        return NOT_RUN
    if len(values) == 1:
        return f"{center:.{digits}f} (n = 1)"
    sd = math.sqrt(sum((value - center) ** 2 for value in values) / (len(values) - 1))
    return f"{center:.{digits}f} ± {sd:.{digits}f}"


def aim(value: float | None, bound: float, *, least: bool = True) -> str:
    """Whether an aim is met: ``value`` at least (or at most) ``bound``."""
    if value is None:
        return NOT_RUN
    return "met" if (value >= bound if least else value <= bound) else "missed"


def paired(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> tuple[float, float] | None:
    """Paired t-test over users, each user's values averaged over the seeds first (so that a user counts once).

    Args:
        ours: A list of per-user values for each seed.
        theirs: Likewise, users in the same order.

    Returns:
        Mean difference and two-sided p, or None when a side is missing.
    """
    from scipy.stats import ttest_rel

    if not ours or not theirs:
        return None
    a, b = ([sum(user) / len(user) for user in zip(*side, strict=True)] for side in (ours, theirs))
    difference = sum(x - y for x, y in zip(a, b, strict=True)) / len(a)
    if a == b:
        return 0.0, 1.0
    return difference, float(ttest_rel(a, b).pvalue)


def difference(test: tuple[float, float] | None, digits: int = 4) -> str:
    """``+0.0012 (p = 0.03)``, or ``not run``."""
    if test is None:
        return NOT_RUN
    value, p = test
    return f"{value:+.{digits}f} (p {'< 0.0001' if p < 1e-4 else f'= {p:.4f}'})"
