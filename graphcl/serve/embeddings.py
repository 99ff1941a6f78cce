"""Embeddings with the user's own ids, as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from torch import Tensor

from graphcl.core.files import replacing
from graphcl.data.interactions import Ids
from graphcl.serve import export

ENDINGS = (*export.ENDINGS, ".npz")


def ids_of(data: Any, node_type: str, count: int) -> list[str]:
    """The user's ids of the rows of one type; row numbers where the data has none (nodes without ids, records).

    They are ``data.TYPEs`` where node types have ids of their own (``users``), else ``data.ids``.
    """
    named = getattr(data, f"{node_type}s", None) if node_type else None
    ids = named if isinstance(named, Ids) else getattr(data, "ids", None)
    if ids is None or len(ids) != count:
        return [str(row) for row in range(count)]
    values = ids.values if isinstance(ids, Ids) else ids
    return [str(id) for id in values]


def write_embeddings(path: Path, embeddings: Mapping[str, Tensor], data: Any) -> None:
    """Write rows of ``type``, ``id``, ``vector``.

    Parquet and JSON lines hold ``vector`` as a list; CSV and TSV hold ``d0``, ``d1``, ...; ``.npz`` holds, for every
    type, the arrays ``TYPE`` [N, d] and ``TYPE_ids`` [N]. A homogeneous graph's type is ``node``.

    Raises:
        UserError: it cannot be written; what was there stays.
    """
    blocks = {
        name or "node": (ids_of(data, name, len(rows)), rows.float().numpy()) for name, rows in embeddings.items()
    }
    if path.suffix.lower() == ".npz":
        arrays = {name: rows for name, (_, rows) in blocks.items()}
        arrays |= {f"{name}_ids": np.array(ids, dtype=str) for name, (ids, _) in blocks.items()}
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        return
    flat = path.suffix.lower() in (".csv", ".tsv")
    tables = [_table(name, ids, rows, flat=flat) for name, (ids, rows) in blocks.items()]
    with export.writing(path, tables[0].schema) as write:
        for table in tables:
            write(table)


def _table(name: str, ids: list[str], rows: np.ndarray, *, flat: bool) -> pa.Table:
    heads = {"type": pa.array([name] * len(ids), pa.string()), "id": pa.array(ids, pa.string())}
    if flat:
        return pa.table({**heads, **{f"d{number}": pa.array(rows[:, number]) for number in range(rows.shape[1])}})
    offsets = pa.array(np.arange(len(rows) + 1, dtype=np.int32) * rows.shape[1])
    return pa.table({**heads, "vector": pa.ListArray.from_arrays(offsets, pa.array(rows.ravel()))})
