"""Data cards: where a public data set comes from, under which terms, and how it is read.

A card is ``datasets/NAME.yaml``; its ``defaults`` block is laid under the recipe's own settings.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self, cast

from pydantic import TypeAdapter, ValidationError

from graphcl.core.build import build
from graphcl.core.config import yaml12
from graphcl.core.errors import UserError, nearest
from graphcl.core.paths import cache_dir, data_root, share
from graphcl.data.download import DownloadError, fetch, fetch_zip, sha256_of
from graphcl.data.report import DataReport


@dataclass(frozen=True)
class RemoteFile:
    """One file of a data set.

    Attributes:
        url: Where it can be downloaded; "" where it cannot.
        sha256: Of the public original; "" where that was not hashed, so that the first download pins it.
    """

    url: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Card:
    """A data set.

    Attributes:
        name: Lower case, as in ``data.name``.
        title: For people.
        task: What it is for.
        kind: Which data part reads it, where the task has several; empty for the task's own.
        licence: Terms as its source states them.
        citation: Whom to cite.
        homepage: Where it can be read about, or fetched by hand.
        files: File name -> where it comes from.
        archive: Zip file that holds the files, in whatever folders; they need no address of their own then.
        format: How the files of a node graph are read: npz, planetoid, geom_gcn, attributed, tables or
            wikics.
        folders: Where else under a data root another library's layout keeps them, as ``Planetoid/Cora/raw``.
        obtain: What the files hold, where one who has the source must make them himself.
        package: Installed Python package that ships the files, and ``package_path`` inside it.
        extra: Extra of graphcl that installs the package.
        counts: Users, items and rows that a correct copy has.
        defaults: Settings laid under the recipe's own, in the layout of a recipe.
    """

    name: str
    title: str
    task: str
    licence: str
    citation: str
    homepage: str = ""
    files: dict[str, RemoteFile] = field(default_factory=dict)
    archive: RemoteFile | None = None
    format: str = ""
    folders: list[str] = field(default_factory=list)
    obtain: str = ""
    package: str = ""
    package_path: str = ""
    extra: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    kind: str = ""

    @property
    def data_defaults(self) -> Mapping[str, Any]:
        """The ``data`` block of the defaults."""
        return self.defaults.get("data", {})


@dataclass(frozen=True)
class Located:
    """A data set found on this machine: its folder, and what is to be said about it."""

    folder: Path
    notes: tuple[str, ...]


def card_names() -> list[str]:
    """Names of the packed cards."""
    return sorted(path.stem for path in share("datasets").glob("*.yaml"))


@cache
def load_card(name: str) -> Card:
    """The card of that name.

    Raises:
        UserError: no such card (with the nearest), or a damaged one.
    """
    path = share("datasets") / f"{name}.yaml"
    if name not in card_names():
        match = nearest(name, card_names())
        hint = f"; nearest: {match!r}" if match else f"; known: {', '.join(card_names())}"
        raise UserError(f"unknown data set {name!r}{hint}; a file of your own is data.path=FILE")
    raw, _ = yaml12.load(path.read_text(encoding="utf-8"), f"datasets/{path.name}")
    try:
        return TypeAdapter(Card).validate_python(raw)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"datasets/{path.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


class FromCard:
    """A data part that reads data sets by the names of their cards.

    Attributes:
        part: What it is registered as.
    """

    part: ClassVar[str]

    @classmethod
    def from_card(cls, name: str, *, data_root: str | Path | None = None, **options: Any) -> Self:
        """A data set with its card's settings, as a recipe would read it; ``options`` come on top.

        Raises:
            UserError: there is no such card.
        """
        given = {"name": name, **load_card(name).data_defaults, **options}
        return cast("Self", build("data", cls.part, given, data_root=Path(data_root) if data_root else None))


def open_card(name: str, task: str, root: Path | None, kind: str = "") -> tuple[Card, Path, DataReport]:
    """The card of that name, the folder that holds its files, and a report that names them.

    Raises:
        UserError: a card of another task or kind; see :func:`load_card` and :func:`locate`.
    """
    card = load_card(name)
    if card.task != task:
        raise UserError(f"data.name: {card.name} is a data set for the task {card.task!r}, not for {task!r}")
    if card.kind != kind:
        own = card.kind or "the task's own"
        raise UserError(f"data.name: {card.name} is a data set of another kind; set data.kind to {own}")
    located = locate(card, root)
    files = {file: str(located.folder / file) for file in card.files}
    return card, located.folder, DataReport(source=card.name, files=files, notes=list(dict.fromkeys(located.notes)))


def locate(card: Card, root: str | Path | None = None) -> Located:
    """The folder that holds a card's files: the data root, an installed package, the cache, else a download.

    Under the data root the folder is ``NAME`` or ``GROUP/NAME``, or one of the card's ``folders`` in their place.

    Raises:
        UserError: nowhere, and not downloadable; names what to do. Or a download failed.
    """
    found = find(card, data_root(root))
    if found is not None:
        return Located(found, _checked(card, found))
    if card.package:
        return Located(_in_package(card), ())
    return _downloaded(card)


def find(card: Card, root: Path | None) -> Path | None:
    """The folder under a data root that holds the card's files, or None.

    Raises:
        UserError: the data root is no folder.
    """
    if root is None:
        return None
    if not root.is_dir():
        raise UserError(f"the data root {root} is no folder")
    folders = [f for name in (card.name, *card.folders) for f in (root / name, *sorted(root.glob(f"*/{name}")))]
    return next((f for f in folders if f.is_dir() and all((f / name).is_file() for name in card.files)), None)


def _checked(card: Card, folder: Path) -> tuple[str, ...]:
    """A sentence for every file that is not the public original, where that was hashed."""
    other = [name for name, file in card.files.items() if file.sha256 and sha256_of(folder / name) != file.sha256]
    said = f"data found in {folder}"
    return (said, *(f"{folder / name} is not the file that the card {card.name} was checked against" for name in other))


def _in_package(card: Card) -> Path:
    """The folder inside the installed package, which is not imported."""
    spec = importlib.util.find_spec(card.package)
    for base in (spec.submodule_search_locations or []) if spec is not None else []:
        if (Path(base) / card.package_path).is_dir():
            return Path(base) / card.package_path
    first = next(iter(card.files), "its files")
    raise UserError(
        f"{card.name} is read from the package {card.package!r}, which is not installed: pip install "
        f"'graphcl[{card.extra}]' (Python 3.11), or put it in a folder FOLDER/{card.name}/{first} and give "
        "--data-root FOLDER, or use a file of your own with data.path=FILE"
    )


def _downloaded(card: Card) -> Located:
    try:
        return _fetched(card, cache_dir() / "datasets" / card.name)
    except DownloadError as error:
        raise UserError(
            f"{error} Or get {', '.join(card.files)} elsewhere into FOLDER/{card.name} and give --data-root FOLDER"
        ) from error


def _fetched(card: Card, folder: Path) -> Located:
    if card.archive is not None:
        note = fetch_zip(card.archive.url, folder, card.files, card.archive.sha256)
        return Located(folder, (note, _licence(card)) if note else ())
    unknown = [name for name, file in card.files.items() if not file.url and not (folder / name).is_file()]
    if unknown:
        verb, how = ("make", f" ({card.obtain})") if card.obtain else ("get", "")
        raise UserError(
            f"{card.name} cannot be downloaded: {verb} {', '.join(unknown)} from {card.homepage or 'its authors'} "
            f"into FOLDER/{card.name} and give --data-root FOLDER{how}"
        )
    notes = [fetch(file.url, folder / name, file.sha256) for name, file in card.files.items()]
    if any(notes):
        notes.append(_licence(card))
    return Located(folder, tuple(note for note in notes if note))


def _licence(card: Card) -> str:
    return f"licence of {card.name}: {card.licence}"
