"""Tables written block by block to a file that appears only when it is complete."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from graphcl.core.errors import UserError
from graphcl.core.files import replacing

#: Ending -> what is written.
ENDINGS = (".parquet", ".csv", ".tsv", ".jsonl")

Write = Callable[[pa.Table], None]


def require_output(path: Path, *, overwrite: bool, endings: tuple[str, ...] = ENDINGS) -> None:
    """Refuse, before any work is done, what cannot be written.

    Raises:
        UserError: an ending that is no format, something is there already, or a folder that is not there.
    """
    if path.suffix.lower() not in endings:
        raise UserError(f"{path}: the format goes by the ending of the name; known: {', '.join(endings)}")
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file")
    if path.exists() and not overwrite:
        raise UserError(f"{path} exists; replace it with --overwrite")
    if not path.parent.is_dir():
        raise UserError(f"cannot write {path}: there is no folder {path.parent}; make it, or mend the name")


@contextmanager
def writing(path: Path, schema: pa.Schema) -> Iterator[Write]:
    """A function that appends blocks of rows to ``path``; the file appears when the block ends well.

    Args:
        path: Its ending chooses the format, one of :data:`ENDINGS`.
        schema: Of the rows; written even where there are none.

    Raises:
        UserError: it cannot be written; what was there stays.
    """
    with replacing(path) as temporary:
        suffix = path.suffix.lower()
        opened = {".parquet": _parquet, ".jsonl": _json_lines}.get(suffix)
        if opened is not None:
            with opened(temporary, schema) as write:
                yield write
        else:
            with _delimited(temporary, schema, "\t" if suffix == ".tsv" else ",") as write:
                yield write


@contextmanager
def _parquet(path: Path, schema: pa.Schema) -> Iterator[Write]:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, schema) as writer:
        yield writer.write_table


@contextmanager
def _delimited(path: Path, schema: pa.Schema, delimiter: str) -> Iterator[Write]:
    import pyarrow.csv as pa_csv

    options = pa_csv.WriteOptions(delimiter=delimiter, quoting_style="needed")
    with pa_csv.CSVWriter(path, schema, write_options=options) as writer:
        yield writer.write_table


@contextmanager
def _json_lines(path: Path, schema: pa.Schema) -> Iterator[Write]:
    with open(path, "w", encoding="utf-8") as file:
        yield lambda table: file.writelines(
            json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in table.to_pylist()
        )
