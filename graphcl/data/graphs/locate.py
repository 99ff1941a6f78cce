"""From a name or a path to a raw graph, and where it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from graphcl.core.errors import UserError
from graphcl.data import cards
from graphcl.data.download import sha256_of
from graphcl.data.graphs.arrays import EDGES, read_arrays
from graphcl.data.graphs.attributed import read_attributed
from graphcl.data.graphs.folder import read_folder, read_tables
from graphcl.data.graphs.geom_gcn import read_geom_gcn
from graphcl.data.graphs.graphml import graphml_tables
from graphcl.data.graphs.karate import read_karate
from graphcl.data.graphs.npz import read_npz
from graphcl.data.graphs.planetoid import public_masks, read_planetoid
from graphcl.data.graphs.pyg import PREFIX, read_pyg
from graphcl.data.graphs.raw import RawGraph
from graphcl.data.graphs.roles import GraphColumns
from graphcl.data.graphs.stdlib import NAME as STDLIB
from graphcl.data.graphs.stdlib import read_stdlib
from graphcl.data.graphs.tables import ENDINGS as TABLES
from graphcl.data.graphs.tables import open_graph_table
from graphcl.data.graphs.wikics import read_wikics
from graphcl.data.readers import ReadOptions
from graphcl.data.report import DataReport


def locate(
    name: str,
    path: str,
    data_root: Path | None,
    options: ReadOptions = ReadOptions(),
    features: Sequence[str] | None = None,
    columns: GraphColumns = GraphColumns(),
) -> tuple[RawGraph, DataReport]:
    """Read the graph at ``path``, else the one called ``name``.

    Args:
        name: Of a data set.
        path: Of a folder, a ``.npz`` or a ``.graphml``, or two tables ``nodes.csv,edges.csv``.
        data_root: Where data sets are looked up first.
        options: How tables are read.
        features: The only columns of a table that are read as features; None for all.
        columns: What the columns of tables are called.

    Raises:
        UserError: nothing there, or nothing of that name.
    """
    if path:
        return _at_path(path, options, features, columns)
    if name == "karate":
        return read_karate(), DataReport(source=name, format="networkx")
    if name == STDLIB:
        return read_stdlib(), DataReport(source=name, format="Python sources")
    if name.startswith(PREFIX):
        return read_pyg(name), DataReport(source=name, format="torch_geometric")
    return _of_card(name, data_root)


def _at_path(
    text: str, options: ReadOptions, features: Sequence[str] | None, columns: GraphColumns
) -> tuple[RawGraph, DataReport]:
    path = Path(text)
    report = DataReport(source=text, files={"all": text})
    if path.is_dir() and (path / EDGES).is_file():
        report.format = "arrays"
        return read_arrays(path), report
    if path.is_dir():
        report.format = "folder"
        return read_folder(path, options, features, columns), report
    if not path.exists() and "," in text:
        return _pair(text, options, features, columns)
    if not path.exists():
        raise UserError(f"data.path: {path} does not exist")
    ending = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    report.format = ending.lstrip(".")
    if ending == ".npz":
        return read_npz(path), report
    if ending == ".graphml":
        return read_tables(*graphml_tables(path), text, features, columns), report
    hint = "; give both tables: data.path=nodes.csv,edges.csv" if ending in TABLES else ""
    raise UserError(f"data.path: {path} is neither a .npz, a .graphml nor a folder with nodes.csv and edges.csv{hint}")


def _pair(
    text: str, options: ReadOptions, features: Sequence[str] | None, columns: GraphColumns
) -> tuple[RawGraph, DataReport]:
    """Two tables, of nodes and of edges, in either order."""
    paths = [Path(piece.strip()) for piece in text.split(",")]
    if len(paths) != 2:
        raise UserError(f"data.path: {text!r} names {len(paths)} files; two tables make a graph: nodes.csv,edges.csv")
    tables = [open_graph_table(path, options) for path in paths]
    own = columns.id or "id"
    if own not in tables[0].columns and own in tables[1].columns:
        tables.reverse()
    nodes, edges = tables
    files = {"nodes": str(nodes.path), "edges": str(edges.path)}
    report = DataReport(source=text, format=f"tables ({nodes.path.suffix.lstrip('.')})", files=files)
    return read_tables(nodes, edges, text, features, columns), report


def _of_card(name: str, data_root: Path | None) -> tuple[RawGraph, DataReport]:
    card, folder, report = cards.open_card(name, "node", data_root)
    report.format = card.format
    return _READERS[card.format](card, folder), report


def _planetoid(card: cards.Card, folder: Path) -> RawGraph:
    _require_originals(card, folder)
    return read_planetoid(folder, card.name)


def _geom_gcn(card: cards.Card, folder: Path) -> RawGraph:
    return read_geom_gcn(folder, [name for name in card.files if name.endswith(".npz")])


def _tables(folder: Path) -> RawGraph:
    """Tables of nodes and edges; with the public split where a table says which node of Planetoid's each is."""
    raw = read_folder(folder)
    index = folder / "planetoid_index.csv"
    if index.is_file():
        raw.masks = public_masks(index, raw.num_nodes, len(raw.class_names))
    return raw


#: Format of a card -> how its folder is read.
_READERS: Mapping[str, Callable[[cards.Card, Path], RawGraph]] = MappingProxyType(
    {
        "npz": lambda card, folder: read_npz(folder / next(iter(card.files))),
        "planetoid": _planetoid,
        "geom_gcn": _geom_gcn,
        "attributed": lambda card, folder: read_attributed(folder),
        "tables": lambda card, folder: _tables(folder),
        "wikics": lambda card, folder: read_wikics(folder / next(iter(card.files))),
    }
)


def _require_originals(card: cards.Card, folder: Path) -> None:
    """Planetoid's files are pickles: the reader admits arrays only, and still gets none that differs from what its
    card knows of the public file (of PubMed, whose files were not hashed, nothing)."""
    for name, file in card.files.items():
        if file.sha256 and sha256_of(folder / name) != file.sha256:
            raise UserError(
                f"{folder / name} is not the public file of {card.name} (its SHA-256 differs) and, being a pickle, is "
                "not read; put the original there, or give the graph as a .npz by data.path"
            )
