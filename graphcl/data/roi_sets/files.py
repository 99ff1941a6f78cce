"""Series of regions out of a user's files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.data.class_folders import Listed, Skipped, classes_of, list_files
from graphcl.data.parts_of_arrays import open_arrays
from graphcl.data.roi_sets.phenotype import NO_SCAN, Phenotypes, is_phenotypes, read_phenotypes
from graphcl.data.series_sets.raw import RawSeriesSet

TEXTS, ARRAYS = (".csv", ".tsv", ".txt", ".1d"), (".npy", ".npz")
#: Columns that are no region.
TIMES = ("", "time", "timestamp", "t", "frame", "volume", "index")
_SERIES, _ENDS = ("x", "series", "values", "timeseries", "data"), ("ptr", "offsets")
_IDS, _LABELS = ("subject", "subjects", "ids", "id"), ("y", "label", "labels")
_GROUPS = ("site", "sites", "group", "groups")


def read_scans(path: Path, label: str = "", group: str = "") -> RawSeriesSet:
    """Scans of a folder, or of one file, with the labels of the table beside them.

    Files are text (``.1D``, ``.csv``, ``.tsv``, ``.txt``) or ``.npy`` with a row a sample and a column a region, or an
    ``.npz`` of many scans: ``X`` [n, time, regions], shorter ones padded with NaN, or ``x`` [time of all, regions] and
    ``ptr`` [n + 1]. A table ``labels.csv`` (``participants.tsv``, ``phenotype.csv``) says of each file its class, and
    perhaps its site; without one a folder is a class.

    Args:
        path: A folder or file.
        label: Column of the class; "" finds it by its name.
        group: Column of the site; "" finds it by its name.

    Raises:
        UserError: no file can be read, or the table lacks what was asked for.
    """
    skipped = Skipped()
    listed = list_files(path, skipped)
    tables = [one.path for one in listed if is_phenotypes(one.path)]
    if path.is_file():
        tables = sorted(one for one in path.parent.iterdir() if is_phenotypes(one) and one != path)
    table = read_phenotypes(tables[0], label, group) if tables else None
    if table is None and (label or group):
        raise UserError(f"data.{'label' if label else 'group'}: {path} has no table labels.csv with such a column")
    found = RawSeriesSet([], channels=[], ids=[], groups=[], source=str(path))
    labels, parts = list[str](), Counter[str]()
    for file in listed:
        if file.path in tables:
            continue
        read = _scans_of(file)
        if isinstance(read, str):
            skipped.add(read, file.name)
            continue
        for name, values, own, site in read:
            found.values.append(values)
            found.ids.append(name)  # type: ignore[union-attr]
            found.groups.append(site)  # type: ignore[union-attr]
            labels.append(own)
            parts[file.part] += 1
    found.notes += skipped.notes()
    if not found.values:
        told = f": {'; '.join(found.notes)}" if found.notes else ""
        raise UserError(f"data.path: {path} holds no series of regions{told}; give .1D, .csv, .npy or .npz files")
    if table is None:
        found.labels = classes_of(labels, found.notes)
    elif any(labels := _named_by(table, found, labels)):
        found.labels = np.array(labels, dtype=object)
    found.groups = found.groups if any(found.groups or []) else None
    found.sizes = dict(parts) if parts.get("train") else {}
    return found


def _named_by(table: Phenotypes, found: RawSeriesSet, own: list[str]) -> list[str]:
    """The labels, and into ``found`` the groups, of a table's rows."""
    rows = [table.row_of(name) for name in found.ids or []]
    if unknown := rows.count(None):
        first = (found.ids or [])[rows.index(None)]
        told = f"{counted(unknown, 'scan')} not named in {table.source}"
        found.notes.append(f"{told}, without a label (the first: {first})")
    idle = set(table.labels) - set(rows) - set(NO_SCAN)
    if idle:
        found.notes.append(f"{counted(len(idle), 'row')} of {table.source} without a scan")
    found.groups = [table.groups.get(row or "", "") for row in rows] if table.groups else found.groups
    return [table.labels[row] if row is not None else "" for row in rows] if "label" in table.columns else own


#: Of each scan its name, [time, R], its label and its group ("" where unknown).
_Scan = tuple[str, np.ndarray, str, str]


def _scans_of(file: Listed) -> list[_Scan] | str:
    """The scans of a file; or why it is skipped."""
    suffix, stem = file.path.suffix.lower(), Path(file.name).with_suffix("").as_posix().rsplit("/", 1)[-1]
    if suffix in TEXTS:
        values = _text(file.path)
        return values if isinstance(values, str) else [(stem, values, file.label, "")]
    if suffix not in ARRAYS:
        return f"none of {', '.join((*TEXTS, *ARRAYS))}"
    try:
        arrays = {name.lower(): array for name, array in open_arrays(file.path).items()}
    except UserError as error:  # files are skipped by reason, and named beside it
        return str(error).removeprefix(f"{file.path}: ")
    return _of_arrays(arrays, stem, file.label)


def _of_arrays(arrays: dict[str, np.ndarray], stem: str, label: str) -> list[_Scan] | str:
    x = next((arrays[name] for name in _SERIES if name in arrays), None)
    if x is None and len(arrays) == 1:
        x = next(iter(arrays.values()))
    if x is None or x.dtype.kind not in "fiu" or x.ndim not in (2, 3):
        return "without an array of numbers X [n, time, regions], or x [time, regions]"
    ends = next((arrays[name] for name in _ENDS if name in arrays), None)
    if x.ndim == 2 and ends is None:
        return [(stem, x.astype(np.float64), label, "")]
    if x.ndim == 3:
        cases = [_unpadded(case.astype(np.float64)) for case in x]
    elif ends is None or ends.ndim != 1 or len(ends) < 2 or ends[0] or ends[-1] != len(x) or (np.diff(ends) < 0).any():
        return f"whose ptr does not rise from 0 to its {len(x):,} rows"
    else:
        cases = [x[begin:end].astype(np.float64) for begin, end in pairwise(ends.tolist())]
    return list(_each(cases, [_texts(arrays, names, len(cases)) for names in (_IDS, _LABELS, _GROUPS)], stem, label))


def _each(cases: list[np.ndarray], texts: list[list[str] | None], stem: str, label: str) -> Iterator[_Scan]:
    ids, labels, groups = texts
    for number, case in enumerate(cases):
        name = ids[number] if ids else f"{stem}_{number}"
        yield name, case, labels[number] if labels else label, groups[number] if groups else ""


def _texts(arrays: dict[str, np.ndarray], names: tuple[str, ...], count: int) -> list[str] | None:
    found = next((arrays[name] for name in names if name in arrays), None)
    return [str(one) for one in found.tolist()] if found is not None and found.shape == (count,) else None


def _unpadded(case: np.ndarray) -> np.ndarray:
    """Without the rows of NaN at its end."""
    there = np.flatnonzero(~np.isnan(case).all(axis=1))
    return case[: there[-1] + 1] if len(there) else case[:0]


def _text(path: Path) -> np.ndarray | str:
    """[time, R] of a table of numbers; what is no number is NaN. Or why it is skipped."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as opened:
            first = next((line for line in opened if line.strip()), "").strip()
        between = next((sign for sign in ("\t", ";", ",") if sign in first), r"\s+")
        fields = first.lstrip("#").split(None if between == r"\s+" else between)
        named = first.startswith("#") or pd.to_numeric(pd.Series(fields), errors="coerce").isna().all()
        table = pd.read_csv(
            path, sep=between, header=None, skiprows=int(named), encoding_errors="replace", skip_blank_lines=True,
            comment="#", dtype=str,
        )  # fmt: skip
    except (OSError, ValueError, pd.errors.EmptyDataError):
        return "empty, or no table"
    if table.empty:
        return "empty, or no table"
    if named and len(fields) == table.shape[1]:
        kept = [at for at, name in enumerate(fields) if name.strip().strip('"').lower() not in TIMES]
        table = table.iloc[:, kept]
    values = table.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64, copy=True)
    return values if np.isfinite(values).any() else "without a number"
