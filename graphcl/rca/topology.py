"""Who calls whom: read from a file, matched to the services of a table, and used as a prior on causes."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.data.readers.sniff import sniff_separator
from graphcl.data.text import encoding_of, open_text, require_file

#: Service -> services that it calls.
Callers = dict[str, list[str]]

#: Usual names of the two columns of a service map.
_CALLER = ("caller", "source", "src", "from", "client", "parent")
_CALLED = ("called", "callee", "target", "dst", "destination", "to", "server", "child")

#: Share of a service's score that goes when what it calls explains all of it.
EXPLAINED = 0.5
#: Above this a change is as clear as can be: a caller is explained by any called service that is beyond it.
CLEAR = 30.0
#: What remains of the score of a service that the front does not reach.
UNREACHED = 0.1


def read_service_map(source: str | Path | Mapping[str, Sequence[str]]) -> Callers:
    """Calls from JSON ``{caller: [called]}``, a CSV of caller and called, or an adjacency CSV (row calls column).

    A CSV whose header names both (``caller,callee``, ``source,target``, ...) may have further columns, in any order;
    one of two columns needs no header.

    Raises:
        UserError: a file that is none of these.
    """
    if isinstance(source, Mapping):
        return {str(caller): [str(one) for one in called] for caller, called in source.items()}
    path = Path(source).expanduser()
    require_file(path)
    with open_text(path, encoding_of(path), newline="") as text:
        content = text.read()
    if content.lstrip().startswith(("{", "[")):
        return _from_json(content, path)
    separator = sniff_separator(path, content, "", advice="; a service map has two columns, caller and called")
    rows = [[field.strip() for field in row] for row in csv.reader(content.splitlines(), delimiter=separator) if row]
    plain = [_plain(name.lower()) for name in rows[0]]
    places = [next((plain.index(name) for name in usual if name in plain), None) for usual in (_CALLER, _CALLED)]
    if None not in places:
        return _from_pairs(rows[1:], path, len(rows[0]), *places, first=2)  # type: ignore[arg-type]
    if len(rows[0]) > 2 and set(rows[0][1:]) & {row[0] for row in rows[1:]}:
        return _from_adjacency(rows, path)
    return _from_pairs(rows, path, 2, 0, 1, first=1)


def _from_pairs(rows: list[list[str]], path: Path, width: int, caller: int, called: int, *, first: int) -> Callers:
    for line, row in enumerate(rows, first):
        if len(row) != width:
            raise UserError(
                f"{path} line {line}: a service map has two columns, caller and called, or more with a header that "
                f"names these two, or is an adjacency table; here are {counted(len(row), 'field')}"
            )
    return _collected((row[caller], row[called]) for row in rows)


def _from_json(content: str, path: Path) -> Callers:
    try:
        value = json.loads(content)
    except ValueError as error:
        raise UserError(f"{path} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise UserError(f"{path}: a service map is {{caller: [called, ...]}}")
    if not all(isinstance(called, list) and all(isinstance(one, str) for one in called) for called in value.values()):
        raise UserError(f"{path}: a service map is {{caller: [called, ...]}}")
    return {caller: list(called) for caller, called in value.items()}


def _from_adjacency(rows: list[list[str]], path: Path) -> Callers:
    names = rows[0][1:]
    pairs = []
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(names) + 1:
            raise UserError(f"{path} line {number}: {len(row)} fields where line 1 has {len(names) + 1}")
        try:
            pairs += [(row[0], name) for name, value in zip(names, row[1:], strict=True) if value and float(value)]
        except ValueError as error:
            raise UserError(f"{path} line {number}: an adjacency table holds numbers ({error})") from error
    return _collected(pairs)


def _collected(pairs: Iterable[Sequence[str]]) -> Callers:
    found: Callers = {}
    for caller, called in pairs:
        found.setdefault(caller, []).append(called)
    return found


def matched(callers: Callers, services: Iterable[str]) -> tuple[Callers, list[str]]:
    """The map in the names of a table, and a sentence about names that are on one side only.

    Names are compared after ``_``, ``,`` and blanks became ``-``; a service of the map that the table lacks stays as it
    is, since calls may go through it.
    """
    known = {_plain(name): name for name in services}
    found = _collected(
        (known.get(_plain(caller), caller), known.get(_plain(one), one))
        for caller, called in callers.items()
        for one in called
    )
    mapped = {*found, *(one for called in found.values() for one in called)}
    lacking = sorted(mapped - set(known.values()))
    alone = sorted(set(known.values()) - mapped)
    notes = []
    for names, what in (
        (lacking, "of the service map not in the table"),
        (alone, "of the table not in the service map"),
    ):
        if names:
            notes.append(
                f"{counted(len(names), 'service')} {what}: {', '.join(names[:5])}" + ", ..." * (len(names) > 5)
            )
    return found, notes


def _plain(name: str) -> str:
    return re.sub(r"[_,\s]", "-", name)


def factors(scores: Mapping[str, float], callers: Callers, front: str | None) -> dict[str, float]:
    """What the score of each service is multiplied by: less where a service that it calls changes as much, and where
    the front does not reach it.

    Args:
        scores: Service -> change score.
        callers: The service map, in the same names.
        front: Service at which the symptom is seen, or None.
    """
    reached = _reached(callers, front) if front is not None else None
    found = {}
    for service, score in scores.items():
        own = max(min(score, CLEAR), 1e-9)
        called = [scores.get(one, 0.0) for one in callers.get(service, []) if one != service]
        explained = max((min(1.0, min(other, CLEAR) / own) for other in called), default=0.0)
        found[service] = 1.0 - EXPLAINED * max(explained, 0.0)
        if reached is not None and service not in reached:
            found[service] *= UNREACHED
    return found


def _reached(callers: Callers, front: str) -> set[str]:
    seen, left = {front}, [front]
    while left:
        for one in callers.get(left.pop(), []):
            if one not in seen:
                seen.add(one)
                left.append(one)
    return seen
