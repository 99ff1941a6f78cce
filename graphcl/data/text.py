"""Bytes and text of a user's file: compression, encoding, and the line to name when something is wrong."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from graphcl.core.errors import UserError, nearest, suggestion

SAMPLE_BYTES = 1 << 16
#: Characters; more than this is a quote that was left open rather than a text.
LONGEST_FIELD = 1 << 22
_GZIP = b"\x1f\x8b"
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def require_file(path: Path) -> None:
    """Raise a one-line error, naming the nearest file beside it, when there is nothing to read.

    Raises:
        UserError: no such file, a folder, or an empty file.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder; a file is needed")
    if not path.is_file():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        match = nearest(path.name, beside)
        raise UserError(f"no file {path}" + (f"; nearest: {match!r}" if match else ""))
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty")


def is_gzip(path: Path) -> bool:
    """Whether the file is compressed, by its first two bytes."""
    with path.open("rb") as file:
        return file.read(2) == _GZIP


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, decompressed when it is gzip."""
    return cast(IO[bytes], gzip.open(path, "rb")) if is_gzip(path) else path.open("rb")


@contextmanager
def reading(path: Path, encoding: str = "") -> Iterator[None]:
    """Turn what goes wrong while a file is read into one line that names it.

    Args:
        path: The file.
        encoding: What ``data.encoding`` says; "" where there is no such option, and UTF-8 is read.

    Raises:
        UserError: unreadable, damaged, or not in that encoding.
    """
    try:
        yield
    except UnicodeError as error:
        raise not_decodable(path, encoding) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path} is damaged: the compressed data ends early or is broken ({error})") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def known_encoding(encoding: str) -> str:
    """The encoding's own name, e.g. ``utf-8`` for ``UTF8``.

    Raises:
        UserError: Python knows no such encoding.
    """
    try:
        return codecs.lookup(encoding).name
    except LookupError as error:
        raise UserError(
            f"data.encoding={encoding} is unknown{suggestion(encoding, ['utf-8', 'utf-16', 'latin-1', 'cp1252'])}"
        ) from error


@contextmanager
def open_text(path: Path, encoding: str, *, newline: str | None = None, errors: str = "strict") -> Iterator[IO[str]]:
    """The text of a file, decompressed and decoded.

    Raises:
        UserError: as :func:`reading`.
    """
    decoder = _decoder(encoding)
    with (
        reading(path, encoding),
        open_bytes(path) as raw,
        io.TextIOWrapper(raw, encoding=decoder, newline=newline, errors=errors) as text,
    ):
        yield text


def encoding_of(path: Path) -> str:
    """``utf-16`` by its mark, ``utf-8`` where every byte of the file is that, else ``latin-1``, which anything is.

    Raises:
        UserError: as :func:`reading`.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    with reading(path), open_bytes(path) as raw:
        data = raw.read(1 << 20)
        if data.startswith(_WIDE):
            return "utf-16"
        try:
            while data:
                decoder.decode(data)
                data = raw.read(1 << 20)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8"


def sample_text(path: Path, encoding: str) -> str:
    """The whole lines within the first 64 KiB (the first line at least), for sniffing.

    Bytes that do not decode below the first line are left to the reader, which knows whether they matter.
    """
    with reading(path, encoding), open_bytes(path) as raw:
        data = raw.read(SAMPLE_BYTES)
        if encoding == "utf-8":
            data.partition(b"\n")[0].decode("utf-8", errors="ignore" if len(data) == SAMPLE_BYTES else "strict")
    text = data.decode(_decoder(encoding), errors="replace")
    return text if len(data) < SAMPLE_BYTES else text[: text.rfind("\n") + 1] or text


def not_decodable(path: Path, encoding: str) -> UserError:
    """The error for a file that is not in ``encoding`` ("": UTF-8, as nothing else is read): the first bad byte."""
    asked, encoding = bool(encoding), encoding or "utf-8"
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, line = 0, 1
    with open_bytes(path) as raw:
        wide = raw.read(2) in _WIDE
        raw.seek(0)
        for data in iter(lambda: raw.read(1 << 20), b""):
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(data)
            except UnicodeDecodeError as error:
                good = max(error.start - pending, 0)
                offset, line = offset + good, line + data[:good].count(b"\n")
                break
            offset, line = offset + len(data), line + data.count(b"\n")
    guess = "utf-16" if wide and encoding == "utf-8" else "latin-1" if encoding != "latin-1" else "utf-8"
    advice = f"say what it is, e.g. data.encoding={guess}" if asked else "save it as UTF-8"
    return UserError(f"{path} is not {encoding}: byte {offset:,} (line {line:,}) does not decode; {advice}")


def line_of_row(path: Path, encoding: str, separator: str, quoting: bool, row: int) -> int:
    """The line on which a row of a delimited file begins, counting blank lines and line ends inside quotes.

    Args:
        path: The file.
        encoding: Of its text.
        separator: Between its columns.
        quoting: Whether ``"`` quotes.
        row: 0-based, the header being row 0 where there is one.
    """
    with csv_rows(path, encoding, separator, quoting) as rows:
        return next((line for number, (line, _) in enumerate(rows) if number == row), 0)


@contextmanager
def csv_rows(path: Path, encoding: str, separator: str, quoting: bool) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """(first line, fields) of every row that is not blank. Slow and exact: for error messages and headers."""
    with open_text(path, encoding, newline="", errors="replace") as text:
        reader = csv.reader(text, delimiter=separator, quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE)

        def rows() -> Iterator[tuple[int, list[str]]]:
            line = 1
            for fields in reader:
                if fields:
                    yield line, fields
                line = reader.line_num + 1

        limit = csv.field_size_limit(LONGEST_FIELD)
        try:
            yield rows()
        except csv.Error as error:
            raise UserError(f"{path} line {reader.line_num:,}: {error}; is a quote left open?") from error
        finally:
            csv.field_size_limit(limit)


def open_quote(path: Path, encoding: str, separator: str) -> int | None:
    """The line of a quote that is never closed, which would swallow all rows behind it; else None."""
    with open_bytes(path) as raw:
        quotes = sum(data.count(b'"') for data in iter(lambda: raw.read(1 << 20), b""))
    if quotes % 2 == 0 and not encoding.startswith(("utf-16", "utf-32")):
        return None
    first, last = 1, 0
    with open_text(path, encoding, newline="", errors="replace") as text:
        reader = csv.reader(text, delimiter=separator)
        try:
            for _ in reader:
                first, last = last + 1, reader.line_num
        except csv.Error:  # a field beyond the csv module's limit
            return last + 1
    return first if last > first else None


def _decoder(encoding: str) -> str:
    """UTF-8 with or without its mark at the beginning."""
    return "utf-8-sig" if encoding == "utf-8" else encoding
