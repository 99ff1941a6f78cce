"""Renamed programs: all uses of a name at once, and nothing else of the text."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("tree_sitter", reason="tree-sitter is not installed: pip install 'graphcl[code]'")

from graphcl.core.seeds import generator
from graphcl.data.code_sets.languages import language_named
from graphcl.data.code_sets.parse import Reading, parse
from graphcl.data.code_sets.rename import rename_variables

CODE = 'int main() { int n = 2, sum = n; // n\n  printf("n %d", n + sum); s.n = sum; return 0; }'


def test_all_uses_of_a_name_change_and_members_strings_and_comments_do_not() -> None:
    new = rename_variables(CODE, "cpp", 9, generator=generator(0))
    match = re.fullmatch(
        r'int main\(\) \{ int n = 2, (\w+) = n; // n\n  printf\("n %d", n \+ \1\); s\.n = \1; return 0; \}', new
    )
    assert match  # n is a member too, so that it stays
    assert match[1] != "sum"


def test_the_tree_is_the_same_but_for_the_words() -> None:
    code = "def f(a, b):\n    größe = a + b\n    return größe + a\n"
    new = rename_variables(code, "python", 2, generator=generator(1))
    (before,), (after,) = (parse(text.encode(), language_named("python"), Reading()) for text in (code, new))
    assert (after.kinds, after.parents, after.names, after.own) == (before.kinds, before.parents, before.names, 4)
    differ = {name for name, one, other in zip(before.names, before.tokens, after.tokens, strict=True) if one != other}
    assert len(differ) == 2


def test_none_and_seeds() -> None:
    assert rename_variables(CODE, "cpp", 0, generator=generator(0)) == CODE
    assert rename_variables("", "cpp", 4, generator=generator(0)) == ""
    one, again, other = (rename_variables(CODE, "cpp", 1, generator=generator(seed)) for seed in (0, 0, 1))
    assert one == again != other
