"""SciPy sparse matrices (``scipy.sparse.save_npz``), users by items."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from graphcl.core.errors import UserError
from graphcl.data.numpy_files import why_unreadable
from graphcl.data.readers.base import CHUNK_ROWS, Chunk, ReadOptions, Table
from graphcl.data.text import reading


class NpzTable(Table):
    """Row and column numbers (from 0) are the ids, the values the column ``weight``. Pickles are refused."""

    format = "npz"

    def __init__(self, path: Path, options: ReadOptions) -> None:
        super().__init__(path, options)
        self.columns = ["user", "item", "weight"]
        self.roles = {"user": "user", "item": "item"}

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        """The stored non-zero values, row by row."""
        matrix = self._load()
        values = {"user": matrix.row, "item": matrix.col, "weight": matrix.data}
        for start in range(0, matrix.nnz, CHUNK_ROWS):
            yield {column: pa.array(values[column][start : start + CHUNK_ROWS]) for column in columns}

    def _load(self) -> sp.coo_matrix:
        try:
            with reading(self.path):
                matrix = sp.load_npz(self.path).tocsr()
        except (ValueError, KeyError, TypeError, NotImplementedError, zipfile.BadZipFile) as error:
            raise UserError(
                f"{self.path} cannot be read as a scipy sparse matrix (scipy.sparse.save_npz): {why_unreadable(error)}"
            ) from error
        matrix.sum_duplicates()
        if np.iscomplexobj(matrix.data):
            raise UserError(f"{self.path} holds complex numbers")
        zeros = int((matrix.data == 0).sum())
        if zeros:
            matrix.eliminate_zeros()
            self.notes.append(f"{self.path.name}: {zeros:,} stored zeros are no interactions")
        return matrix.tocoo()
