"""Where source texts come from: a folder, a file of JSON lines, the standard library."""

from __future__ import annotations

import gzip
import json
import platform
import sysconfig
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from graphcl.core.errors import UserError
from graphcl.data.class_folders import Skipped, list_files
from graphcl.data.code_sets.languages import LANGUAGES, language_named, language_of
from graphcl.data.code_sets.worker import Text
from graphcl.data.graphs.splits import PARTS
from graphcl.data.graphs.stdlib import library_modules

#: A package of the standard library with fewer modules is left out.
_LEAST_MODULES = 5


@dataclass
class Sources:
    """Source texts in the order train, valid, test.

    Attributes:
        texts: The texts.
        ids: A name for each.
        labels: A class for each, "" where there is none.
        parts: The part of each, "" where the data has none.
        source: Where they are from.
        notes: What was left out.
        docs: What is said of each, "" where nothing is; empty where only the texts themselves may say.
        by_folder: Whether the classes are folders.
    """

    texts: list[Text]
    ids: list[str]
    labels: list[str]
    parts: list[str]
    source: str
    notes: list[str] = field(default_factory=list)
    docs: list[str] = field(default_factory=list)
    by_folder: bool = False


def read_code(path: Path, language: str) -> Sources:
    """The texts of a folder, of one file of a known language, or of JSON lines; see the functions below."""
    return (read_code_folder if path.is_dir() or language_of(path.suffix) else read_code_lines)(path, language)


def read_code_folder(folder: Path, language: str) -> Sources:
    """The files of a folder whose names end as those of a language do, at any depth.

    A folder in it is a class; ``train``, ``val`` and ``test`` in it are parts with classes. What is no code is skipped
    and counted.

    Args:
        folder: With the files.
        language: Only files of this one; "" takes all that are known.

    Raises:
        UserError: no such language, or no file of code.
    """
    only = language_named(language) if language else None
    skipped, found = Skipped(), Sources([], [], [], [], str(folder), by_folder=True)
    for file in list_files(folder, skipped):
        name, known = file.name, language_of(file.path.suffix)
        if known is None or only not in (None, known):
            skipped.add("no code" if known is None else f"not {language}", name)
            continue
        found.texts.append(Text(known.name, path=str(file.path.resolve())))
        found.ids.append(name)
        found.labels.append(file.label)
        found.parts.append(file.part)
    found.notes = skipped.notes()
    if not found.texts:
        told = f": {'; '.join(found.notes)}" if found.notes else ""
        names = ", ".join(suffix for known in LANGUAGES for suffix in known.suffixes)
        raise UserError(f"data.path: {folder} holds no code{told}; files end in {names}")
    return found


def read_code_lines(path: Path, language: str) -> Sources:
    """Programs of a ``.jsonl`` (or ``.jsonl.gz``) file, a line each.

    A line has ``code`` (or ``code_tokens``, a list), and may have ``language``, ``label`` (its class), ``split``
    (train, valid or test), ``id``, and ``text`` (or ``nl``), which says what it does.

    Args:
        path: The file.
        language: Of lines that do not say.

    Raises:
        UserError: the file cannot be read, or holds no program, or it is not said in what language.
    """
    skipped, rows = Skipped(), []
    known = {one.name for one in LANGUAGES}
    if language:
        language_named(language)
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                row = _row(line)
                if row is None:
                    skipped.add("no JSON object with 'code'", f"line {number}")
                    continue
                named = str(row.get("language") or language).lower()
                if not named:
                    told = "the language is not said; set data.language, or 'language' there"
                    raise UserError(f"{path}, line {number}: {told}")
                if named not in known:
                    skipped.add(f"in a language that is none of {', '.join(sorted(known))}", f"line {number}: {named}")
                    continue
                rows.append((number, {**row, "language": named}))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    if not rows:
        told = f": {'; '.join(skipped.notes('line'))}" if skipped.notes() else ""
        raise UserError(f"{path}: no line is a JSON object with a text 'code' in a known language{told}")
    parts = {"val": "valid", "validation": "valid", "dev": "valid"}
    place = {part: position for position, part in enumerate(PARTS)}
    given = [parts.get(str(row.get("split", "")), str(row.get("split", ""))) for _, row in rows]
    order = sorted(range(len(rows)), key=lambda n: place.get(given[n], len(PARTS)))
    found = Sources([], [], [], [], str(path), skipped.notes("line"))
    for position in order:
        number, row = rows[position]
        found.texts.append(Text(row["language"], code=row["code"]))
        found.ids.append(str(row.get("id", number)))
        found.labels.append("" if row.get("label") is None else str(row["label"]))
        found.parts.append(given[position])
        found.docs.append(str(row.get("text") or row.get("nl") or ""))
    return found


def _row(line: str) -> dict | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    if isinstance(row, dict) and isinstance(row.get("code_tokens"), list):
        row["code"] = " ".join(map(str, row["code_tokens"]))
    return row if isinstance(row, dict) and isinstance(row.get("code"), str) else None


def read_library() -> Sources:
    """The modules of the larger packages of the running Python's standard library; the package is the class.

    Raises:
        UserError: the sources are not there.
    """
    folder = Path(sysconfig.get_path("stdlib"))
    paths = dict(sorted(library_modules(folder)))
    sizes = Counter(name.partition(".")[0] for name in paths)
    names = [name for name in paths if sizes[name.partition(".")[0]] >= _LEAST_MODULES]
    if not names:
        raise UserError(f"{folder}: no sources of the standard library; give a folder of code with data.path")
    return Sources(
        [Text("python", path=str(paths[name])) for name in names],
        names,
        [name.partition(".")[0] for name in names],
        [""] * len(names),
        f"the standard library of Python {platform.python_version()}",
    )
