"""Delimited text with a header: CSV, TSV and their relatives, plain or gzip."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from graphcl.core.errors import UserError
from graphcl.data.readers.base import Chunk, ReadOptions, Table
from graphcl.data.readers.sniff import separator_name, sniff_separator
from graphcl.data.text import csv_rows, is_gzip, line_of_row, not_decodable, open_quote, reading, sample_text

BLOCK_BYTES = 1 << 24


class DelimitedTable(Table):
    """A header line, then one row a line; fields may be quoted with ``"`` and then hold anything."""

    format = "delimited"
    quoting = True
    header = True
    #: What to do where no separator is found.
    advice = "; set data.separator"

    def __init__(self, path: Path, options: ReadOptions) -> None:
        super().__init__(path, options)
        text = sample_text(path, options.encoding)
        if not text.strip():
            raise UserError(f"{path} is empty: it holds only blank lines")
        self.separator = self.find_separator(text)
        if not options.separator:
            self.sniffed.append("separator")
        with csv_rows(path, options.encoding, self.separator, self.quoting) as rows:
            _, first = next(rows)
            self._only_header = self.header and next(rows, None) is None
        self.columns = self.column_names(first)
        self._check_header(first)

    def find_separator(self, text: str) -> str:
        """The separator of the first lines of the file.

        Raises:
            UserError: see :func:`~graphcl.data.readers.sniff.sniff_separator`.
        """
        return sniff_separator(self.path, text, self.options.separator, quoting=self.quoting, advice=self.advice)

    def column_names(self, first: list[str]) -> list[str]:
        """The names of the columns, from the fields of the first row."""
        return [field.strip() for field in first]

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        """The rows as strings; an empty field is ``""``.

        Raises:
            UserError: a row with another number of fields, bytes that do not decode, a damaged file.
        """
        names = [f"{position}" for position in range(len(self.columns))]  # the file's own may occur twice
        wanted = {column: names[self._position(column)] for column in columns}
        if self._only_header:
            return
        with reading(self.path, self.options.encoding):
            try:
                with pa.input_stream(str(self.path), compression="gzip" if is_gzip(self.path) else None) as stream:
                    for batch in pa_csv.open_csv(stream, **self._arrow_options(names, sorted(set(wanted.values())))):
                        yield {column: batch.column(name) for column, name in wanted.items()}
            except pa.ArrowInvalid as error:
                raise self._explain(error) from error
        self._refuse_open_quote()

    def where(self, row: int) -> str:
        """The line of the file, blank lines and quoted line ends counted."""
        assert self.separator is not None
        encoding = self.options.encoding
        return f"line {line_of_row(self.path, encoding, self.separator, self.quoting, row + self.header):,}"

    def _check_header(self, first: list[str]) -> None:
        if self.header and all(re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", field.strip()) for field in first):
            raise UserError(
                f"{self.path} has no header: line 1 is `{self.separator.join(first) if self.separator else first}`; "
                "add one such as user_id,item_id, or set data.format=triples (or adjacency)"
            )

    def _position(self, column: str) -> int:
        if self.columns.count(column) > 1:
            raise UserError(f"{self.path} has {self.columns.count(column)} columns named {column!r}; rename one")
        return self.columns.index(column)

    def _arrow_options(self, names: list[str], wanted: list[str]) -> dict[str, object]:
        return {
            "read_options": pa_csv.ReadOptions(
                column_names=names,
                skip_rows_after_names=int(self.header),
                block_size=BLOCK_BYTES,
                encoding=self.options.encoding,
            ),
            "parse_options": pa_csv.ParseOptions(
                delimiter=self.separator, quote_char='"' if self.quoting else False, newlines_in_values=self.quoting
            ),
            "convert_options": pa_csv.ConvertOptions(
                include_columns=wanted,
                column_types={name: pa.string() for name in wanted},
                strings_can_be_null=False,
            ),
        }

    def _refuse_open_quote(self) -> None:
        line = open_quote(self.path, self.options.encoding, self.separator or ",") if self.quoting else None
        if line is not None:
            raise UserError(f"{self.path} line {line:,}: a quote is opened there and never closed")

    def _explain(self, error: pa.ArrowInvalid) -> UserError:
        """The line that Arrow stumbled over, in a person's words."""
        if "UTF8" in str(error) or "UTF-8" in str(error):
            return not_decodable(self.path, self.options.encoding)
        self._refuse_open_quote()
        assert self.separator is not None
        with csv_rows(self.path, self.options.encoding, self.separator, self.quoting) as rows:
            other = next(((line, fields) for line, fields in rows if len(fields) != len(self.columns)), None)
        if other is not None:
            line, fields = other
            text = self.separator.join(fields)
            shown = text if len(text) <= 80 else text[:77] + "..."
            return UserError(
                f"{self.path} line {line:,} has {len(fields)} fields where line 1 has {len(self.columns)}: `{shown}`"
            )
        return UserError(f"{self.path} cannot be read as {separator_name(self.separator)}-separated text: {error}")


class AtomicTable(DelimitedTable):
    """A RecBole atomic file: the header names and types its columns (``user_id:token``), nothing is quoted."""

    format = "atomic"
    quoting = False

    def column_names(self, first: list[str]) -> list[str]:
        """The names without their types."""
        return [field.strip().rpartition(":")[0] or field.strip() for field in first]


class TriplesTable(DelimitedTable):
    """No header: ``user item [weight [time]]`` a line, as in LightGCN's lastfm."""

    format = "triples"
    quoting = False
    header = False

    def column_names(self, first: list[str]) -> list[str]:
        """user, item, weight, time: as many as there are fields."""
        names = ["user", "item", "weight", "time"]
        if not 2 <= len(first) <= len(names):
            raise UserError(
                f"{self.path}: format triples is `user item [weight [time]]`, line 1 has {len(first)} fields"
            )
        self.roles = {"user": "user", "item": "item"}
        return names[: len(first)]
