"""Reader of a user's graph set: tables ``graphs``, ``nodes`` and ``edges`` in a folder."""

from __future__ import annotations

from pathlib import Path

import torch

from graphcl.data.graph_sets.raw import RawGraphSet
from graphcl.data.graphs.roles import GraphSetColumns, in_roles
from graphcl.data.graphs.tables import (
    edge_rows,
    feature_columns,
    find_table,
    label_codes,
    positions,
    read_strings,
    require_columns,
    unique_ids,
)

LAYOUT = "a graph set is graphs.csv, nodes.csv and edges.csv (or .tsv, .parquet), or the text files of a TU set"


def read_graph_folder(folder: Path, columns: GraphSetColumns = GraphSetColumns()) -> RawGraphSet:
    """Read a set of graphs.

    - ``graphs``: ``id``; ``label`` optional (empty: unknown).
    - ``nodes``: ``id`` (unique over all graphs), ``graph`` (an id of ``graphs``); other columns are numeric features.
    - ``edges``: ``source``, ``target``, ids of ``nodes``.

    Args:
        folder: Where they lie.
        columns: Which columns play these roles where they are called otherwise.

    Raises:
        UserError: a file or column is missing, an id is repeated or unknown, a feature is not a number.
    """
    of_graphs = {"id": columns.graph_id, "label": columns.label}
    graphs = in_roles(find_table(folder, "graphs", LAYOUT), of_graphs, {"id": "graph_id"})
    nodes = in_roles(find_table(folder, "nodes", LAYOUT), {"id": columns.id, "graph": columns.graph})
    edges = in_roles(find_table(folder, "edges", LAYOUT), {"source": columns.source, "target": columns.target})
    require_columns(graphs, {"id": "data.columns.graph_id"})
    require_columns(nodes, {"id": "data.columns.id", "graph": "data.columns.graph"})
    listed, table = read_strings(graphs, graphs.columns), read_strings(nodes, nodes.columns)
    graph_ids, node_ids = unique_ids(listed["id"], graphs, "graph"), unique_ids(table["id"], nodes, "node")
    y, class_names = label_codes(listed["label"], graphs.path) if "label" in listed else (None, [])
    features = [name for name in nodes.columns if name not in ("id", "graph")]
    return RawGraphSet(
        edge_index=edge_rows(edges, node_ids, nodes.path.name),
        graph_of=torch.from_numpy(positions(table["graph"], graph_ids, nodes, graphs.path.name)),
        y=y,
        attributes=feature_columns(table[features], nodes, ("id", "graph")),
        feature_names=features,
        ids=list(graph_ids),
        class_names=class_names,
        source=str(folder),
    )
