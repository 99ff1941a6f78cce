"""Augmenters of programs against programs changed by hand, and what must hold of any."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch, Data

pytest.importorskip("tree_sitter", reason="tree-sitter is not installed: pip install 'graphcl[code]'")

from graphcl.augment import (
    change_forms,
    drop_edges,
    drop_subtrees,
    hide_words,
    insert_statements,
    rename_names,
    swap_statements,
)
from graphcl.augment.code_trees import independent_pairs
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.code_sets.forest import Forest
from graphcl.data.code_sets.languages import language_named
from graphcl.data.code_sets.packed import PackedCode
from graphcl.data.code_sets.parse import Reading, parse
from graphcl.data.code_sets.subtokens import bucket
from graphcl.graph.code import EDGE_KINDS, code_edges

C = [
    "int main() { int alpha = 1; int beta = alpha; return beta + alpha; }",
    "int f(int gammaDelta) { g(gammaDelta); h(2); k = 3; m = 4; while (k) { k = k - 1; break; } return k; }",
]


def programs(codes: list[str], language: str = "c") -> Batch:
    trees = [(n, parse(code.encode(), language_named(language), Reading())[0]) for n, code in enumerate(codes)]
    return PackedCode.of(Forest.of(trees, {}), 8192, 6, EDGE_KINDS).batch()


def statements(graph: Data) -> list[list[int]]:
    """The words of each statement of the outermost blocks, in the order of the edges between siblings."""
    follows = dict(graph.edge_index[:, graph.edge_kind == 1].T.tolist())
    found = []
    for block in (graph.kind == graph.code.kinds.index("compound_statement")).nonzero().view(-1).tolist():
        inside = (graph.parent_index == block).nonzero().view(-1).tolist()
        firsts = [node for node in inside if node not in follows.values()]
        assert len(firsts) == min(len(inside), 1)
        node = firsts[0] if firsts else None
        while node is not None:
            below = {node}
            for child in range(node + 1, graph.num_nodes):
                if int(graph.parent_index[child]) in below:
                    below.add(child)
            found.append([int(word) for one in sorted(below) for word in graph.words[one].tolist() if word])
            node = follows.get(node)
    return found


def words(*texts: str) -> list[int]:
    return [bucket(text, 8192) for text in texts]


def test_renaming_is_the_same_throughout_a_program_and_touches_nothing_else() -> None:
    graph = programs(C)
    changed = rename_names(graph, 1.0, generator=generator(3))
    own, was, now = graph.own, graph.words, changed.words
    assert torch.equal(now[~own], was[~own])
    assert not torch.equal(now[own], was[own])
    assert torch.equal((now > 0), (was > 0))
    assert set(now[own][now[own] > 0].tolist()) <= set(was[own][was[own] > 0].tolist())
    for program in range(2):
        for name in graph.name[own & (graph.batch == program)].unique().tolist():
            here = own & (graph.batch == program) & (graph.name == name)
            assert len(now[here].unique(dim=0)) == 1
    for name in ("kind", "edge_index", "edge_kind", "name", "parent_index"):
        assert torch.equal(changed[name], graph[name])


def test_the_share_of_renamed_names() -> None:
    graph = programs([f"int f(int name{n}) {{ return 1; }}" for n in range(400)])
    changed = rename_names(graph, 0.3, generator=generator(0))
    share = float((changed.words != graph.words).any(1)[graph.own].float().mean())
    assert 0.2 < share < 0.4


def test_hidden_leaves_show_their_kind_or_nothing() -> None:
    graph = programs(C)
    leaf = (graph.words > 0).any(1)
    kind = hide_words(graph, 1.0, generator=generator(0))
    assert not kind.words.any()
    assert torch.equal(kind.kind, graph.kind)
    nothing = hide_words(graph, 1.0, shows="nothing", generator=generator(0))
    assert torch.equal(nothing.kind == 0, leaf)
    some = hide_words(graph, 0.5, generator=generator(0))
    assert 0 < int((some.words > 0).any(1).sum()) < int(leaf.sum())


def test_leaves_of_one_kind_are_hidden_in_each_program() -> None:
    graph = programs(C * 20)
    hidden = hide_words(graph, 1.0, of="one_kind", generator=generator(0))
    gone = (hidden.words != graph.words).any(1)
    chosen = set()
    for program in range(40):
        kinds = graph.kind[gone & (graph.batch == program)].unique().tolist()
        assert len(kinds) == 1
        here = (graph.batch == program) & (graph.words > 0).any(1) & (graph.kind == kinds[0])
        assert torch.equal(gone & (graph.batch == program), here)
        chosen |= set(kinds)
    assert len(chosen) > 2


def test_statements_go_with_all_below_them() -> None:
    graph = programs(C)
    none = drop_subtrees(graph, 1.0, generator=generator(0))
    left = [graph.code.kinds[kind] for kind in graph.kind[none.kept_nodes].tolist()]
    assert left == ["translation_unit", "function_definition", "primitive_type", "function_declarator", "identifier",
                    "parameter_list", "compound_statement", "translation_unit", "function_definition",
                    "primitive_type", "function_declarator", "identifier", "parameter_list", "parameter_declaration",
                    "primitive_type", "identifier", "compound_statement"]  # fmt: skip
    assert bool(none.kept_nodes[none.edge_index].all())
    some = drop_subtrees(graph, 0.3, of="nodes", generator=generator(1))
    assert bool((~some.kept_nodes).any())
    assert bool((some.kept_nodes <= some.kept_nodes[graph.parent_index]).all())
    assert bool(some.kept_nodes[[0, int(graph.ptr[1])]].all())


def test_which_statements_are_independent() -> None:
    graph = programs(C)
    first, second = independent_pairs(graph)
    shown = statements(graph)
    assert shown[0] == words("int", "alpha", "1")
    found = {tuple(pair) for pair in graph.kind[torch.stack([first, second], dim=1)].tolist()}
    assert len(first) == 2  # h(2), k = 3 and k = 3, m = 4; calls, shared names, break and return stand still
    assert found == {(graph.code.kinds.index("expression_statement"),) * 2}


def test_swapped_statements_by_hand() -> None:
    graph = programs(["void f() { a = 1; b = 2; c = a; d = 4; }"])
    one, two, three, four = (words(n, v) for n, v in (("a", "1"), ("b", "2"), ("c", "a"), ("d", "4")))
    assert statements(graph) == [one, two, three, four]
    swapped = swap_statements(graph, 1.0, generator=generator(0))
    assert statements(swapped) == [two, one, three, four]  # of overlapping pairs the first
    seen = {tuple(map(tuple, statements(swap_statements(graph, 0.5, generator=generator(s))))) for s in range(40)}
    orders = [[one, two, three, four], [two, one, three, four], [one, three, two, four], [one, two, four, three],
              [two, one, four, three]]  # fmt: skip
    assert seen == {tuple(map(tuple, order)) for order in orders}
    for name in ("kind", "words", "parent_index", "edge_kind"):
        assert torch.equal(swapped[name], graph[name])


def test_inserted_statements_are_copies_with_names_of_their_own() -> None:
    flat = ["int main() { int alpha = 1; int beta = alpha; }", "void f(int g) { h(2); k = 3; return 7; }"]
    graph = programs(flat)
    more = insert_statements(graph, 1.0, generator=generator(0))
    before, after = statements(graph), statements(more)
    assert after[::2] == before
    assert all(one in before and one != words("7") for one in after[1::2])
    assert len({tuple(one) for one in after[1::2]}) > 1
    fresh = set(more.name.tolist()) - set(graph.name.tolist())
    old = more.name[(more.name >= 0) & ~torch.isin(more.name, torch.tensor(sorted(fresh)))]
    assert old.tolist() == graph.name[graph.name >= 0].tolist()
    assert fresh
    assert [one.num_nodes for one in more.to_data_list()] == more.ptr.diff().tolist()


def test_the_edges_after_inserting_are_those_of_the_new_tree() -> None:
    for seed in range(5):
        more = insert_statements(programs(C), 0.5, generator=generator(seed))
        edges, kinds = code_edges(more.parent_index, more.name, more.batch)
        expected = sorted(zip(kinds.tolist(), *edges.tolist(), strict=True))
        assert sorted(zip(more.edge_kind.tolist(), *more.edge_index.tolist(), strict=True)) == expected
        assert bool((more.batch[more.parent_index] == more.batch).all())


def test_inserting_after_swapping_keeps_the_order() -> None:
    graph = programs(["void f() { a = 1; b = 2; c = a; }"])
    swapped = swap_statements(graph, 1.0, generator=generator(0))
    shown = statements(insert_statements(swapped, 1.0, generator=generator(0)))
    assert shown[::2] == statements(swapped)
    with pytest.raises(UserError, match="put it before"):
        insert_statements(drop_subtrees(graph, 0.0, generator=generator(0)), 1.0, generator=generator(0))


def test_nothing_is_changed_with_p_0_and_one_program_is_enough() -> None:
    for change in (rename_names, hide_words, drop_subtrees, swap_statements, insert_statements):
        for graph in (programs(C), programs(C)[0]):
            graph.code = programs(C).code
            same = change(graph, 0.0, generator=generator(0))
            assert all(torch.equal(same[n], graph[n]) for n in ("kind", "words", "name", "edge_index", "edge_kind"))
            changed = change(graph, 1.0, generator=generator(0))
            assert type(changed) is type(graph)
    small = programs(["", "x"])
    for change in (rename_names, hide_words, drop_subtrees, swap_statements, insert_statements):
        assert change(small, 1.0, generator=generator(0)).num_graphs == 2


def test_other_graphs_are_refused() -> None:
    plain = Data(x=torch.ones(2, 1), edge_index=torch.tensor([[0], [1]]))
    for change in (rename_names, hide_words, drop_subtrees, swap_statements, insert_statements):
        with pytest.raises(UserError, match="this needs graphs of programs"):
            change(plain, 0.5, generator=generator(0))


def test_augmenters_of_edges_work_on_programs() -> None:
    graph = programs(C)
    dropped = drop_edges(graph, 0.5, generator=generator(0))
    assert dropped.edge_kind.shape[0] == dropped.edge_index.shape[1] < graph.edge_index.shape[1]
    assert dropped.words.shape == graph.words.shape


def test_forms_change_within_their_group_and_nothing_else_does() -> None:
    body = "while (n) { for (;;) { if (n < 2) { n++; } } do { n += 1; } while (n != 3); }"
    graph = programs([f"int f(int n) {{ {body} }}"] * 60)
    changed = change_forms(graph, 1.0, generator=generator(0))
    kinds = graph.code.kinds
    loops = [kinds.index(f"{loop}_statement") for loop in ("for", "while", "do")]
    was, now = graph.kind, changed.kind
    loop = torch.isin(was, torch.tensor(loops, dtype=was.dtype))
    assert set(now[loop].tolist()) == set(loops)
    assert float((now[loop] != was[loop]).float().mean()) == pytest.approx(2 / 3, abs=0.12)
    steps = [kinds.index("update_expression"), kinds.index("assignment_expression")]
    step = torch.isin(was, torch.tensor(steps, dtype=was.dtype))
    assert torch.equal(now[~(loop | step)], was[~(loop | step)])
    less = graph.words == words("<")[0]
    assert set(changed.words[less].tolist()) <= set(words("<", ">", "<=", ">=", "==", "!=", "!", "not"))
    named = torch.isin(graph.words, torch.tensor(words("f", "n", "int", "1", "2", "3"), dtype=torch.int32))
    assert torch.equal(changed.words[named], graph.words[named])
    assert torch.equal(changed.edge_index, graph.edge_index)
    none = change_forms(graph, 0.0, generator=generator(0))
    assert torch.equal(none.kind, was)
    assert torch.equal(none.words, graph.words)
