"""The tables of a user's graph folder: found by their stem, ids as text, features as numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from graphcl.core.errors import UserError, suggestion
from graphcl.data.readers import ReadOptions, Table
from graphcl.data.readers.delimited import DelimitedTable
from graphcl.data.readers.parquet import ParquetTable

_ENDS = (("source", "target"), ("src", "dst"))
_READERS = {".csv": DelimitedTable, ".tsv": DelimitedTable, ".parquet": ParquetTable}


def find_table(folder: Path, stem: str, layout: str, needs: Iterable[str] = ()) -> Table:
    """Open ``stem.csv``, ``stem.tsv`` or ``stem.parquet``, whichever is there.

    Args:
        folder: Where it lies.
        stem: Of the file's name.
        layout: What the folder should hold, for the message.
        needs: Columns that it must have.

    Raises:
        UserError: none of them is there, or a column is missing.
    """
    path = next((p for ending in _READERS if (p := folder / f"{stem}{ending}").is_file()), None)
    if path is None:
        raise UserError(f"{folder}: no {stem}.csv; {layout}")
    table = _READERS[path.suffix](path, ReadOptions())
    for column in needs:
        if column not in table.columns:
            raise UserError(f"{path}: no column {column!r}{suggestion(column, table.columns)}")
    return table


def read_strings(table: Table, columns: Iterable[str]) -> pd.DataFrame:
    """The columns as strings; "" where a field is empty.

    Raises:
        UserError: there are no rows.
    """

    def strings(values: pa.Array) -> np.ndarray:
        return pc.cast(values, pa.string()).fill_null("").to_numpy(zero_copy_only=False)

    chunks = [
        pd.DataFrame({column: strings(values) for column, values in chunk.items()})
        for chunk in table.chunks(list(columns))
    ]
    if not chunks:
        raise UserError(f"{table.path} has a header and no rows")
    return pd.concat(chunks, ignore_index=True)


def unique_ids(values: pd.Series, table: Table, what: str) -> pd.Index:
    """A column of ids as an index.

    Raises:
        UserError: one occurs twice.
    """
    ids = pd.Index(values)
    if ids.has_duplicates:
        raise UserError(f"{table.path}: {what} id {ids[ids.duplicated()][0]!r} occurs more than once")
    return ids


def positions(values: pd.Series, ids: pd.Index, table: Table, of: str) -> np.ndarray:
    """[n] int64, where each value stands among ``ids``.

    Raises:
        UserError: a value is none of them; ``of`` is the file that should have it.
    """
    found = ids.get_indexer(pd.Index(values))
    if (found < 0).any():
        row = int((found < 0).argmax())
        raise UserError(f"{table.path} {table.where(row)}: {values[row]!r} is not an id of {of}")
    return found.astype(np.int64)


def edge_rows(edges: Table, ids: pd.Index, of: str) -> Tensor:
    """[2, E] positions of the ends of each edge.

    Raises:
        UserError: no columns of that meaning, or an end that is no node.
    """
    ends = next((pair for pair in _ENDS if set(pair) <= set(edges.columns)), None)
    if ends is None:
        raise UserError(f"{edges.path}: needs the columns 'source' and 'target', it has {', '.join(edges.columns)}")
    table = read_strings(edges, ends)
    return torch.from_numpy(np.stack([positions(table[column], ids, edges, of) for column in ends]))


def label_codes(values: pd.Series) -> tuple[Tensor, list[str]]:
    """[n] int64 classes (-1 where the field is empty), and their names in sorted order."""
    codes, names = pd.factorize(values.replace("", None), sort=True)
    return torch.from_numpy(codes.astype(np.int64)), [str(name) for name in names]


def feature_columns(columns: pd.DataFrame, table: Table, others: Collection[str]) -> Tensor | None:
    """[N, F] float32, NaN where a field is empty (refused later, with the node's place); None without columns.

    Raises:
        UserError: a field is no number; ``others`` are the columns that need not be.
    """
    if columns.shape[1] == 0:
        return None
    values = np.empty(columns.shape, dtype=np.float32)
    for place, name in enumerate(columns):
        numbers = pd.to_numeric(columns[name].replace("", "nan"), errors="coerce")
        bad = numbers.isna() & ~columns[name].str.lower().isin(["", "nan"])
        if bad.any():
            row = int(bad.to_numpy().argmax())
            *first, last = others
            raise UserError(
                f"{table.path} {table.where(row)}: column {name!r} holds {columns[name][row]!r}; columns other than "
                f"{', '.join(first)} and {last} are features and hold numbers"
            )
        values[:, place] = numbers
    return torch.from_numpy(values)
