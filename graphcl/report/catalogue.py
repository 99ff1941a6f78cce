"""What there is to put into a recipe, as plain entries and as tables. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from graphcl.core import registry, schema
from graphcl.core.config import yaml12
from graphcl.core.config.recipe import recipe_names
from graphcl.core.errors import UserError, suggestion
from graphcl.core.paths import share

if TYPE_CHECKING:
    from rich.table import Table

Entry = dict[str, Any]

#: What can be listed that is not a kind of part.
_FILES = {"recipes": "a method's parts and settings", "data sets": "interaction logs and graphs by name"}
_PLURALS = {kind: kind if kind == "data" else f"{kind}s" for kind in registry.KINDS}


def overview() -> list[Entry]:
    """One entry per thing that can be listed: ``list`` (the argument), ``what`` it is, and its ``names``."""
    found = [{"list": "recipes", "what": _FILES["recipes"], "names": recipe_names()}]
    found.append({"list": "data", "what": _FILES["data sets"], "names": [card["name"] for card in data_cards()]})
    for kind, what in registry.KINDS.items():
        if kind != "data":
            found.append({"list": _PLURALS[kind], "what": what, "names": registry.names(kind)})
    return found


def entries(what: str) -> list[Entry]:
    """The entries of one list, by its name in the plural or the singular.

    Raises:
        UserError: there is no such list; names the nearest.
    """
    if what in ("recipe", "recipes"):
        return recipes()
    if what in ("data", "dataset", "datasets"):
        return data_cards()
    kind = next((kind for kind, plural in _PLURALS.items() if what in (kind, plural)), None)
    if kind is None:
        raise UserError(f"nothing is listed under {what!r}{suggestion(what, ['recipes', *_PLURALS.values()])}")
    return [_part(kind, name) for name in registry.names(kind)]


def recipes() -> list[Entry]:
    """Name, title and paper of every packed recipe."""
    found = []
    for name in recipe_names():
        path = share("configs") / f"{name}.yaml"
        tree = yaml12.load(path.read_text(encoding="utf-8"), f"configs/{path.name}")[0] or {}
        found.append({"name": name, "title": tree.get("title", ""), "paper": tree.get("paper", "")})
    return found


def data_cards() -> list[Entry]:
    """Name, title, task, kind, licence, counts and home of every data card."""
    found = []
    for path in sorted(share("datasets").glob("*.yaml")):
        card = yaml12.load(path.read_text(encoding="utf-8"), f"datasets/{path.name}")[0] or {}
        keys = ("title", "task", "kind", "counts", "licence", "citation", "homepage")
        found.append({"name": path.stem, **{key: card[key] for key in keys if key in card}})
    return found


def _part(kind: str, name: str) -> Entry:
    description = schema.part_schema(kind, name)
    return {
        "name": name,
        "summary": summary(description["doc"]),
        "doc": description["doc"],
        "options": {
            option: {"default": spec.get("default"), "required": "default" not in spec, "doc": spec["doc"]}
            for option, spec in description["options"].items()
        },
        "meta": description["meta"],
    }


def overview_table(found: Sequence[Entry]) -> Table:
    """The overview for a person."""
    table = _table("graphcl list ...", "what it is", "names")
    for entry in found:
        table.add_row(entry["list"], entry["what"], ", ".join(entry["names"]) or "none")
    return table


def table(what: str, found: Sequence[Entry]) -> Table:
    """One list for a person."""
    if found and "options" in found[0]:
        table = _table("name", "what it does", "options (default)")
        for entry in found:
            table.add_row(entry["name"], entry["summary"], _options(entry))
    elif found and "paper" in found[0]:
        table = _table("recipe", "title", "paper")
        for entry in found:
            table.add_row(entry["name"], entry["title"], entry["paper"])
    else:
        table = _table("name", "title", "task", "size")
        for entry in found:
            size = ", ".join(f"{count:,} {unit}" for unit, count in entry.get("counts", {}).items())
            table.add_row(entry["name"], entry.get("title", ""), _task(entry), size)
    return table


def _task(card: Entry) -> str:
    """The task of a data card, and the kind of its data where it is not the task's own."""
    return f"{card.get('task', '')} ({card['kind']})" if card.get("kind") else card.get("task", "")


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number == 0, overflow="fold")
    return table


def summary(doc: str) -> str:
    """The first sentence of a docstring on one line, without the markup of references and literals.

    >>> summary("Drops edges (GRACE, eq. 2), as\\n``p`` says; see :func:`drop_edges`. More of it.")
    'Drops edges (GRACE, eq. 2), as `p` says.'
    """
    paragraph = " ".join(doc.split("\n\n")[0].split())
    paragraph = re.sub(r"; see :\w+:`[^`]+`", "", paragraph)  # the function of the same name: no news in a list
    paragraph = re.sub(r":\w+:`~?([^`]+)`", r"\1", paragraph).replace("``", "`")
    for end in re.finditer(r"\.(?= [A-Z`])", paragraph):
        before = paragraph[: end.start()]
        if before.count("(") == before.count(")"):  # else the stop of an "eq." or "et al." within parentheses
            return before + "."
    return paragraph


def _options(entry: Entry) -> str:
    return ", ".join(
        name if option["required"] else f"{name} ({option['default']})" for name, option in entry["options"].items()
    )
