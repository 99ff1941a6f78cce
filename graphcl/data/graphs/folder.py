"""Reader of a graph in a folder: tables ``nodes`` and ``edges``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from graphcl.core.errors import UserError, nearest
from graphcl.data.graphs.raw import RawGraph
from graphcl.data.graphs.tables import edge_rows, feature_columns, find_table, label_codes, read_strings, unique_ids

_PARTS = ("train", "valid", "test")
_LAYOUT = "a graph folder holds nodes.csv and edges.csv (or .tsv, .parquet)"


def read_folder(folder: Path) -> RawGraph:
    """Read ``nodes.csv`` (``id``; ``label`` and ``split`` optional; other columns are numeric features) and
    ``edges.csv`` (``source``, ``target``: ids of nodes); ``.tsv`` and ``.parquet`` alike.

    Ids and labels are the user's own strings; an empty label means unknown.

    Raises:
        UserError: a file or column is missing, an id is repeated or unknown, a feature is not a number.
    """
    nodes = find_table(folder, "nodes", _LAYOUT, ("id",))
    if "label" not in nodes.columns and (close := nearest("label", nodes.columns)):
        raise UserError(f"{nodes.path}: no column 'label'; nearest: {close!r}")
    edges = find_table(folder, "edges", _LAYOUT)
    table = read_strings(nodes, nodes.columns)
    ids = unique_ids(table["id"], nodes, "node")
    y, class_names = label_codes(table["label"] if "label" in table else pd.Series([""] * len(table)))
    others = ("id", "label", "split")
    return RawGraph(
        edge_index=edge_rows(edges, ids, nodes.path.name),
        num_nodes=len(table),
        x=feature_columns(table.drop(columns=list(others), errors="ignore"), nodes, others),
        y=y,
        masks=_split_column(table, nodes.path),
        ids=list(ids),
        class_names=class_names,
        source=str(folder),
    )


def _split_column(table: pd.DataFrame, where: Path) -> dict[str, Tensor]:
    if "split" not in table:
        return {}
    strange = sorted(set(table["split"]) - {*_PARTS, ""})
    if strange:
        raise UserError(f"{where}: column 'split' holds {strange[0]!r}; it may hold train, valid, test or nothing")
    return {part: torch.from_numpy((table["split"] == part).to_numpy(copy=True)).unsqueeze(1) for part in _PARTS}
