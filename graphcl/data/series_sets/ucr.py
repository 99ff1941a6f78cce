"""Files of the UCR and UEA archives of time series: ``.ts``, and ``.tsv`` whose first column is the class.

Format: Bagnall et al., The UEA multivariate time series classification archive, 2018.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphcl.core.errors import UserError
from graphcl.data.series_sets.raw import RawSeriesSet

SUFFIXES = (".ts", ".tsv")
#: A part -> what its file's name ends with.
_ENDS = {"train": "_TRAIN", "test": "_TEST"}


def read_ucr(path: Path) -> RawSeriesSet:
    """The series of one file, or of ``NAME_TRAIN`` and ``NAME_TEST`` where both are there.

    Raises:
        UserError: a line that cannot be read, with its number; or files of other channels.
    """
    files = _pair(path)
    values: list[np.ndarray] = []
    labels: list[str] = []
    sizes: dict[str, int] = {}
    for part, file in files.items():
        read, names = _ts(file) if file.suffix == ".ts" else _tsv(file)
        values, labels = values + read, labels + names
        sizes[part] = len(read)
    if not values:
        raise UserError(f"{path}: there are no series in it")
    if len(widths := {case.shape[1] for case in values}) > 1:
        raise UserError(f"{path}: series have different numbers of channels: {', '.join(map(str, sorted(widths)))}")
    known = np.array(labels, dtype=object) if any(labels) else None
    return RawSeriesSet(values, known, sizes if len(sizes) > 1 else {}, source=str(path))


def find_pair(folder: Path) -> Path | None:
    """The training file of a pair in a folder, where there is exactly one."""
    found = [path for path in sorted(folder.glob("*_TRAIN.*")) if path.suffix in SUFFIXES and len(_pair(path)) == 2]
    names = {path.stem for path in found}
    return found[0] if len(names) == 1 else None


def _pair(path: Path) -> dict[str, Path]:
    for end in _ENDS.values():
        if path.stem.endswith(end):
            both = {
                part: path.with_name(path.stem.removesuffix(end) + other + path.suffix) for part, other in _ENDS.items()
            }
            if all(file.is_file() for file in both.values()):
                return both
    return {"": path}


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _ts(path: Path) -> tuple[list[np.ndarray], list[str]]:
    values, labels, labelled, started = [], [], True, False
    for number, line in _lines(path):
        if line.startswith(("#", "@")) and not started:
            words = line.lower().split()
            started = words[0] == "@data"
            if words[0] == "@classlabel":
                labelled = words[1:2] == ["true"]
            if words[0] == "@timestamps" and words[1:2] == ["true"]:
                raise UserError(f"{path}:{number}: values with time stamps are not read; write values alone")
            continue
        if not started:
            raise UserError(f"{path}:{number}: values before the line @data")
        pieces = line.split(":")
        labels.append(pieces.pop().strip() if labelled else "")
        channels = [_numbers(piece.split(","), path, number) for piece in pieces]
        if not channels:
            raise UserError(f"{path}:{number}: a class without values")
        case = np.full((max(map(len, channels)), len(channels)), np.nan)
        for column, channel in enumerate(channels):
            case[: len(channel), column] = channel
        values.append(case)
    return values, labels


def _tsv(path: Path) -> tuple[list[np.ndarray], list[str]]:
    values, labels = [], []
    for number, line in _lines(path):
        label, *rest = line.split("\t")
        if not rest:
            raise UserError(f"{path}:{number}: a class and values after it, with tabs between them, are expected")
        values.append(np.array(_numbers(rest, path, number))[:, None])
        labels.append(label)
    return values, labels


def _numbers(fields: list[str], path: Path, line: int) -> list[float]:
    try:
        return [float("nan") if field.strip() in ("?", "") else float(field) for field in fields]
    except ValueError as error:
        raise UserError(f"{path}:{line}: {error}") from error
