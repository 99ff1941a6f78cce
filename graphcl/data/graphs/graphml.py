"""GraphML files, read by networkx, as the same two tables that other graphs come in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from xml.etree.ElementTree import ParseError

import networkx as nx
import pyarrow as pa

from graphcl.core.errors import UserError
from graphcl.data.readers.base import Chunk, ReadOptions, Table


class GraphMLTable(Table):
    """The nodes, or the edges, of a GraphML file; a column for each attribute that any of them has."""

    format: ClassVar[str] = "graphml"

    def __init__(self, path: Path, what: str, keys: Mapping[str, Sequence[str]], attributes: Sequence[Any]) -> None:
        """
        Args:
            path: The file.
            what: ``node`` or ``edge``, for messages.
            keys: Column -> values that every row has (``id``, or ``source`` and ``target``).
            attributes: Of each row, name -> value.
        """
        super().__init__(path, ReadOptions())
        names = dict.fromkeys(name for row in attributes for name in row if name not in keys)
        self.what = what
        self._columns = {**keys, **{name: [_text(row.get(name)) for row in attributes] for name in names}}
        self.columns = list(self._columns)
        self._rows = len(attributes)

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        """All rows at once."""
        if self._rows:
            yield {column: pa.array(self._columns[column], pa.string()) for column in columns}

    def where(self, row: int) -> str:
        """The place among the nodes or edges of the file."""
        return f"{self.what} {row + 1:,}"


def graphml_tables(path: Path) -> tuple[GraphMLTable, GraphMLTable]:
    """Nodes (``id`` and their attributes) and edges (``source``, ``target`` and theirs).

    Raises:
        UserError: not a GraphML file.
    """
    try:
        graph = nx.read_graphml(path)
    except (ParseError, nx.NetworkXError, ValueError, KeyError, OSError) as error:
        raise UserError(f"{path} cannot be read as GraphML: {str(error).splitlines()[0]}") from error
    nodes, edges = list(graph.nodes(data=True)), list(graph.edges(data=True))
    ends = {"source": [str(edge[0]) for edge in edges], "target": [str(edge[1]) for edge in edges]}
    ids = {"id": [str(node) for node, _ in nodes]}
    return (
        GraphMLTable(path, "node", ids, [attributes for _, attributes in nodes]),
        GraphMLTable(path, "edge", ends, [edge[2] for edge in edges]),
    )


def _text(value: Any) -> str:
    """As a table of text would hold it: flags are numbers, what is missing is empty."""
    return "" if value is None else str(int(value)) if isinstance(value, bool) else str(value)
