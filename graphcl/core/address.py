"""Addresses name tensors in the data flow: ``[tower(]view[)].level[type][rows]`` and a few further roots.

=======================  ====================================================================
``main.nodes``           the nodes of view ``main`` under tower ``main``
``svd.nodes[user][users]``  rows ``users`` of node type ``user``
``a.layers[1]``          what the first layer gave (0 is the input embedding)
``a.messages[1]``        the same before a residual connection was added
``a.proj[batch]``        head ``proj`` on the view's latent
``teacher(b).graphs``    another tower (or a state that holds one) on view ``b``
``input.x``              a tensor of the raw graph
``table.item``           an embedding table (parameters)
``state.queue.keys``     a field of a state
``loss.info_nce``        the value of each anchor of a term in the step that is over, for states
=======================  ====================================================================
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from graphcl.core.errors import UserError

#: What names of towers, views, heads and states are made of.
NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_BRACKETS = r"((?:\[[^\[\]]*\])*)"
_ENCODED = re.compile(rf"(?:(?P<tower>{NAME})\((?P<inner>{NAME})\)|(?P<view>{NAME}))\.(?P<level>{NAME}){_BRACKETS}")
_STATE = re.compile(rf"state\.(?P<name>{NAME})\.(?P<field>{NAME}){_BRACKETS}")
_LOSS = re.compile(rf"loss\.(?P<name>{NAME}(?:#\d+)?){_BRACKETS}")
_ROOT = re.compile(rf"(?P<root>input|table)\.(?P<name>{NAME}){_BRACKETS}")


@dataclass(frozen=True)
class Address:
    """A parsed address.

    Attributes:
        root: ``encoded`` (tower on view), ``input``, ``table``, ``state`` or ``loss``.
        tower: the tower (``encoded``); ``main`` unless written.
        view: the view (``encoded``).
        name: the tensor (``input``), node type (``table``), state (``state``) or label of a term (``loss``).
        level: ``nodes``, ``layers``, ``graphs``, a head (``encoded``), or the state's field.
        layer: index where ``level`` is ``layers`` or ``messages``.
        node_type: node type or None.
        rows: name of a row set or None for all.
    """

    root: Literal["encoded", "input", "table", "state", "loss"]
    name: str = ""
    tower: str = "main"
    view: str = ""
    level: str = ""
    layer: int | None = None
    node_type: str | None = None
    rows: str | None = None


def parse_address(text: str, types: Collection[str] = ()) -> Address:
    """Parse an address; a bracket is a node type when it is one of ``types`` (or ``*``), else a row set.

    >>> parse_address("svd.nodes[user][users]", ["user", "item"]).rows
    'users'
    >>> parse_address("a.layers[1]").layer
    1

    Raises:
        UserError: not an address.
    """
    text = text.strip()
    if match := _STATE.fullmatch(text):
        node_type, rows = _selectors(text, match.group(3), types)
        return Address("state", match["name"], level=match["field"], node_type=node_type, rows=rows)
    if match := _LOSS.fullmatch(text):
        node_type, rows = _selectors(text, match.group(2), types)
        if rows is not None:
            raise UserError(f"address {text!r}: the anchors of a term are all there is; leave [{rows}] out")
        return Address("loss", match["name"], node_type=node_type)
    if match := _ROOT.fullmatch(text):
        root: Literal["input", "table"] = "input" if match["root"] == "input" else "table"
        node_type, rows = _selectors(text, match.group(3), types)
        return Address(root, match["name"], node_type=node_type, rows=rows)
    if match := _ENCODED.fullmatch(text):
        brackets = match.group(5)
        layer = None
        if match["level"] in ("layers", "messages"):
            index = re.match(r"\[(\d+)\]", brackets)
            if index is None:
                raise UserError(f"address {text!r}: '{match['level']}' needs an index, as in layers[1]")
            layer, brackets = int(index.group(1)), brackets[index.end() :]
        node_type, rows = _selectors(text, brackets, types)
        view = match["view"] or match["inner"]
        return Address("encoded", "", match["tower"] or "main", view, match["level"], layer, node_type, rows)
    raise UserError(f"{text!r} is not an address; expected [tower(]view[)].level[type][rows], state.NAME.field, ...")


def _selectors(text: str, brackets: str, types: Collection[str]) -> tuple[str | None, str | None]:
    parts = re.findall(r"\[([^\[\]]*)\]", brackets)
    node_type = parts.pop(0) if parts and (parts[0] == "*" or parts[0] in types) else None
    rows = parts.pop(0) if parts else None
    if parts or rows == "":
        raise UserError(f"address {text!r} has too many or empty brackets; expected level[type][rows]")
    return node_type, rows
