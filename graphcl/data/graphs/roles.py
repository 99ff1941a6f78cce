"""Columns of a user's tables by the role they play, whatever they are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from graphcl.data.columns import choose_columns
from graphcl.data.readers.base import Chunk, Table


@dataclass(frozen=True)
class GraphColumns:
    """Columns of nodes.csv and edges.csv; empty takes the one that is called as the option is.

    Args:
        id: Of nodes, their ids.
        text: Of nodes, their texts.
        label: Of nodes, their classes; empty also takes label_name beside a text.
        split: Of nodes, the part that they are in.
        source: Of edges, where they begin; empty also takes src.
        target: Of edges, where they end; empty also takes dst.
        weight: Of edges, their weights.
    """

    id: str = ""
    text: str = ""
    label: str = ""
    split: str = ""
    source: str = ""
    target: str = ""
    weight: str = ""

    @property
    def of_nodes(self) -> dict[str, str]:
        """Role -> column of the table of nodes."""
        return {"id": self.id, "text": self.text, "label": self.label, "split": self.split}

    @property
    def of_edges(self) -> dict[str, str]:
        """Role -> column of the table of edges."""
        return {"source": self.source, "target": self.target, "weight": self.weight}


@dataclass(frozen=True)
class GraphSetColumns:
    """Columns of graphs.csv, nodes.csv and edges.csv; empty takes the one that is called as the option is.

    Args:
        id: Of nodes, their ids.
        graph: Of nodes, the graph that they are in.
        graph_id: Of graphs, their ids; empty takes id.
        label: Of graphs, their classes.
        source: Of edges, where they begin; empty also takes src.
        target: Of edges, where they end; empty also takes dst.
    """

    id: str = ""
    graph: str = ""
    graph_id: str = ""
    label: str = ""
    source: str = ""
    target: str = ""


class RoleTable(Table):
    """A table some of whose columns are called by their roles; another column of such a name is not seen."""

    def __init__(self, table: Table, named: Mapping[str, str]) -> None:
        """
        Args:
            table: Opened.
            named: Role -> column of it.
        """
        super().__init__(table.path, table.options)
        roles = {column: role for role, column in named.items()}
        self._table = table
        self._columns = {roles.get(name, name): name for name in table.columns if name in roles or name not in named}
        self.columns = list(self._columns)

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        """As of the table."""
        for chunk in self._table.chunks([self._columns[column] for column in columns]):
            yield {column: chunk[self._columns[column]] for column in columns}

    def where(self, row: int) -> str:
        """As of the table."""
        return self._table.where(row)


def in_roles(table: Table, named: Mapping[str, str], option: Mapping[str, str] | None = None) -> Table:
    """The table with its named columns called by their roles.

    Args:
        table: Opened.
        named: Role -> column; "" where the user named none.
        option: Role -> option of ``data.columns`` where that is called otherwise.

    Raises:
        UserError: a named column is not there, or is named twice.
    """
    asked = {role: column for role, column in named.items() if column}
    if not asked:
        return table
    options = {role: f"columns.{(option or {}).get(role, role)}" for role in asked}
    choose_columns(table, {options[role]: column for role, column in asked.items()}, [])
    return RoleTable(table, asked)
