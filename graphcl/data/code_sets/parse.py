"""One source text -> the nodes of its syntax tree. Loops, no recursion: nesting may be as deep as it likes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graphcl.data.code_sets.languages import (
    MEMBER_FIELDS,
    MEMBER_PARENTS,
    NAMES,
    PUNCTUATION,
    RENAMED,
    SILENT,
    Language,
    parser,
)
from graphcl.data.code_sets.subtokens import bucket, hashed


@dataclass
class Tree:
    """A syntax tree, nodes in the order of the text, a parent before its children.

    Attributes:
        kinds: Of each node.
        parents: Number of each node's parent; 0 of the root, which is node 0.
        tokens: Of each node the buckets of its words; empty but for leaves and operators.
        names: Of each node the number of the name that it is, -1 where it is none. Names that the text declares, and
            that are nowhere a member of something else, have the first numbers.
        own: How many these are.
        spans: Of each node where its text begins and ends, in bytes.
        damaged: Whether the text has syntax errors; the tree is then of what could be read.
        cut: Whether there were more nodes than were asked for.
        line: Of its beginning, from 1.
        title: Name of the function, where the tree is of one.
        doc: What is said of the function: its docstring, or the comment before it.
    """

    kinds: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    tokens: list[list[int]] = field(default_factory=list)
    names: list[int] = field(default_factory=list)
    own: int = 0
    spans: list[tuple[int, int]] = field(default_factory=list)
    damaged: bool = False
    cut: bool = False
    line: int = 1
    title: str = ""
    doc: str = ""


@dataclass(frozen=True)
class Reading:
    """How texts are read.

    Attributes:
        buckets: That words are hashed into.
        words: Most words of a leaf.
        nodes: Most nodes of a graph: the first in the order of the text.
        functions: Whether each function is a graph, else each text.
        docstrings: Whether the documentation within Python functions, classes and modules is a part of them.
        whole: Whether a leaf is one word, as it is written; else the words that it is made of.
    """

    buckets: int = 8192
    words: int = 6
    nodes: int = 2000
    functions: bool = False
    docstrings: bool = True
    whole: bool = False


def parse(code: bytes, language: Language, how: Reading) -> list[Tree]:
    """The tree of a text, or those of its functions: the outermost, and the methods of classes."""
    root = parser(language.name).parse(code).root_node
    if not how.functions:
        return [read_tree(root, code, language, how)]
    trees = []
    for node in _functions(root, language):
        tree = read_tree(node, code, language, how)
        tree.doc = documentation(node, code)
        trees.append(tree)
    return trees


def documentation(function: Any, code: bytes) -> str:
    """The first paragraph of a function's docstring (Python), else of the comment that ends where it begins."""
    body = function.child_by_field_name("body")
    first = next((child for child in body.named_children if child.type != "comment"), None) if body else None
    if first is not None and _is_docstring(first):
        said = _text(first, code).strip("rRuUbB \"'\n")
        return _first_paragraph(said.splitlines())
    before, line, lines = function.prev_sibling, function.start_point[0], list[str]()
    while before is not None and before.type in SILENT and before.end_point[0] >= line - 1:
        lines = [piece.strip().lstrip("/*#! ").removesuffix("*/") for piece in _text(before, code).splitlines()] + lines
        before, line = before.prev_sibling, before.start_point[0]
    return _first_paragraph(lines)


def _first_paragraph(lines: list[str]) -> str:
    found: list[str] = []
    for line in lines:
        if line.strip():
            found.append(line.strip())
        elif found:
            break
    return " ".join(found)


def _functions(root: Any, language: Language) -> Iterator[Any]:
    """In the order of the text; functions within functions belong to these."""
    cursor = root.walk()
    down = True
    while True:
        if down and cursor.node.type in language.functions:
            yield cursor.node
            down = False
        if down and cursor.goto_first_child():
            continue
        if cursor.goto_next_sibling():
            down = True
        elif cursor.goto_parent():
            down = False
        else:
            return


def read_tree(root: Any, code: bytes, language: Language, how: Reading) -> Tree:
    """The named nodes at and below a node of tree-sitter.

    Comments are left out. The text of a leaf, and operators, which become words of the node around them, are hashed.
    """
    tree = Tree(damaged=root.has_error, line=root.start_point[0] + 1)
    title = root.child_by_field_name("name") or root.child_by_field_name("declarator")
    tree.title = "" if title is None else _text(title, code).split("(")[0].strip()[:80]
    spelled: list[str] = []  # of each node the name that it is
    declared, members = set(), set()
    cursor, open_nodes = root.walk(), [0]
    fields = [""]  # of the nodes that are open
    down = True
    while True:
        if down:
            node, parent = cursor.node, open_nodes[-1]
            enters = node.is_named and not (node.type in SILENT or node.is_missing)
            if enters and not how.docstrings and _is_docstring(node):
                enters = False
            if enters:
                if len(tree.kinds) == how.nodes:
                    tree.cut = True
                    break
                where = cursor.field_name or ""
                role = _role(node, where, fields, tree.kinds[parent] if tree.kinds else "", language)
                name = _text(node, code) if role else ""
                spelled.append(f"{'m' if role == 'member' else 'n'}{name}" if role else "")
                if role == "declared" and name not in language.kept and not name.startswith("__"):
                    declared.add(f"n{name}")
                elif role == "member":
                    members.add(f"n{name}")
                tree.parents.append(parent)
                tree.kinds.append(node.type)
                tree.spans.append((node.start_byte, node.end_byte))
                leaf = node.child_count == 0 or (node.child_count == 1 and node.named_child_count == 0)
                tree.tokens.append(_words(_text(node, code), how) if leaf else [])
                if cursor.goto_first_child():
                    open_nodes.append(len(tree.kinds) - 1)
                    fields.append(where)
                    continue
            elif not node.is_named and tree.kinds:
                _add_sign(tree, parent, node.type, cursor.field_name, how)
        if cursor.goto_next_sibling():
            down = True
        elif len(open_nodes) > 1 and cursor.goto_parent():
            open_nodes.pop()
            fields.pop()
            down = False
        else:
            break
    _number_names(tree, spelled, declared - members)
    return tree


def _text(node: Any, code: bytes) -> str:
    return code[node.start_byte : node.end_byte].decode(errors="replace")


def _words(text: str, how: Reading) -> list[int]:
    """The buckets of a leaf's words."""
    if how.whole:
        return [bucket(text.strip(), how.buckets)] if text.strip() else []
    return hashed(text, how.buckets, how.words)


def _add_sign(tree: Tree, parent: int, sign: str, where: str | None, how: Reading) -> None:
    """An operator is a word of the node that it is in; a keyword only where it is an operator (``not``, ``in``)."""
    word = not any(letter.isalnum() for letter in sign) or where in ("operator", "operators", "type", "kind")
    if word and sign not in PUNCTUATION and len(tree.tokens[parent]) < how.words:
        tree.tokens[parent] += hashed(sign, how.buckets, 1)


def _role(node: Any, where: str, fields: list[str], parent: str, language: Language) -> str:
    """``declared``, ``member`` or ``used`` of a name; "" of what is none."""
    if node.type not in NAMES or node.child_count:
        return ""
    if node.type not in RENAMED or where in MEMBER_FIELDS:
        return "member"
    if where == "name" and parent in MEMBER_PARENTS:
        return "member"
    if parent == "expression_list":  # a, b := f()
        where = fields[-1]
        return "declared" if where == "left" else "used"
    known = language.declares.get(parent)
    if known is not None and ("*" in known or where in known):
        return "declared"
    return "member" if language.name == "php" else "used"


def _is_docstring(node: Any) -> bool:
    """Whether it is a Python string that is the first statement of its block."""
    if node.type != "expression_statement" or node.named_child_count != 1 or node.named_child(0).type != "string":
        return False
    block = node.parent
    if block is None or block.type not in ("block", "module"):
        return False
    first = next((child for child in block.named_children if child.type != "comment"), None)
    return first is not None and first.id == node.id


def _number_names(tree: Tree, spelled: list[str], declared: set[str]) -> None:
    """Declared names first, each group in the order of the text."""
    order = dict.fromkeys(name for name in spelled if name in declared)
    tree.own = len(order)
    order |= dict.fromkeys(name for name in spelled if name)
    number = {name: position for position, name in enumerate(order)}
    tree.names = [number[name] if name else -1 for name in spelled]
