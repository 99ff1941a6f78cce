"""What kind of graphs a file or folder would become: the name of the data part that reads it."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

from graphcl.core.errors import UserError
from graphcl.data.class_folders import list_files
from graphcl.data.code_sets.languages import language_of
from graphcl.data.images import folder as image_folder
from graphcl.data.molecules.table import is_table_of_molecules
from graphcl.data.series_sets import ucr
from graphcl.data.series_sets.table import suffix_of
from graphcl.data.sound_sets import decode as sounds

#: Most files of a folder that are looked at.
_LOOKED_AT = 10_000
_TABLES = (".csv", ".tsv", ".parquet")


def kind_of(path: Path) -> str:
    """The name of a data part: ``images``, ``series_set``, ``roi_set``, ``code_set`` and so on.

    A folder is of the kind that most of its files are of; a folder with a table ``graphs`` or the text files of a TU
    set, of graphs.

    Raises:
        UserError: there is no such path, or nothing in it is of a known kind.
    """
    if not path.exists():
        raise UserError(f"{path} does not exist")
    if path.is_file():
        kind = _of_file(path)
        if kind is None:
            raise UserError(f"{path}: it is not known what graph to make of {path.suffix or 'it'}; say it by --kind")
        return kind
    of_graphs = [path / f"graphs{suffix}" for suffix in _TABLES]
    if any(table.is_file() for table in of_graphs) or next(path.glob("*_graph_indicator.txt"), None):
        return "graph_set"
    found = Counter(_of_suffix(file.path.suffix.lower()) for file in list_files(path)[:_LOOKED_AT])
    found.pop(None, None)
    if not found:
        raise UserError(f"{path} holds no images, sounds, code, series, scans or graphs; say by --kind what it is")
    return str(found.most_common(1)[0][0])


def _of_suffix(suffix: str) -> str | None:
    if suffix in image_folder.SUFFIXES:
        return "images"
    if suffix in sounds.SUFFIXES:
        return "sound_set"
    if suffix == ".1d":
        return "roi_set"
    if language_of(suffix) is not None:
        return "code_set"
    return "series_set" if suffix in (".csv", *ucr.SUFFIXES) else None


def _of_file(path: Path) -> str | None:
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        return "code_set"
    if is_table_of_molecules(path):
        return "molecules"
    if path.suffix == ".npz":
        return _of_arrays(path)
    return _of_suffix(suffix_of(path))


def _of_arrays(path: Path) -> str:
    """By the names of its arrays: images are called so; skeletons have bones or frames, scans a ptr, devices names."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.lower().removesuffix(".npy") for name in archive.namelist()]
    except PermissionError:
        raise
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: cannot be read: it is no .npz, or is damaged") from error
    if any("image" in name for name in names):
        return "images"
    if "devices" in names:
        return "device_set"
    if "bones" in names or {"frames", "offsets"} <= set(names):
        return "skeleton_set"
    return "roi_set" if "ptr" in names else "series_set"
