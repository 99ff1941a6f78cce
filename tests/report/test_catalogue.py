from __future__ import annotations

import pytest

from graphcl.core import registry
from graphcl.report import catalogue


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_part_has_a_whole_sentence_without_markup(kind: str) -> None:
    for name, part in registry.index()[kind].items():
        said = catalogue.summary(part["doc"])
        assert said.endswith("."), f"{kind} {name}: {said}"
        assert not any(mark in said for mark in (":`", "``", "\n")), f"{kind} {name}: {said}"
        assert said.count("(") == said.count(")"), f"{kind} {name} is cut: {said}"
        assert said.count("`") % 2 == 0, f"{kind} {name} is cut: {said}"


@pytest.mark.parametrize(
    ("doc", "said"),
    [
        ("One. Two.", "One."),
        ("One,\nstill one.\n\nTwo.", "One, still one."),
        ("After ``a``. `b` is another.", "After `a`."),
        ("By Kipf (eq. 2; Wu et al. AAAI 2019), a graph. More.", "By Kipf (eq. 2; Wu et al. AAAI 2019), a graph."),
        ("Widths f -> ... -> dim. More.", "Widths f -> ... -> dim."),
        ("The protocol of Sun et al. (ICLR 2020). More.", "The protocol of Sun et al. (ICLR 2020)."),
        ("As :func:`~graphcl.a.b` does. More.", "As graphcl.a.b does."),
        ("Drops; see :class:`Drop`. More.", "Drops."),
    ],
)
def test_the_first_sentence_ends_where_it_ends(doc: str, said: str) -> None:
    assert catalogue.summary(doc) == said


def test_a_list_shows_the_summaries() -> None:
    entries = {entry["name"]: entry for entry in catalogue.entries("towers")}
    assert entries["gcn"]["summary"].endswith("eq. 2), an activation after every layer.")
    column = catalogue.table("towers", list(entries.values())).columns[1]
    assert list(column.cells) == [entry["summary"] for entry in entries.values()]


def test_every_recipe_names_its_paper() -> None:
    assert [entry["name"] for entry in catalogue.recipes() if not (entry["title"] and entry["paper"])] == []
