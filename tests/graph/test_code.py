"""Edges of syntax trees against those worked by hand."""

from __future__ import annotations

import torch

from graphcl.graph.code import CodeLayout, code_edges

#: Two programs: 0 -> (1 -> (2, 3), 4) and 5 -> 6; the names of 2, 4 are one, so are those of 3 (another) and 6's alone.
PARENT, BATCH = torch.tensor([0, 0, 1, 1, 0, 5, 5]), torch.tensor([0, 0, 0, 0, 0, 1, 1])
NAME = torch.tensor([-1, -1, 0, 1, 0, -1, 0])


def pairs(kind: int, **options: object) -> list[list[int]]:
    edges, kinds = code_edges(PARENT, NAME, BATCH, **options)  # type: ignore[arg-type]
    return sorted(edges[:, kinds == kind].T.tolist())


def test_edges_by_hand() -> None:
    assert pairs(0) == [[0, 1], [0, 4], [1, 2], [1, 3], [5, 6]]
    assert pairs(1) == [[1, 4], [2, 3]]
    assert pairs(2) == [[2, 4]]
    for kind in range(3):
        assert pairs(kind + 3) == sorted([b, a] for a, b in pairs(kind))


def test_only_the_kinds_asked_for_and_sorted_by_source() -> None:
    assert pairs(0, which=["sibling"]) == []
    assert pairs(1, which=["sibling"]) == pairs(1)
    edges, _ = code_edges(PARENT, NAME, BATCH)
    assert edges[0].tolist() == sorted(edges[0].tolist())


def test_a_program_of_one_node_has_no_edge() -> None:
    edges, kinds = code_edges(torch.tensor([0]), torch.tensor([-1]), torch.tensor([0]))
    assert edges.shape == (2, 0)
    assert kinds.shape == (0,)


def test_flags_of_kinds() -> None:
    layout = CodeLayout(("?", "if_statement", "compound_statement", "declaration", "return_statement", "call"), 8, 2)
    assert layout.flags("statement").tolist() == [False, True, False, True, True, False]
    assert layout.flags("jump").tolist() == [False, False, False, False, True, False]
    assert layout.flags("call").tolist() == [False, False, False, False, False, True]
