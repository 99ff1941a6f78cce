"""Reader of a graph in a folder: ``nodes.csv`` and ``edges.csv``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from graphcl.core.errors import UserError, nearest, suggestion
from graphcl.data.graphs.raw import RawGraph
from graphcl.data.readers.base import ReadOptions
from graphcl.data.readers.delimited import DelimitedTable

_ENDS = (("source", "target"), ("src", "dst"))
_PARTS = ("train", "valid", "test")


def read_folder(folder: Path) -> RawGraph:
    """Read ``nodes.csv`` (``id``; ``label`` and ``split`` optional; other columns are numeric features) and
    ``edges.csv`` (``source``, ``target``: ids of nodes).

    Ids and labels are the user's own strings; an empty label means unknown.

    Raises:
        UserError: a file or column is missing, an id is repeated or unknown, a feature is not a number.
    """
    nodes, edges = _table(folder / "nodes.csv"), _table(folder / "edges.csv")
    where = folder / "nodes.csv"
    if "id" not in nodes.columns:
        raise UserError(f"{where}: no column 'id'{suggestion('id', nodes.columns)}")
    if "label" not in nodes.columns and (close := nearest("label", nodes.columns)):
        raise UserError(f"{where}: no column 'label'; nearest: {close!r}")
    table = _read(nodes, nodes.columns)
    ids = pd.Index(table["id"])
    if ids.has_duplicates:
        raise UserError(f"{where}: node id {ids[ids.duplicated()][0]!r} occurs more than once")
    labels = table["label"] if "label" in table else pd.Series([""] * len(table))
    codes, class_names = pd.factorize(labels.replace("", None), sort=True)
    return RawGraph(
        edge_index=_edge_rows(edges, ids),
        num_nodes=len(table),
        x=_numeric(table.drop(columns=["id", "label", "split"], errors="ignore"), nodes),
        y=torch.from_numpy(codes.astype(np.int64)),
        masks=_split_column(table, where),
        ids=list(ids),
        class_names=[str(name) for name in class_names],
        source=str(folder),
    )


def _table(path: Path) -> DelimitedTable:
    if not path.is_file():
        raise UserError(f"{path.parent}: no {path.name}; a graph folder holds nodes.csv and edges.csv")
    return DelimitedTable(path, ReadOptions())


def _read(table: DelimitedTable, columns: Iterable[str]) -> pd.DataFrame:
    """The columns as strings; "" where a field is empty."""
    chunks = [
        pd.DataFrame({c: a.to_numpy(zero_copy_only=False) for c, a in chunk.items()})
        for chunk in table.chunks(list(columns))
    ]
    if not chunks:
        raise UserError(f"{table.path} has a header and no rows")
    return pd.concat(chunks, ignore_index=True)


def _edge_rows(edges: DelimitedTable, ids: pd.Index) -> Tensor:
    ends = next((pair for pair in _ENDS if set(pair) <= set(edges.columns)), None)
    if ends is None:
        raise UserError(f"{edges.path}: needs the columns 'source' and 'target', it has {', '.join(edges.columns)}")
    table, positions = _read(edges, ends), []
    for column in ends:
        position = ids.get_indexer(pd.Index(table[column]))
        if (position < 0).any():
            row = int((position < 0).argmax())
            raise UserError(f"{edges.path} {edges.where(row)}: {table[column][row]!r} is not an id of nodes.csv")
        positions.append(position.astype(np.int64))
    return torch.from_numpy(np.stack(positions))


def _numeric(columns: pd.DataFrame, nodes: DelimitedTable) -> Tensor | None:
    """[N, F] float32, NaN where a field is empty (refused later, with the node's place)."""
    if columns.shape[1] == 0:
        return None
    values = np.empty(columns.shape, dtype=np.float32)
    for place, name in enumerate(columns):
        numbers = pd.to_numeric(columns[name].replace("", "nan"), errors="coerce")
        bad = numbers.isna() & ~columns[name].str.lower().isin(["", "nan"])
        if bad.any():
            row = int(bad.to_numpy().argmax())
            raise UserError(
                f"{nodes.path} {nodes.where(row)}: column {name!r} holds {columns[name][row]!r}; columns other than "
                "id, label and split are features and hold numbers"
            )
        values[:, place] = numbers
    return torch.from_numpy(values)


def _split_column(table: pd.DataFrame, where: Path) -> dict[str, Tensor]:
    if "split" not in table:
        return {}
    strange = sorted(set(table["split"]) - {*_PARTS, ""})
    if strange:
        raise UserError(f"{where}: column 'split' holds {strange[0]!r}; it may hold train, valid, test or nothing")
    return {part: torch.from_numpy((table["split"] == part).to_numpy(copy=True)).unsqueeze(1) for part in _PARTS}
