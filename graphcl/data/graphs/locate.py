"""From a name or a path to a raw graph, and where it came from."""

from __future__ import annotations

from pathlib import Path

from graphcl.core.errors import UserError
from graphcl.data.graphs import folder, karate, npz, pyg
from graphcl.data.graphs.raw import RawGraph
from graphcl.data.report import DataReport


def locate(name: str, path: str, data_root: Path | None) -> tuple[RawGraph, DataReport]:
    """Read the graph at ``path``, else the one called ``name``.

    Raises:
        UserError: nothing there, or nothing of that name.
    """
    if path:
        return _at_path(Path(path))
    if name == "karate":
        return karate.read_karate(), DataReport(source=name, format="networkx")
    if name.startswith(pyg.PREFIX):
        return pyg.read_pyg(name), DataReport(source=name, format="torch_geometric")
    raise UserError(name)


def _at_path(path: Path) -> tuple[RawGraph, DataReport]:
    if path.is_dir():
        files = {"nodes": str(path / "nodes.csv"), "edges": str(path / "edges.csv")}
        return folder.read_folder(path), DataReport(source=str(path), format="folder", files=files)
    if not path.exists():
        raise UserError(f"data.path: {path} does not exist")
    if path.suffix != ".npz":
        raise UserError(f"data.path: {path} is neither a .npz nor a folder with nodes.csv and edges.csv")
    return npz.read_npz(path), DataReport(source=str(path), format="npz", files={"all": str(path)})
