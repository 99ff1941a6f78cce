"""``metrics.json`` as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

#: Order of metrics that are known; others follow as they come.
_ORDER = ("recall", "ndcg", "mrr", "hit", "precision", "map", "coverage")
#: Standard deviation over splits or seeds; half of a 95 % interval.
_SPREADS = ("/std", "/ci95")
#: Health of the embeddings, not quality: shown apart.
_INDICATORS = ("effective_rank", "uniformity")


def columns(metrics: Mapping[str, Any], name: str) -> dict[str, dict[str, float]]:
    """Flat metrics -> column -> metric -> value: the model's test metrics under ``name``, then every baseline."""
    found: dict[str, dict[str, float]] = {name: {}}
    for key, value in metrics.items():
        head, _, rest = key.partition("/")
        if head == "test" and not rest.endswith(_INDICATORS):
            found[name][rest] = value
        elif head == "baseline":
            baseline, _, metric = rest.partition("/")
            found.setdefault(baseline, {})[metric] = value
    return found


def indicators(metrics: Mapping[str, float]) -> str:
    """Collapse indicators of the embeddings in one line; "" where there are none."""
    found = [
        f"{key.removeprefix('test/').replace('_', ' ')} {value:.3g}"
        for key, value in metrics.items()
        if key.startswith("test/") and key.endswith(_INDICATORS)
    ]
    return f"embeddings: {', '.join(found)}" if found else ""


def spoken(record: Mapping[str, Any]) -> list[str]:
    """Who spoke and who decided in a run whose views read texts: a line for each augmenter that says so."""
    parts = record.get("augmenters") or {}
    return [f"{name}: {said['told']}" for name, said in parts.items() if said.get("told")]


def metric_rows(names: Sequence[str]) -> list[str]:
    """Metric names in the order of the table: families together, cut-offs ascending."""

    def place(name: str) -> tuple[int, str, int]:
        family, _, cut = name.partition("@")
        known = _ORDER.index(family) if family in _ORDER else len(_ORDER)
        return known, "" if known < len(_ORDER) else family, int(cut) if cut.isdigit() else 0

    return sorted(names, key=place)


def repeats(name: str, table_columns: Mapping[str, Mapping[str, float]]) -> bool:
    """Whether a metric says what an earlier one does: with one item to find a list's hit rate is its recall, its mean
    average precision the mean reciprocal rank, and its precision the recall over the length.
    """
    family, _, cut = name.partition("@")
    like = {"hit": "recall", "precision": "recall", "map": "mrr"}.get(family)
    if like is None or not cut.isdigit():
        return False
    length = int(cut) if family == "precision" else 1
    return all(
        f"{like}@{cut}" in column and abs(column[name] * length - column[f"{like}@{cut}"]) < 1e-9
        for column in table_columns.values()
        if name in column
    )


def metrics_table(table_columns: Mapping[str, Mapping[str, float]], title: str) -> Table:
    """One row per metric, one column per model; the best of each row is bold.

    ``.../std`` (or ``.../ci95``) is shown as the spread of its metric, not as a row. Where each list has one item to
    find, metrics that then repeat others are left out.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    table.add_column("metric", no_wrap=True)
    for name in table_columns:
        table.add_column(name, justify="right", no_wrap=True)
    names = [name for name in next(iter(table_columns.values())) if not name.endswith((*_SPREADS, "/n"))]
    told = [name for name in names if not repeats(name, table_columns)]
    if len(told) < len(names):
        table.caption = "one item to find for each: hit is recall, map is mrr, precision is recall / K"
    for name in metric_rows(told):
        values = [column.get(name) for column in table_columns.values()]
        best = max((value for value in values if value is not None), default=None)
        cells = [
            Text(_cell(column, name), style="bold" if value is not None and value == best else "")
            for column, value in zip(table_columns.values(), values, strict=True)
        ]
        table.add_row(name, *cells)
    return table


def _cell(column: Mapping[str, float], name: str) -> str:
    if name not in column:
        return "-"
    spread = next((column[name + kind] for kind in _SPREADS if name + kind in column), None)
    return f"{column[name]:.4f}" + (f" ± {spread:.4f}" if spread is not None else "")


def slices_table(rows: Sequence[Any], metrics: Sequence[str]) -> Table:
    """Rows of :class:`graphcl.tasks.ranking.SliceRow` as mappings; a metric without a value is left empty."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title="slices of the test split", title_justify="left", pad_edge=False)
    for name in ("by", "slice (interactions in train)", "users"):
        table.add_column(name, no_wrap=True)
    for name in metrics:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        values = [f"{row['metrics'][name]:.4f}" if name in row["metrics"] else "" for name in metrics]
        table.add_row(row["kind"], row["name"], f"{row['users']:,}", *values)
    return table


def ranked_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """A ranked list: one column per key of the first row, numbers to the right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, value in (rows[0] if rows else {}).items():
        table.add_column(name, justify="left" if isinstance(value, str) else "right", overflow="fold")
    for row in rows:
        table.add_row(*(f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values()))
    return table
