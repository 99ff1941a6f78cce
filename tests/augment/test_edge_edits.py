"""Edits of links: what is drawn, what becomes of it, equal sizes, and both directions of everything."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data

from graphcl.augment.edge_edits import Edit, EditPlan, Proposals, apply_edit
from graphcl.core.seeds import generator
from graphcl.graph.link_candidates import pair_numbers, undirected_pairs

from .graphs import undirected

NODES = 30


def numbers(*pairs: tuple[int, int]) -> Tensor:
    return pair_numbers(torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).t(), NODES)


def proposals(rows: dict[tuple[int, int], bool]) -> Proposals:
    """(owner, other) -> approved."""
    owner = torch.tensor([one for one, _ in rows], dtype=torch.int64)
    return Proposals.of(owner, numbers(*rows), torch.tensor(list(rows.values()), dtype=torch.bool))


def star(approved_links: int = 4, approved_strangers: int = 6) -> EditPlan:
    """Node 0 has eight neighbours and ten similar strangers, the first of each approved."""
    links = {(0, other): other <= approved_links for other in range(1, 9)}
    strangers = {(0, other): other < 10 + approved_strangers for other in range(10, 20)}
    degree = torch.zeros(NODES, dtype=torch.int64)
    degree[0], degree[1:9] = 8, 1
    return EditPlan(NODES, proposals(links), proposals(strangers), degree, numbers(*links), numbers((0, 25)))


def test_each_node_draws_a_share_of_its_links_and_never_more_than_ten() -> None:
    rows = {(0, other): True for other in range(1, 20)} | {(20, other): True for other in range(21, 24)}
    degree = torch.zeros(NODES, dtype=torch.int64)
    degree[0], degree[20] = 40, 3
    drawn = proposals(rows).drawn(0.5, degree, generator(0))
    assert (int(drawn[:19].sum()), int(drawn[19:].sum())) == (10, 2)  # min(10, 20), round(1.5)


def test_candidates_are_drawn_anew_and_all_come_in_their_turn() -> None:
    """The published code takes the same first candidates at every step."""
    plan = star(approved_strangers=10)
    edits = [plan.draw(0.5, 0.5, keep_undrawn=False, generator=generator(step)) for step in range(60)]
    assert {len(edit.added) for edit in edits} == {4}
    counts = torch.bincount(torch.cat([edit.added for edit in edits]), minlength=NODES)[10:20]
    assert int(counts.min()) >= 10  # 24 of 60 are expected of each; ten is 3.7 standard deviations below
    assert len({tuple(edit.added.tolist()) for edit in edits}) > 30


def test_removal_and_addition_have_shares_of_their_own() -> None:
    plan = star()
    none = plan.draw(0.5, 0.0, keep_undrawn=True, generator=generator(0))
    assert len(none.removed) > 0
    assert len(none.added) == 0
    other = plan.draw(0.0, 1.0, keep_undrawn=True, generator=generator(0))
    assert len(other.removed) == 0
    assert len(other.added) > 0


def test_drawn_and_approved_links_stay_the_other_candidates_go() -> None:
    plan = star(approved_links=4)
    edit = plan.draw(1.0, 1.0, keep_undrawn=False, generator=generator(0))
    assert edit.removed.tolist() == numbers(*((0, other) for other in range(5, 9))).tolist()
    assert set(edit.added.tolist()) <= set(numbers(*((0, other) for other in range(10, 16))).tolist())
    half = plan.draw(0.5, 0.0, keep_undrawn=False, generator=generator(1))
    stay = set(plan.links.tolist()) - set(half.removed.tolist())
    assert len(stay) <= 4
    assert stay <= set(numbers(*((0, other) for other in range(1, 5))).tolist())
    kept = plan.draw(0.5, 0.0, keep_undrawn=True, generator=generator(1))
    assert set(kept.removed.tolist()) <= set(numbers(*((0, other) for other in range(5, 9))).tolist())


def test_a_pair_that_both_ends_propose_is_drawn_for_either_and_counted_once() -> None:
    both = proposals({(0, 1): True, (1, 0): True})
    degree = torch.zeros(NODES, dtype=torch.int64)
    degree[0] = 2  # only node 0 draws
    nothing = proposals({})
    plan = EditPlan(NODES, nothing, both, degree, numbers(), numbers())
    assert plan.draw(0.5, 0.5, keep_undrawn=False, generator=generator(0)).added.tolist() == numbers((0, 1)).tolist()
    plan = EditPlan(NODES, both, nothing, degree, numbers((0, 1)), numbers())
    assert plan.draw(0.5, 0.5, keep_undrawn=False, generator=generator(0)).removed.tolist() == []


def test_controls_have_the_size_of_the_edit_and_other_pairs() -> None:
    plan = star()
    edit = plan.draw(0.5, 0.5, keep_undrawn=False, generator=generator(0))
    for seed in range(20):
        unconfirmed = plan.unconfirmed(edit, generator=generator(seed))
        anywhere = plan.anywhere(edit, generator=generator(seed))
        for control in (unconfirmed, anywhere):
            assert len(control.removed.unique()) == len(edit.removed)
            assert len(control.added.unique()) == len(edit.added)
            assert set(control.removed.tolist()) <= set(plan.links.tolist())
            assert not set(control.added.tolist()) & set(torch.cat([plan.links, plan.never]).tolist())
        assert set(unconfirmed.added.tolist()) <= set(plan.add.pair.tolist())
    assert set(anywhere.added.tolist()) - set(plan.add.pair.tolist())


def rows(graph: Data) -> list[tuple[float, ...]]:
    columns = [graph.edge_index.t().double(), graph.edge_weight[:, None].double(), graph.edge_attr.double()]
    return sorted(map(tuple, torch.cat(columns, dim=1).tolist()))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 99), gone=st.integers(0, 40), come=st.integers(0, 60))
def test_both_directions_are_edited_loops_stay_and_nothing_comes_twice(seed: int, gone: int, come: int) -> None:
    graph = undirected(NODES, 60, seed)
    loops = torch.tensor([[3, 7], [3, 7]])
    graph.edge_index = torch.cat([graph.edge_index, loops], dim=1)
    graph.edge_weight = torch.cat([graph.edge_weight, torch.tensor([-1.0, -2.0])])
    graph.edge_attr = torch.cat([graph.edge_attr, torch.zeros(2, 2, dtype=graph.edge_attr.dtype)])
    links = pair_numbers(undirected_pairs(graph.edge_index, NODES), NODES)
    every = torch.combinations(torch.arange(NODES)).t()
    strangers = pair_numbers(every, NODES)
    strangers = strangers[~torch.isin(strangers, links)]
    draw = generator(seed)
    removed = links[torch.randperm(len(links), generator=draw)[:gone]]
    # one that is there already shall not come twice
    added = torch.cat([strangers[torch.randperm(len(strangers), generator=draw)[:come]], links[:1]]).unique()
    result = apply_edit(graph, Edit(removed[removed != links[0]], added), generator=draw)
    found = pair_numbers(undirected_pairs(result.edge_index, NODES), NODES)
    wanted = set(links.tolist()) - set(removed[removed != links[0]].tolist()) | set(added.tolist())
    assert set(found.tolist()) == wanted
    assert result.num_edges == 2 * len(wanted) + 2
    assert rows(result) == sorted((b, a, *rest) for a, b, *rest in rows(result))
    assert int((result.edge_index[0] == result.edge_index[1]).sum()) == 2
    old = result.edge_orig_id >= 0
    assert torch.equal(graph.edge_index[:, result.edge_orig_id[old]], result.edge_index[:, old])
    assert torch.equal(graph.edge_weight[result.edge_orig_id[old]], result.edge_weight[old])


def test_to_a_graph_without_edges_none_is_added() -> None:
    graph = Data(x=torch.ones(NODES, 1), edge_index=torch.empty(2, 0, dtype=torch.int64), num_nodes=NODES)
    assert apply_edit(graph, Edit(numbers(), numbers((0, 1))), generator=generator(0)).num_edges == 0
