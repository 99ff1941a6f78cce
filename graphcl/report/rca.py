"""Ranked causes as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table


def services_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Services, best first: score, confidence, and ranks when the anomaly's time moves by one period."""
    return _table(
        "services",
        ("service", "score", "confidence", "ranks"),
        [
            (row["service"], f"{row['score']:.4g}", f"{row['confidence']:.0%}", shown_ranks(row["ranks"]))
            for row in rows
        ],
    )


def causes_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Metrics, best first: score, since when and how they deviate, and their ranks as above."""
    return _table(
        "metrics",
        ("service", "metric", "score", "since", "ranks", "evidence"),
        [
            (
                row["service"], _named(row), f"{row['score']:.4g}", row["since_date"] or "-", shown_ranks(row["ranks"]),
                row["evidence"],
            )
            for row in rows
        ],
    )  # fmt: skip


def _named(row: Mapping[str, Any]) -> str:
    return str(row["metric"]) + "".join(f" = {name}" for name in row["same"])


def shown_ranks(ranks: Sequence[int] | None) -> str:
    """``1`` for a rank that stays, ``1-3`` for one that does not, empty where it was not looked at."""
    if ranks is None:
        return ""
    return str(ranks[0]) if ranks[0] == ranks[1] else f"{ranks[0]}-{ranks[1]}"


def _table(title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    table.add_column("", justify="right")
    for name in names:
        table.add_column(name, justify="right" if name in ("score", "confidence") else "left", overflow="fold")
    for place, row in enumerate(rows, 1):
        table.add_row(str(place), *row)
    return table
