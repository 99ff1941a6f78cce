"""The same program made to look like another, as text: plagiarism that one makes oneself, in C, C++ and Java.

Detectors of plagiarism are tried on it where no plagiarised programs are known. Levels are those of Faidhi and
Robinson (An empirical approach for detecting program similarity within a university programming environment,
Computers & Education, 1987).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import torch

from graphcl.core.errors import UserError
from graphcl.data.code_sets.languages import language_named, parser
from graphcl.data.code_sets.parse import Reading, parse
from graphcl.data.code_sets.rename import rename_variables

LANGUAGES = ("c", "cpp", "java")
#: Levels: names, declarations, modules, forms of statements, control.
LEVELS = (2, 3, 4, 5, 6)
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}
_BLOCKS = ("compound_statement", "block")
_LEAVES = frozenset({
    "return_statement", "break_statement", "continue_statement", "goto_statement", "throw_statement", "yield_statement",
})  # fmt: skip


class _Place:
    """A node that may be changed: its text, and the texts of its fields."""

    def __init__(self, node: Any, code: bytes, draw: Callable[[], float]) -> None:
        self.node, self.code, self.draw = node, code, draw

    def text(self, node: Any | None = None) -> str:
        node = self.node if node is None else node
        return self.code[node.start_byte : node.end_byte].decode(errors="replace")

    def part(self, *fields: str) -> str:
        """The text of the first of these fields that there is, "" without one."""
        found = next((child for field in fields if (child := self.node.child_by_field_name(field)) is not None), None)
        return "" if found is None else self.text(found)

    def word(self) -> str:
        return "".join(chr(97 + int(self.draw() * 26)) for _ in range(5))


def disguise(
    code: str, language: str, level: int, *, p: float = 0.7, names: float = 0.5, generator: torch.Generator
) -> str:
    """Change a program as one does who copies it and does not want to be found out.

    Each level also does what is below it, each where it can be done with probability ``p``. 2: a share ``names`` of the
    names that the program declares are others. 3: each variable has a declaration of its own, some that are not used
    are added. 4: loops become functions of their own. 5: ``for`` becomes ``while``, ``i++`` and ``i += 2`` are written
    out, comparisons turned around. 6: conditions are negated and branches exchanged, loops are left by ``break``,
    statements stand under conditions that always hold. The result looks like a program that works, and may not compile.

    Args:
        code: The program.
        language: c, cpp or java.
        level: 2 to 6.
        p: Probability that a place is changed.
        names: Share of the declared names that are changed.
        generator: Source of the draws.

    Raises:
        UserError: another language or level.
    """
    if language not in LANGUAGES or level not in LEVELS:
        raise UserError(
            f"disguise: language is one of {', '.join(LANGUAGES)} and level one of 2 to 6, got {language} and {level}"
        )
    (tree,) = parse(code.encode(), language_named(language), Reading(nodes=1 << 30))
    code = rename_variables(code, language, round(names * tree.own), generator=generator)
    for step in range(3, level + 1):
        code = _changed(code, language, _OPERATORS[step], p, generator)
    return code


def _changed(code: str, language: str, table: Any, p: float, generator: torch.Generator) -> str:
    """Apply a table of operators once, from the outside in; what is inside of a changed node stays."""

    def draw() -> float:
        return float(torch.rand((), generator=generator))

    text = code.encode()
    edits: list[tuple[int, int, str]] = []
    for node, function, enter in _nodes(parser(language).parse(text).root_node):
        change = table.get(node.type)
        if change is None or node.has_error or draw() >= p:
            continue
        made = change(_Place(node, text, draw))
        if made is None:
            continue
        now, before = made
        edits.append((node.start_byte, node.end_byte, now))
        if before and function is not None:
            edits.append((function.start_byte, function.start_byte, before))
        enter[0] = False
    pieces, done = [], 0
    for start, stop, now in sorted(edits, key=lambda edit: edit[:2]):
        pieces += [text[done:start], now.encode()]
        done = stop
    return b"".join([*pieces, text[done:]]).decode(errors="replace")


def _nodes(root: Any) -> Iterator[tuple[Any, Any, list[bool]]]:
    """Each node, the function that it is in, and whether to go on into it, which may be set."""
    open_nodes: list[tuple[Any, Any]] = [(root, None)]
    while open_nodes:
        node, function = open_nodes.pop()
        enter = [True]
        yield node, function, enter
        if enter[0]:
            inside = node if node.type in ("function_definition", "method_declaration") else function
            open_nodes += [(child, inside) for child in reversed(node.named_children)]


_Change = tuple[str, str] | None  # what is there now, and what is put before the function; None leaves it


def _declare(at: _Place) -> _Change:
    """``int a, b;`` -> ``int a; int b;``, and one that is not used."""
    if at.node.parent.type not in _BLOCKS:
        return None
    kind = at.part("type")
    each = [at.text(child) for child in at.node.children_by_field_name("declarator")]
    extra = f" int {at.word()} = {int(at.draw() * 10)};" if at.draw() < 0.5 else ""
    return " ".join(f"{kind} {one};" for one in each) + extra, ""


def _extract(at: _Place) -> _Change:
    """A loop becomes a function, which gets what the loop reads; a loop that is left early stays."""
    inner = [node for node, _, _ in _nodes(at.node)]
    if any(node.type in _LEAVES for node in inner):
        return None
    names = {at.text(node) for node in inner if node.type == "identifier" and node.parent.type not in _CALLED}
    own = {at.text(node) for node in inner if node.type == "identifier" and node.parent.type in _DECLARED}
    given, name = sorted(names - own), at.word()
    taken = ", ".join(f"int {one}" for one in given)
    kind = "static void" if at.node.parent.type == "block" else "void"
    return f"{name}({', '.join(given)});", f"{kind} {name}({taken}) {{\n{at.text()}\n}}\n"


_CALLED = ("method_invocation", "call_expression", "field_access")
_DECLARED = ("variable_declarator", "init_declarator", "declaration")


def _inner(text: str) -> str:
    return text[1:-1] if text.startswith("{") else text


def _as_while(at: _Place) -> _Change:
    """``for (a; b; c) d`` -> ``a; while (b) { d c; }``."""
    body = at.part("body")
    if re.search(r"\bcontinue\b", body):
        return None
    start = at.part("initializer", "init").rstrip("; ")
    step = at.part("update")
    inside = f"{_inner(body)} {step + ';' if step else ''}"
    return f"{{ {start + ';' if start else ''} while ({at.part('condition') or '1 == 1'}) {{ {inside} }} }}", ""


def _write_out(at: _Place) -> _Change:
    """``i++`` -> ``i = i + 1`` where nothing reads it."""
    if at.node.parent.type not in ("expression_statement", "for_statement"):
        return None
    name = re.sub(r"\+\+|--", "", at.text()).strip()
    return f"{name} = {name} {'+' if '++' in at.text() else '-'} 1", ""


def _assign(at: _Place) -> _Change:
    """``a += b`` -> ``a = a + (b)``."""
    sign, left = at.part("operator"), at.part("left")
    return None if sign in ("=", "") else (f"{left} = {left} {sign[:-1]} ({at.part('right')})", "")


def _turn(at: _Place) -> _Change:
    """``a < b`` -> ``b > a``."""
    turned = _TURNED.get(at.part("operator"))
    return None if turned is None else (f"{at.part('right')} {turned} {at.part('left')}", "")


def _exchange(at: _Place) -> _Change:
    """``if (a) b else c`` -> ``if (!(a)) c else b``."""
    other = at.part("alternative").removeprefix("else").strip() or "{ }"
    return f"if (!{at.part('condition')}) {{ {_inner(other)} }} else {{ {_inner(at.part('consequence'))} }}", ""


def _leave(at: _Place) -> _Change:
    """``while (a) b`` -> ``while (true) { if (!(a)) break; b }``."""
    return f"while (true) {{ if (!{at.part('condition')}) {{ break; }} {_inner(at.part('body'))} }}", ""


def _guard(at: _Place) -> _Change:
    """``a;`` -> ``boolean b = true; if (b) { a; }``, here and there."""
    if at.node.parent.type not in _BLOCKS or at.draw() < 0.7:
        return None
    name = at.word()
    return f"int {name} = 1; if ({name} == 1) {{ {at.text()} }}", ""


_OPERATORS: dict[int, dict[str, Callable[[_Place], _Change]]] = {
    3: {"declaration": _declare, "local_variable_declaration": _declare},
    4: {"for_statement": _extract, "while_statement": _extract},
    5: {
        "for_statement": _as_while,
        "update_expression": _write_out,
        "assignment_expression": _assign,
        "binary_expression": _turn,
    },
    6: {"if_statement": _exchange, "while_statement": _leave, "expression_statement": _guard},
}
