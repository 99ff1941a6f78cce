"""Many texts -> trees: by several processes, told as it goes on, and kept for the next time."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

from graphcl.core.errors import UserError
from graphcl.core.files import replacing
from graphcl.core.paths import cache_dir
from graphcl.core.tell import progress
from graphcl.data.code_sets.forest import Forest
from graphcl.data.code_sets.languages import parser
from graphcl.data.code_sets.parse import Reading
from graphcl.data.code_sets.worker import Text, parse_texts

#: Part of the name of what is kept: goes up when trees of the same text become others.
VERSION = 2
#: Texts that a process is given at a time; so few are parsed here.
CHUNK = 500
_FEW = 200
_PACKAGE = Path(__file__).resolve().parents[3]


def parsed(texts: Sequence[Text], how: Reading, *, processes: int = 0, keep: bool = True) -> Forest:
    """The trees of all texts.

    Args:
        texts: What to parse.
        how: What trees hold.
        processes: At work at a time; 0 is one for each core.
        keep: Whether trees of many texts are written to the cache folder, and read from there.

    Raises:
        MissingExtra: a grammar is not installed.
        UserError: a process failed, and not on a text.
    """
    for language in sorted({text.language for text in texts}):
        parser(language)  # what is missing is said here, not by a process
    if len(texts) <= _FEW:
        return Forest.joined([(0, parse_texts(texts, how))])
    path = cache_dir() / "code" / f"{_key(texts, how)}.npz"
    if keep and (known := _kept(path)) is not None:
        return known
    forest = _in_processes(texts, how, processes or os.cpu_count() or 1)
    if keep:
        with replacing(path) as temporary, temporary.open("wb") as file:
            forest.write(file)
    return forest


def _key(texts: Sequence[Text], how: Reading) -> str:
    """Hash of the texts, files by their size and time."""
    digest = hashlib.sha256(json.dumps([VERSION, asdict(how)]).encode())
    for text in texts:
        stat = Path(text.path).stat() if text.path and Path(text.path).is_file() else None
        what = [text.language, text.path, text.code, stat and [stat.st_size, stat.st_mtime_ns]]
        digest.update(json.dumps(what).encode())
    return digest.hexdigest()[:32]


def _kept(path: Path) -> Forest | None:
    """What an earlier run kept; None where there is nothing, or it is damaged."""
    try:
        with path.open("rb") as file:
            return Forest.read(file)
    except Exception:  # zip, zlib, json and numpy each have errors of their own for a damaged file: it is made anew
        return None


def _in_processes(texts: Sequence[Text], how: Reading, processes: int) -> Forest:
    starts = range(0, len(texts), CHUNK)
    say, done = progress(), []
    with ThreadPoolExecutor(min(processes, len(starts))) as pool:
        for start, forests in zip(starts, pool.map(lambda s: _chunk(texts, how, s, s + CHUNK), starts), strict=True):
            done += forests
            told = f"parsing code: {min(start + CHUNK, len(texts)):,} of {len(texts):,} texts"
            say(partial(str, told))
    return Forest.joined(done)


def _chunk(texts: Sequence[Text], how: Reading, start: int, stop: int) -> list[tuple[int, Forest]]:
    """(first text, forest) of some texts; where the process dies, of each half, down to the one that kills it."""
    some = texts[start:stop]
    request = json.dumps({"how": asdict(how), "texts": [asdict(text) for text in some]})
    paths = os.pathsep.join([str(_PACKAGE), *filter(None, [os.environ.get("PYTHONPATH")])])
    child = subprocess.run(
        [sys.executable, "-m", "graphcl.data.code_sets.worker"], input=request.encode(), capture_output=True,
        check=False, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    if child.returncode == 0:
        return [(start, Forest.read(io.BytesIO(child.stdout)))]
    if child.returncode > 0:  # an error of Python, not a grammar that crashed: it would be the same for every half
        raise UserError(f"parsing code failed: {(child.stderr.decode(errors='replace').splitlines() or ['?'])[-1]}")
    if len(some) == 1:
        return [(start, Forest.of([], {0: "on which the parser died"}))]
    middle = start + len(some) // 2
    return _chunk(texts, how, start, middle) + _chunk(texts, how, middle, min(stop, len(texts)))
