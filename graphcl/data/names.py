"""Names of items, from an item file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from graphcl.core.errors import UserError
from graphcl.data.columns import USUAL, choose_columns
from graphcl.data.interactions import Ids
from graphcl.data.readers import ReadOptions, Table, open_table
from graphcl.data.report import DataReport
from graphcl.data.values import as_text

_USUAL_NAME = re.compile(r"(item|movie|product|book|song|track|artist|article|video|game)?(name|title)")


def read_item_names(
    path: Path,
    items: Ids,
    *,
    id_column: str,
    name_column: str,
    options: ReadOptions,
    required: bool,
    report: DataReport,
) -> np.ndarray | None:
    """The name of every item, "" where the file has none.

    Args:
        path: Item file, in any format with columns.
        items: Whose names are wanted.
        id_column: Column of the ids; "" finds it.
        name_column: Column of the names; "" finds it.
        options: How text is read.
        required: Whether a file without a recognisable name column is an error, or just read no further.
        report: Gets what was chosen and how many items have no name.

    Returns:
        [items] array of ``str``, or None.

    Raises:
        UserError: unreadable file; a column that is missing or not clear.
    """
    table = open_table(path, "", options)
    name_column = name_column or _guess_name(table)
    if not name_column:
        if required:
            raise UserError(f"{path} has no column that is clearly the name; set data.item_name to one of its columns: "
                            f"{', '.join(table.columns)}")  # fmt: skip
        return None
    chosen, _ = choose_columns(table, {"item_name": name_column, "item_id": id_column or _guess_id(table)}, [])
    names = np.full(len(items), "", dtype=object)
    for chunk in table.chunks(list(chosen.values())):
        place = items.index_of(as_text(chunk[chosen["item_id"]]).to_pylist())
        values = np.array([value or "" for value in chunk[chosen["item_name"]].to_pylist()], dtype=object)
        names[place[place >= 0]] = values[place >= 0]
    report.files["items"] = str(path)
    without = int((names == "").sum())
    report.note(
        f"item names: column {name_column!r} of {path.name}" + (f"; {without:,} items have none" if without else "")
    )
    return names


def _guess_id(table: Table) -> str:
    fits = [column for column in table.columns if re.sub(r"[^a-z0-9]", "", column.lower()) in (*USUAL["item"], "id")]
    if len(fits) != 1:
        raise UserError(f"{table.path}: set data.item_id to the column of the ids: {', '.join(table.columns)}")
    return fits[0]


def _guess_name(table: Table) -> str:
    fits = [c for c in table.columns if _USUAL_NAME.fullmatch(re.sub(r"[^a-z0-9]", "", c.lower()))]
    return fits[0] if len(fits) == 1 else ""
