"""Parquet files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from graphcl.core.errors import UserError
from graphcl.data.readers.base import CHUNK_ROWS, Chunk, ReadOptions, Table
from graphcl.data.text import reading


class ParquetTable(Table):
    """The columns keep their types; ids become text where the log is built."""

    format = "parquet"

    def __init__(self, path: Path, options: ReadOptions) -> None:
        super().__init__(path, options)
        with reading(path), self._named(), pq.ParquetFile(path) as file:
            self.columns = list(file.schema_arrow.names)

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        """The rows, one batch at a time."""
        with reading(self.path), self._named(), pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(batch_size=CHUNK_ROWS, columns=list(columns)):
                yield {column: batch.column(column) for column in columns}

    def _named(self) -> _Named:
        return _Named(self.path)


class _Named:
    """Names the file when Arrow finds that it is no Parquet file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, pa.ArrowInvalid | pa.ArrowNotImplementedError):
            reason = str(error).splitlines()[0]
            raise UserError(f"{self.path} cannot be read as Parquet: {reason}") from error
