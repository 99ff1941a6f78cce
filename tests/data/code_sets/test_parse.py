"""Trees against trees worked by hand, in each language."""

from __future__ import annotations

import pytest

pytest.importorskip("tree_sitter", reason="tree-sitter is not installed: pip install 'graphcl[code]'")

from graphcl.core.errors import UserError
from graphcl.data.code_sets.languages import LANGUAGES, language_named
from graphcl.data.code_sets.parse import Reading, Tree, parse
from graphcl.data.code_sets.subtokens import bucket, hashed, subtokens

#: Language -> a text, the names that it declares, and others that it uses.
PROGRAMS = {
    "c": ("int twice(int n) { int *p = &n; return 2 * *p + abs(n); }", {"twice", "n", "p"}, {"abs"}),
    "cpp": ("int main() { string s; for (int i = 0; i < k; i++) cin >> s; p->i = 1; }", {"s"}, {"main", "cin", "k"}),
    "go": ("package m\nfunc f(a int) int { b, c := a, g(); return b + c }", {"f", "a", "b", "c"}, {"g"}),
    "java": ("class A { int n; int f(int a) { int b = this.n + a; return g(b); } }", {"a", "b"}, {"n", "f", "g", "A"}),
    "javascript": ("function f(a) { const b = a.size; return (t) => t + b; }", {"f", "a", "b", "t"}, {"size"}),
    "php": ("<?php function f($a) { $b = $a; return $this->c($b); }", {"a", "b"}, {"f", "this", "c"}),
    "python": ("def f(self, a):\n    x, y = a\n    return g(x, end=y).x", {"f", "a", "y"}, {"self", "g", "end", "x"}),
    "ruby": ("def f(a)\n  b = a + 1\n  b.each { |x| puts x }\nend", {"a", "b", "x"}, {"f", "each", "puts"}),
}  # fmt: skip


def tree_of(code: str, language: str, **how: object) -> Tree:
    (tree,) = parse(code.encode(), language_named(language), Reading(**how))  # type: ignore[arg-type]
    return tree


def names_of(tree: Tree, code: str) -> tuple[set[str], set[str]]:
    """(declared, others) by their text."""
    found = (set[str](), set[str]())
    for name, (start, stop) in zip(tree.names, tree.spans, strict=True):
        if name >= 0:
            found[name >= tree.own].add(code.encode()[start:stop].decode())
    return found


def test_a_tree_by_hand() -> None:
    tree = tree_of("a = b + a", "python")
    assert tree.kinds == ["module", "expression_statement", "assignment", "identifier", "binary_operator",
                          "identifier", "identifier"]  # fmt: skip
    assert tree.parents == [0, 0, 1, 2, 2, 4, 4]
    assert tree.names == [-1, -1, -1, 0, -1, 1, 0]
    assert tree.own == 1
    assert tree.tokens == [[], [], [], [bucket("a", 8192)], [bucket("+", 8192)], [bucket("b", 8192)],
                           [bucket("a", 8192)]]  # fmt: skip
    assert not tree.damaged
    assert not tree.cut


@pytest.mark.parametrize("language", PROGRAMS)
def test_which_names_a_program_declares(language: str) -> None:
    code, declared, others = PROGRAMS[language]
    tree = tree_of(code, language)
    own, rest = names_of(tree, code)
    assert own == declared
    assert others <= rest
    assert not tree.damaged


def test_every_language_has_a_program_here() -> None:
    assert set(PROGRAMS) == {known.name for known in LANGUAGES}


def test_comments_are_no_nodes_and_docstrings_if_asked() -> None:
    code = '# said\ndef f():\n    """Reads."""\n    return 1\n'
    words = {number for tokens in tree_of(code, "python").tokens for number in tokens}
    assert bucket("reads", 8192) in words
    assert bucket("said", 8192) not in words
    bare = {number for tokens in tree_of(code, "python", docstrings=False).tokens for number in tokens}
    assert bucket("reads", 8192) not in bare
    assert bucket("1", 8192) in bare


def test_functions_apart() -> None:
    code = "x = 1\nclass A:\n    def f(self):\n        def g(): pass\n        return g\n\ndef h(a): return a\n"
    trees = parse(code.encode(), language_named("python"), Reading(functions=True))
    assert [(tree.title, tree.line) for tree in trees] == [("f", 3), ("h", 7)]
    assert all(tree.kinds[0] == "function_definition" and tree.parents[0] == 0 for tree in trees)


def test_deep_nesting_needs_no_recursion() -> None:
    depth = 50_000
    tree = tree_of("x = " + "(" * depth + "1" + ")" * depth, "python", nodes=10**6)
    assert len(tree.kinds) > depth
    assert tree.parents[-1] == len(tree.kinds) - 2


def test_a_broken_text_gives_what_could_be_read() -> None:
    tree = tree_of("int main() { int good = 1; if (x { y", "cpp")
    assert tree.damaged
    assert "good" in names_of(tree, "int main() { int good = 1; if (x { y")[0]


def test_a_long_text_is_cut_to_a_tree() -> None:
    tree = tree_of("a = 1\n" * 100, "python", nodes=12)
    assert tree.cut
    assert len(tree.kinds) == 12
    assert all(parent < max(node, 1) for node, parent in enumerate(tree.parents))


def test_words_of_names() -> None:
    assert subtokens("parseHTTPHeader2_now") == ["parse", "http", "header", "2", "now"]
    assert subtokens("größeA <<= 10") == ["größe", "a", "<<=", "10"]
    assert hashed("a b c", 100, 2) == [bucket("a", 100), bucket("b", 100)]
    assert all(1 <= bucket(str(number), 7) <= 6 for number in range(100))


def test_a_leaf_may_be_one_word_as_it_is_written() -> None:
    code = 'int f() { return readFile("a Big b") + 1; }'
    whole = {word for words in tree_of(code, "c", whole=True).tokens for word in words}
    assert whole == {bucket(word, 8192) for word in ("int", "f", "readFile", "a Big b", "+", "1")}
    assert bucket("read", 8192) in {word for words in tree_of(code, "c").tokens for word in words}


def test_an_unknown_language() -> None:
    with pytest.raises(UserError, match="unknown language 'pyton'; nearest: 'python'"):
        language_named("pyton")
