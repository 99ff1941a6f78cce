"""Where packed files, caches and the user's data lie."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parents[1]


def share(what: Literal["configs", "datasets"]) -> Path:
    """Folder of the packed recipes or data cards: inside an installed wheel, or beside the package in a checkout."""
    packed = _PACKAGE / "_share" / what
    return packed if packed.is_dir() else _PACKAGE.parent / what


def cache_dir() -> Path:
    """Folder for downloads and caches: ``GRAPHCL_CACHE``, else ``~/.cache/graphcl``."""
    return Path(os.environ.get("GRAPHCL_CACHE") or Path.home() / ".cache" / "graphcl")


def data_root(given: str | os.PathLike[str] | None = None) -> Path | None:
    """Folder of the user's data sets: the argument, else ``GRAPHCL_DATA``, else None."""
    value = given or os.environ.get("GRAPHCL_DATA")
    return Path(value) if value else None


def absolute(path: str) -> str:
    """A path as it reads from any folder; links are not followed, and "" stays."""
    return os.path.abspath(path) if path else path


def is_folder_name(model: str) -> bool:
    """Whether a model's name can only be that of a folder: a hub's are ``NAME`` or ``OWNER/NAME``."""
    return model.startswith((".", "/", "~")) or model.endswith("/") or model.count("/") > 1


def absolute_model(model: str) -> str:
    """As :func:`absolute`, of a folder that is there; a hub's name stays."""
    return absolute(model) if Path(model).exists() else model
