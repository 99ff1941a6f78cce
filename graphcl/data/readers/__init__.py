"""Readers of interaction logs, one format a file. Each streams, and executes nothing that it reads."""

from __future__ import annotations

from pathlib import Path

from graphcl.core.errors import UserError, suggestion
from graphcl.data.readers.adjacency import AdjacencyTable, SequenceTable
from graphcl.data.readers.base import ReadOptions, Table
from graphcl.data.readers.delimited import AtomicTable, DelimitedTable, TriplesTable
from graphcl.data.readers.detect import detect_format
from graphcl.data.readers.json_lines import JsonLinesTable
from graphcl.data.readers.npz import NpzTable
from graphcl.data.readers.parquet import ParquetTable
from graphcl.data.text import require_file

#: Name in ``data.format`` -> reader.
FORMATS: dict[str, type[Table]] = {
    table.format: table
    for table in (
        DelimitedTable,
        AtomicTable,
        TriplesTable,
        AdjacencyTable,
        SequenceTable,
        JsonLinesTable,
        ParquetTable,
        NpzTable,
    )
}


def open_table(path: Path, format: str, options: ReadOptions) -> Table:
    """Open a file under a format of :data:`FORMATS`, or "" to find out.

    Raises:
        UserError: no such file or format, an empty file, or a separator for a format that has none.
    """
    require_file(path)
    name = format or detect_format(path, options.encoding)
    if name not in FORMATS:
        raise UserError(f"data.format={name} is unknown{suggestion(name, FORMATS)}")
    if options.separator and not issubclass(FORMATS[name], DelimitedTable):
        raise UserError(f"data.separator means nothing for {path}, whose format is {name}")
    table = FORMATS[name](path, options)
    if not format:
        table.sniffed.insert(0, "format")
    return table


__all__ = ["FORMATS", "ReadOptions", "Table", "open_table"]
