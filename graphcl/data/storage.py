"""Interactions on disk: pairs as safetensors, ids as Parquet, the report as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import load_file, save_file

from graphcl.core.files import creating
from graphcl.data.interactions import HeldOut, Ids, Interactions, Pairs
from graphcl.data.report import DataReport
from graphcl.data.stored import reading, write_header

Kind = TypeVar("Kind", bound=Interactions)
_COLUMNS = ("users", "items", "weight", "time", "rating")


def save_interactions(data: Interactions, folder: Path) -> None:
    """Write to a new folder, whole or not at all.

    Raises:
        UserError: the folder exists, or cannot be written.
    """
    with creating(folder) as temporary:
        _write(data, temporary)


def _write(data: Interactions, folder: Path) -> None:
    parts = {"train": data.train, "valid": data.held_out.valid, "test": data.held_out.test}
    columns = {f"{name}.{c}": getattr(pairs, c) for name, pairs in parts.items() for c in _COLUMNS}
    save_file({k: np.ascontiguousarray(v) for k, v in columns.items() if v is not None}, folder / "pairs.safetensors")
    pq.write_table(pa.table({"id": pa.array(data.users.values, pa.string())}), folder / "users.parquet")
    items = {"id": pa.array(data.items.values, pa.string())}
    if data.item_names is not None:
        items["name"] = pa.array(data.item_names, pa.string())
    pq.write_table(pa.table(items), folder / "items.parquet")
    write_header(folder, {"report": data.report.to_dict(), "settings": data.settings()})


def load_interactions(folder: Path, kind: type[Kind]) -> Kind:
    """Read what :func:`save_interactions` wrote.

    Args:
        folder: Where it lies.
        kind: The class that was written.

    Raises:
        UserError: not such a folder, damaged, or of another format version.
    """
    with reading(folder) as header:
        columns = load_file(folder / "pairs.safetensors")
        train, valid, test = (
            Pairs(*(columns.get(f"{name}.{c}") for c in _COLUMNS))  # type: ignore[arg-type]
            for name in ("train", "valid", "test")
        )
        users = pq.read_table(folder / "users.parquet")
        items = pq.read_table(folder / "items.parquet")
        names = _strings(items.column("name")) if "name" in items.column_names else None
        user_ids, item_ids = Ids(_strings(users.column("id"))), Ids(_strings(items.column("id")))
        report = DataReport.from_dict(header["report"])
        kept = header.get("settings", {})
        return kind(user_ids, item_ids, train, HeldOut(valid, test), names, report, **kept)


def _strings(column: pa.ChunkedArray) -> np.ndarray:
    return Ids.of(column.to_pylist()).values
