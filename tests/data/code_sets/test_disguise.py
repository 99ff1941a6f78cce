"""Programs that are disguised: what each level changes, that the text still parses, and that the draws decide."""

from __future__ import annotations

import pytest

pytest.importorskip("tree_sitter", reason="tree-sitter is not installed: pip install 'graphcl[code]'")

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.code_sets.disguise import LEVELS, disguise
from graphcl.data.code_sets.languages import language_named
from graphcl.data.code_sets.parse import Reading, parse

JAVA = """class A {
  static int f(int n) {
    int a = 1, b;
    for (int i = 0; i < n; i++) { a += i; }
    if (a < n) { b = 2; } else { b = 3; }
    while (a == 1) { a = g(a); }
    return a;
  }
}
"""
CPP = """int main() {
  int a = 1, b[3];
  for (int i = 0; i < a; i++) { cin >> b[i]; }
  if (a < b[0]) x(); else { y(); }
  while (a == 1) { if (b[1] == 2) return 0; x(); }
  printf("%d", a);
  return 0;
}
"""


def done(code: str, language: str, level: int, names: float = 0.0, p: float = 1.0, seed: int = 0) -> str:
    found = disguise(code, language, level, p=p, names=names, generator=generator(seed))
    (tree,) = parse(found.encode(), language_named(language), Reading())
    assert not tree.damaged, found
    return " ".join(found.split())


def test_names_are_changed_at_level_2_and_nothing_else_is() -> None:
    assert done(JAVA, "java", 2) == " ".join(JAVA.split())
    renamed = done(JAVA, "java", 2, names=1.0)
    assert "int a" not in renamed
    assert renamed.count(" = ") == JAVA.count(" = ")


@pytest.mark.parametrize(("code", "language"), [(JAVA, "java"), (CPP, "cpp"), (CPP, "c")])
def test_each_level_does_what_it_says_and_what_is_below_it(code: str, language: str) -> None:
    third, fourth, fifth = (done(code, language, level) for level in (3, 4, 5))
    assert "int a = 1; int b" in third
    assert "for (int i = 0; i <" in third
    assert "void" in fourth.split("int main")[0] if language != "java" else fourth.count("static void") == 2
    assert "while (" in fifth
    assert "for (" not in fifth
    assert "a < " not in fifth
    sixth = {done(code, language, 6, seed=seed) for seed in range(4)}
    assert any("if (!(" in text for text in sixth)
    assert any("== 1) {" in text for text in sixth)


def test_steps_are_written_out_and_comparisons_turned() -> None:
    found = done("int f(int a) { a++; a--; a += a < 2; a = a != 3; return a; }", "c", 5)
    for text in ("a = a + 1;", "a = a - 1;", "a = a + (a < 2);", "3 != a"):
        assert text in found


def test_a_loop_that_returns_is_not_made_a_function_and_one_that_goes_on_keeps_its_for() -> None:
    assert "void" not in done("int f(int n) { while (n) { if (n > 2) return 1; n--; } return 0; }", "c", 4)
    kept = done("int f(int n) { for (;;) { if (n) continue; break; } return 0; }", "c", 5)
    assert "for (;;)" in kept


def test_probability_0_changes_nothing_and_equal_draws_change_alike() -> None:
    for level in LEVELS:
        assert done(CPP, "cpp", level, p=0.0) == " ".join(CPP.split())
        assert done(CPP, "cpp", level, names=0.5, p=0.5, seed=3) == done(CPP, "cpp", level, names=0.5, p=0.5, seed=3)
    assert len({done(CPP, "cpp", 6, names=0.5, p=0.5, seed=seed) for seed in range(5)}) == 5


def test_texts_that_are_empty_or_broken_are_no_error() -> None:
    for text in ("", "int", "for (", "}}}} while (", "if (a) else", "é = 1;"):
        disguise(text, "cpp", 6, p=1.0, names=1.0, generator=generator(0))


def test_other_languages_and_levels_are_refused() -> None:
    for language, level in (("python", 3), ("cpp", 1), ("cpp", 7)):
        with pytest.raises(UserError, match="language is one of c, cpp, java and level one of 2 to 6"):
            disguise("x", language, level, generator=generator(0))
