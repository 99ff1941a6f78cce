"""The tables of a user's graph folder: found by their stem, ids as text, features as numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from graphcl.core.errors import UserError, nearest
from graphcl.core.words import listed
from graphcl.data.readers import ReadOptions, Table
from graphcl.data.readers.delimited import DelimitedTable
from graphcl.data.readers.json_lines import JsonLinesTable
from graphcl.data.readers.parquet import ParquetTable
from graphcl.data.text import require_file

#: Role of an edge's column -> names that it may have.
_ENDS = {"source": ("source", "src"), "target": ("target", "dst")}


class IdTable(DelimitedTable):
    """Delimited text that may be a single column of ids."""

    def find_separator(self, text: str) -> str:
        """As of any delimited text; a comma where the header is one word."""
        first = text.lstrip().partition("\n")[0].strip()
        return "," if first.strip('"').isidentifier() else super().find_separator(text)


_READERS: dict[str, type[Table]] = {
    ".csv": IdTable, ".tsv": IdTable, ".parquet": ParquetTable, ".jsonl": JsonLinesTable, ".jsonl.gz": JsonLinesTable
}
#: Endings of the tables of a graph.
ENDINGS = tuple(_READERS)


def open_graph_table(path: Path, options: ReadOptions = ReadOptions()) -> Table:
    """Open a table of nodes, edges or graphs.

    Args:
        path: Its ending is one of :data:`ENDINGS`.
        options: How text is read.

    Raises:
        UserError: no such file or format.
    """
    require_file(path)
    ending = next((ending for ending in ENDINGS if path.name.lower().endswith(ending)), None)
    if ending is None:
        raise UserError(f"{path} is no table of a graph: it ends in none of {', '.join(ENDINGS)}")
    return _READERS[ending](path, options)


def require_columns(table: Table, options: Mapping[str, str]) -> None:
    """Refuse a table that lacks a column.

    Args:
        table: Opened.
        options: Column that must be there -> option that names another in its place.

    Raises:
        UserError: one is not there; names the nearest, those that are there, and the option.
    """
    for column, option in options.items():
        if column not in table.columns:
            match = nearest(column, table.columns)
            near = f"; nearest: {match!r}" if match else ""
            has = listed(list(table.columns), 20)
            raise UserError(f"{table.path}: no column {column!r}{near}; it has {has}; {option}=COLUMN names it")


def find_table(folder: Path, stem: str, layout: str, options: ReadOptions = ReadOptions()) -> Table:
    """Open ``stem.csv``, or the first with another of :data:`ENDINGS` that is there.

    Args:
        folder: Where it lies.
        stem: Of the file's name.
        layout: What the folder should hold, for the message.
        options: How text is read.

    Raises:
        UserError: none of them is there.
    """
    path = next((p for ending in _READERS if (p := folder / f"{stem}{ending}").is_file()), None)
    if path is None:
        raise UserError(f"{folder}: no {stem}.csv; {layout}")
    return open_graph_table(path, options)


def read_strings(table: Table, columns: Iterable[str], *, may_be_empty: bool = False) -> pd.DataFrame:
    """The columns as strings; "" where a field is empty.

    Raises:
        UserError: there are no rows, where there must be some.
    """
    columns = list(columns)

    def strings(values: pa.Array) -> np.ndarray:
        return pc.cast(values, pa.string()).fill_null("").to_numpy(zero_copy_only=False)

    chunks = [
        pd.DataFrame({column: strings(values) for column, values in chunk.items()})
        for chunk in table.chunks(list(columns))
    ]
    if not chunks and may_be_empty:
        return pd.DataFrame({column: pd.Series(dtype=object) for column in columns})
    if not chunks:
        raise UserError(f"{table.path} has a header and no rows")
    return pd.concat(chunks, ignore_index=True)


def unique_ids(values: pd.Series, table: Table, what: str) -> pd.Index:
    """A column of ids as an index.

    Raises:
        UserError: one is empty, or occurs twice.
    """
    ids = pd.Index(values)
    if (empty := ids == "").any():
        raise UserError(f"{table.path} {table.where(int(empty.argmax()))}: the {what} has no id")
    if ids.has_duplicates:
        row = int(ids.duplicated().argmax())
        raise UserError(f"{table.path} {table.where(row)}: {what} id {ids[row]!r} occurs more than once")
    return ids


def positions(values: pd.Series, ids: pd.Index, table: Table, of: str) -> np.ndarray:
    """[n] int64, where each value stands among ``ids``.

    Raises:
        UserError: a value is empty, or none of them; ``of`` is the file that should have it.
    """
    found = ids.get_indexer(pd.Index(values))
    if (found < 0).any():
        row = int((values == "").to_numpy().argmax()) if (values == "").any() else int((found < 0).argmax())
        if values[row] == "":
            raise UserError(f"{table.path} {table.where(row)}: column {values.name!r} is empty")
        whole = str(values[row]).removesuffix(".0")
        hint = f", but {whole!r} is: write ids as whole numbers" if whole in ids else ""
        others = int((found < 0).sum()) - 1
        more = f" (nor are {others:,} more of column {values.name!r})" if others else ""
        raise UserError(f"{table.path} {table.where(row)}: {values[row]!r} is not an id of {of}{hint}{more}")
    return found.astype(np.int64)


def edge_rows(edges: Table, ids: pd.Index, of: str) -> Tensor:
    """[2, E] positions of the ends of each edge; E may be 0.

    Raises:
        UserError: no columns of that meaning, or an end that is no node.
    """
    ends = [next((name for name in names if name in edges.columns), "") for names in _ENDS.values()]
    if not all(ends):
        others = [name for name in edges.columns if name not in _ENDS]
        close = {role: nearest(role, others) for role, end in zip(_ENDS, ends, strict=True) if not end}
        hints = [f"nearest to {role!r}: {name!r}" for role, name in close.items() if name]
        raise UserError(
            f"{edges.path}: needs the columns 'source' and 'target', it has {listed(list(edges.columns), 20)}"
            + (f" ({'; '.join(hints)})" if hints else "")
            + "; others are named by " + " ".join(f"data.columns.{role}=COLUMN" for role in close)
        )
    table = read_strings(edges, ends, may_be_empty=True)
    return torch.from_numpy(np.stack([positions(table[column], ids, edges, of) for column in ends]))


def edge_weights(edges: Table) -> Tensor | None:
    """[E] float32 of the column ``weight``; None without one.

    Raises:
        UserError: a weight that is no number.
    """
    if "weight" not in edges.columns:
        return None
    values = feature_columns(read_strings(edges, ["weight"], may_be_empty=True), edges, ())
    return None if values is None else values.flatten()


def label_codes(values: pd.Series, where: object) -> tuple[Tensor, list[str]]:
    """[n] int64 classes (-1 where the field is empty), and their names in sorted order.

    Raises:
        UserError: they are real numbers, which are no names of classes; ``where`` names what holds them.
    """
    codes, names = pd.factorize(values.replace("", None), sort=True)
    numbers = pd.to_numeric(pd.Series(names, dtype=object), errors="coerce")
    if len(names) and numbers.notna().all() and (numbers % 1 != 0).any():
        real = names[int((numbers % 1 != 0).to_numpy().argmax())]
        raise UserError(f"{where}: label {real!r} is a real number; classes are whole numbers or names")
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
            *first, last = others or ("",)
            known = f"{', '.join(first)} and {last}"
            rule = f"; columns other than {known} are features and hold numbers (data.columns names others)"
            raise UserError(
                f"{table.path} {table.where(row)}: column {name!r} holds {columns[name][row]!r}"
                + (rule if others else ", no number")
            )
        with np.errstate(over="ignore"):  # what becomes infinite is refused later, with its place
            values[:, place] = numbers
    return torch.from_numpy(values)
