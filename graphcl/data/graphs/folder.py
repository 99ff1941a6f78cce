"""Reader of a graph in a folder: tables ``nodes`` and ``edges``."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.data.graphs.match import require_features
from graphcl.data.graphs.raw import RawGraph
from graphcl.data.graphs.roles import GraphColumns, in_roles
from graphcl.data.graphs.tables import (
    edge_rows,
    edge_weights,
    feature_columns,
    find_table,
    label_codes,
    read_strings,
    require_columns,
    unique_ids,
)
from graphcl.data.readers import ReadOptions, Table

_PARTS = ("train", "valid", "test")
_LAYOUT = "a graph folder holds nodes.csv and edges.csv (or .tsv, .parquet, .jsonl)"
#: Columns of nodes that are no features.
_OTHERS = ("id", "label", "split", "text")


def read_folder(
    folder: Path,
    options: ReadOptions = ReadOptions(),
    features: Sequence[str] | None = None,
    columns: GraphColumns = GraphColumns(),
) -> RawGraph:
    """Read the tables ``nodes`` and ``edges`` of a folder, as ``.csv``, ``.tsv``, ``.parquet`` or ``.jsonl``.

    See :func:`read_tables`.

    Raises:
        UserError: a file is missing; see there.
    """
    nodes, edges = (find_table(folder, stem, _LAYOUT, options) for stem in ("nodes", "edges"))
    return read_tables(nodes, edges, str(folder), features, columns)


def read_tables(
    nodes: Table,
    edges: Table,
    source: str,
    features: Sequence[str] | None = None,
    columns: GraphColumns = GraphColumns(),
) -> RawGraph:
    """A graph from a table of nodes (``id``; ``label``, ``split`` and ``text`` optional; other columns are numeric
    features) and one of edges (``source``, ``target``: ids of nodes; ``weight`` optional).

    Ids and labels are the user's own strings; an empty label means unknown. Nodes with a column ``text`` are described
    by it: a column ``label_name`` is then read in the place of ``label``, and no other column is read.

    Args:
        nodes: Opened.
        edges: Opened.
        source: For messages.
        features: The only columns that are read as features; None for all.
        columns: Which columns play these roles where they are called otherwise.

    Raises:
        UserError: a column or feature is missing, an id is repeated or unknown, a feature or weight is not a number.
    """
    nodes, edges = in_roles(nodes, columns.of_nodes), in_roles(edges, columns.of_edges)
    require_columns(nodes, {"id": "data.columns.id"})
    if features is not None:
        require_features(features, nodes.columns, nodes.path)
    close = get_close_matches("label", nodes.columns, 1, 0.8)
    if features is None and "label" not in nodes.columns and close:
        raise UserError(
            f"{nodes.path}: no column 'label'; nearest: {close[0]!r}; data.columns.label={close[0]} takes it"
        )
    described = "text" in nodes.columns
    label = "label_name" if described and "label_name" in nodes.columns and not columns.label else "label"
    others = [name for name in nodes.columns if name in (*_OTHERS, label)]
    left = [] if described else [name for name in nodes.columns if name not in others]
    wanted = [name for name in left if features is None or name in features]
    table = read_strings(nodes, [*others, *wanted])
    ids = unique_ids(table["id"], nodes, "node")
    y, class_names = label_codes(table[label] if label in table else pd.Series([""] * len(table)), nodes.path)
    return RawGraph(
        edge_index=edge_rows(edges, ids, nodes.path.name),
        num_nodes=len(table),
        x=feature_columns(table[wanted], nodes, _OTHERS),
        y=y,
        masks=_split_column(table, nodes.path),
        ids=list(ids),
        class_names=class_names,
        feature_names=wanted,
        edge_weight=edge_weights(edges),
        text=table["text"].tolist() if described else None,
        source=source,
    )


def _split_column(table: pd.DataFrame, where: Path) -> dict[str, Tensor]:
    if "split" not in table:
        return {}
    column = table["split"].replace({"val": "valid", "validation": "valid"})
    strange = sorted(set(column) - {*_PARTS, ""})
    if strange:
        raise UserError(f"{where}: column 'split' holds {strange[0]!r}; it may hold train, valid, test or nothing")
    return {part: torch.from_numpy((column == part).to_numpy(copy=True)).unsqueeze(1) for part in _PARTS}
