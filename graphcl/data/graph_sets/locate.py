"""From a name or a path to a raw set of graphs, and where it came from."""

from __future__ import annotations

from pathlib import Path

from graphcl.core.errors import UserError
from graphcl.data.cards import open_card
from graphcl.data.graph_sets.atlas import read_atlas
from graphcl.data.graph_sets.folder import LAYOUT, read_graph_folder
from graphcl.data.graph_sets.pyg import read_pyg_set
from graphcl.data.graph_sets.raw import RawGraphSet
from graphcl.data.graph_sets.tu import is_tu, read_tu
from graphcl.data.graphs.pyg import PREFIX
from graphcl.data.graphs.roles import GraphSetColumns
from graphcl.data.report import DataReport


def locate_set(
    name: str, path: str, data_root: Path | None, columns: GraphSetColumns = GraphSetColumns()
) -> tuple[RawGraphSet, DataReport]:
    """Read the graphs at ``path``, else those called ``name``.

    Raises:
        UserError: nothing there, or nothing of that name.
    """
    if path:
        return _at_path(Path(path), columns)
    if name == "atlas":
        return read_atlas(), DataReport(source=name, format="networkx")
    if name.startswith(PREFIX):
        return read_pyg_set(name), DataReport(source=name, format="torch_geometric")
    _, folder, report = open_card(name, "graph", data_root)
    report.format = "TU text files"
    return read_tu(folder), report


def _at_path(path: Path, columns: GraphSetColumns) -> tuple[RawGraphSet, DataReport]:
    if not path.is_dir():
        raise UserError(f"data.path: {path} {'is no folder' if path.exists() else 'does not exist'}; {LAYOUT}")
    if is_tu(path):
        return read_tu(path), DataReport(source=str(path), format="TU text files", files={"all": str(path)})
    return read_graph_folder(path, columns), DataReport(source=str(path), format="folder", files={"all": str(path)})
