from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.objective.base import Rows, reduce_groups
from graphcl.objective.kernels import contrast
from graphcl.objective.terms.info_nce import InfoNCE

from ..fake_flow import FakeFlow, picked, random, unit


def loss(term: InfoNCE, flow: FakeFlow) -> Tensor:
    return reduce_groups(term(flow), term.reduce)


def assert_same(found: Tensor, expected: Tensor, leaves: list[Tensor], tolerance: float = 1e-9) -> None:
    """Equal values and equal gradients."""
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    for x, y in zip(torch.autograd.grad(found, leaves), torch.autograd.grad(expected, leaves), strict=True):
        torch.testing.assert_close(x, y, rtol=tolerance, atol=tolerance)


class TestPapers:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_lightgcl_released_loss(self, dtype: torch.dtype) -> None:
        """mean log(sum exp(G E^T / t) + 1e-8) over users and items with duplicates, minus the clamped positives."""
        users, pos, neg, t = [3, 0, 3, 5, 3, 1], [2, 2, 0, 4, 2, 1], [1, 6, 6, 3, 1, 5], 0.2
        g_u, e_u, g_i, e_i = (random(n, 4, seed).detach().to(dtype).requires_grad_() for n, seed in
                              ((6, 0), (6, 1), (7, 2), (7, 3)))  # fmt: skip
        term = InfoNCE(
            ["svd.nodes[*][users]", "svd.nodes[*][more]"], "graph.nodes[*]", temperature=t, similarity="dot",
            clamp=5.0, each=["user", "item"], reduce="mean_per_group",
        )  # fmt: skip
        flow = FakeFlow({
            "svd.nodes[user][users]": picked(g_u, users[:2]), "svd.nodes[user][more]": picked(g_u, users[2:]),
            "svd.nodes[item][users]": picked(g_i, pos), "svd.nodes[item][more]": picked(g_i, neg),
            "graph.nodes[user]": Rows(e_u, None, torch.arange(6)), "graph.nodes[item]": Rows(e_i),
        })  # fmt: skip
        items = pos + neg
        negatives = torch.log(torch.exp(g_u[users] @ e_u.t() / t).sum(1) + 1e-8).mean()
        negatives = negatives + torch.log(torch.exp(g_i[items] @ e_i.t() / t).sum(1) + 1e-8).mean()
        positives = torch.clamp((g_u[users] * e_u[users]).sum(1) / t, -5.0, 5.0).mean()
        positives = positives + torch.clamp((g_i[items] * e_i[items]).sum(1) / t, -5.0, 5.0).mean()
        assert ((g_u[users] * e_u[users]).sum(1) / t).abs().max() > 5  # the clamp is at work
        assert_same(loss(term, flow), negatives - positives, [g_u, e_u, g_i, e_i], 1e-5)

    def test_grace(self) -> None:
        """Zhu et al. 2020, Eq. 1 and 2: inter- and intra-view negatives, both directions averaged."""
        h1, h2, t = random(5, 3, 0), random(5, 3, 1), 0.5
        term = InfoNCE("a.proj", "b.proj", temperature=t, symmetric=True, intra=True)
        ids = torch.arange(5)
        flow = FakeFlow({"a.proj": Rows(h1, None, ids), "b.proj": Rows(h2, None, ids)})

        def direction(x: Tensor, y: Tensor, i: int) -> Tensor:
            def f(p: Tensor, q: Tensor) -> Tensor:
                return torch.exp(unit(p) @ unit(q) / t)

            inter = sum(f(x[i], y[k]) for k in range(5))
            intra = sum(f(x[i], x[k]) for k in range(5) if k != i)
            return -torch.log(f(x[i], y[i]) / (inter + intra))

        expected = sum((direction(h1, h2, i) + direction(h2, h1, i)) / 2 for i in range(5)) / 5
        assert_same(loss(term, flow), torch.as_tensor(expected), [h1, h2])

    def test_anchor_batches_against_all_nodes_add_up_to_the_whole_loss(self) -> None:
        """Weighed by their sizes, values and gradients of a partition's batches are those of all anchors."""
        h1, h2, order = random(7, 3, 0), random(7, 3, 1), torch.tensor([3, 6, 0, 2, 5, 1, 4])
        whole = {"a.proj": Rows(h1, None, torch.arange(7)), "b.proj": Rows(h2, None, torch.arange(7))}
        full = loss(InfoNCE("a.proj", "b.proj", temperature=0.5, symmetric=True, intra=True), FakeFlow(whole))
        term = InfoNCE("a.proj[batch]", "b.proj", own_view="a.proj", temperature=0.5, symmetric=True, intra=True)
        batched = sum(
            loss(term, FakeFlow({**whole, "a.proj[batch]": picked(h1, ids.tolist())})) * len(ids) / 7
            for ids in order.split(3)
        )
        assert_same(torch.as_tensor(batched), full, [h1, h2])

    def test_an_anchor_that_its_own_view_lacks_is_left_out(self) -> None:
        h1, h2 = random(4, 3, 0), random(4, 3, 1)
        term = InfoNCE("a.proj[batch]", "b.proj", own_view="a.proj[other]", symmetric=True, intra=True)
        flow = FakeFlow({
            "a.proj[batch]": picked(h1, [0, 3]), "a.proj[other]": picked(h1, [1, 3]),
            "b.proj": Rows(h2, None, torch.arange(4)),
        })  # fmt: skip
        (group,) = term(flow)
        assert group.left_out == 1
        assert group.ids is not None
        assert group.ids.tolist() == [3]

    def test_simgcl(self) -> None:
        """Unique users of the batch, cosine, in-batch negatives."""
        z1, z2, t, unique = random(9, 3, 0), random(9, 3, 1), 0.2, [1, 4, 7, 8]
        term = InfoNCE("a.nodes[user][unique]", "b.nodes[user][unique]", temperature=t)
        flow = FakeFlow({
            "a.nodes[user][unique]": picked(z1, unique), "b.nodes[user][unique]": picked(z2, unique),
        })  # fmt: skip
        v1, v2 = unit(z1[unique]), unit(z2[unique])
        expected = -torch.log(torch.exp((v1 * v2).sum(1) / t) / torch.exp(v1 @ v2.t() / t).sum(1)).mean()
        assert_same(loss(term, flow), expected, [z1, z2])

    def test_ncl_prototypes(self) -> None:
        x, centroids, assignment = random(6, 3, 0), random(3, 3, 1), torch.tensor([2, 0, 1, 1, 2, 0], dtype=torch.int32)
        users, t = [5, 1, 5, 2], 0.1
        term = InfoNCE("x[*][positives]", "state.p.centroids[*]", assignment="state.p.assignment[*]",
                       temperature=t, each=["user"], reduce="sum")  # fmt: skip
        flow = FakeFlow({
            "x[user][positives]": picked(x, users), "state.p.centroids[user]": centroids,
            "state.p.assignment[user]": assignment,
        })  # fmt: skip
        logits = unit(x[users]) @ unit(centroids).t() / t
        expected = torch.nn.functional.cross_entropy(logits, assignment[users].long(), reduction="sum")
        assert_same(loss(term, flow), expected, [x, centroids])

    def test_iclrec_intents(self) -> None:
        """Chen et al. 2022, eq. 13: among the clusters of the others in the batch, the own one left out."""
        x, centroids, users = random(7, 3, 0), random(5, 3, 1), [5, 1, 6, 2, 0]
        assignment = torch.tensor([2, 0, 1, 4, 4, 2, 0])  # of the batch: 2, 0, 0, 1, 2
        term = InfoNCE("a.graphs", "state.p.centroids", assignment="state.p.assignment", assigned_only=True,
                       similarity="dot", temperature=0.5)  # fmt: skip
        flow = FakeFlow({
            "a.graphs": picked(x, users), "state.p.centroids": centroids, "state.p.assignment": assignment,
        })  # fmt: skip
        values = []
        for user in users:
            others = [v for v in users if assignment[v] != assignment[user]]
            own = torch.exp(x[user] @ centroids[assignment[user]] / 0.5)
            sums = sum(torch.exp(x[user] @ centroids[assignment[v]] / 0.5) for v in others)
            values.append(-torch.log(own / (own + sums)))
        assert_same(loss(term, flow), torch.stack(values).mean(), [x, centroids])
        flow.table["state.p.assignment"] = torch.full((7,), 3)  # one cluster: nobody is a negative
        assert loss(term, flow).item() == 0.0
        assert all(not grad.any() for grad in torch.autograd.grad(loss(term, flow), [x, centroids]))
        with pytest.raises(UserError, match="assigned_only counts what anchors are assigned to"):
            InfoNCE("a.graphs", "b.graphs", assigned_only=True)

    @pytest.mark.parametrize("with_ids", [True, False])
    def test_moco_with_mixed_hard_negatives(self, with_ids: bool) -> None:
        q, k, queue = random(3, 4, 0), random(3, 4, 1), random(6, 4, 2)
        mixed = random(6, 4, 3).detach().reshape(3, 2, 4)
        term = InfoNCE("q", "state.queue.keys", positives="k", own_negatives="mixed", temperature=0.2)
        ids = torch.tensor([8, 2, 5])
        flow = FakeFlow(
            {
                "q": Rows(q, None, ids),
                "k": Rows(k, None, ids if with_ids else None),
                "state.queue.keys": queue,
                "mixed": mixed,
            }
        )
        logits = torch.cat([
            (unit(q) * unit(k)).sum(1, keepdim=True), unit(q) @ unit(queue).t(),
            torch.einsum("bd,bkd->bk", unit(q), unit(mixed)),
        ], 1) / 0.2  # fmt: skip
        expected = torch.nn.functional.cross_entropy(logits, torch.zeros(3, dtype=torch.int64))
        assert_same(loss(term, flow), expected, [q, k, queue])
        flow.table["state.queue.keys"] = queue[:0]  # the queue before its first key
        assert loss(term, flow).isfinite()

    def test_one_positive_left_out_of_the_sum_with_all_its_copies(self) -> None:
        a, b, ids = random(6, 3, 0), random(6, 3, 1), [4, 1, 4]
        term = InfoNCE("a", "b", temperature=0.5, positive_in_denominator=False)
        (group,) = term(FakeFlow({"a": picked(a, ids), "b": picked(b, ids)}))
        s = (unit(a) @ unit(b).t() / 0.5).tolist()
        assert group.ids is not None
        assert group.ids.tolist() == [1, 4]
        assert group.values.tolist() == pytest.approx([s[1][4] + math.log(2) - s[1][1], 2 * (s[4][1] - s[4][4])])


class TestPairing:
    """Rows are paired by id, whatever their order; rows missing on one side are left out and counted."""

    def test_rows_missing_on_one_side_are_left_out(self) -> None:
        a, b = random(10, 3, 0), random(10, 3, 1)
        term = InfoNCE("a", "b", temperature=0.5)
        (group,) = term(FakeFlow({"a": picked(a, [7, 3, 3, 9]), "b": picked(b, [3, 5, 7])}))
        assert group.left_out == 1
        assert group.ids is not None
        assert group.ids.tolist() == [3, 7]
        assert group.weight is not None
        assert group.weight.tolist() == [2.0, 1.0]
        logits = unit(a[[7, 3, 3]]) @ unit(b[[3, 5, 7]]).t() / 0.5
        expected = torch.nn.functional.cross_entropy(logits, torch.tensor([2, 0, 0]))
        assert_same(reduce_groups([group], "mean"), expected, [a, b])

    def test_symmetric_pairs_follow_the_ids(self) -> None:
        a, b, t = random(6, 3, 0), random(6, 3, 1), 0.5
        term = InfoNCE("a", "b", temperature=t, symmetric=True)
        first, second = [5, 0, 2, 3], [2, 3, 5, 1]  # 0 and 1 have no partner, but stay negatives
        (group,) = term(FakeFlow({"a": picked(a, first), "b": picked(b, second)}))
        assert group.left_out == 1
        s = (unit(a[first]) @ unit(b[second]).t() / t).tolist()
        expected = 0.0
        for i, j in ((0, 2), (2, 0), (3, 1)):
            forth = math.log(sum(math.exp(x) for x in s[i])) - s[i][j]
            back = math.log(sum(math.exp(row[j]) for row in s)) - s[i][j]
            expected += (forth + back) / 2 / 3
        assert reduce_groups([group], "mean").item() == pytest.approx(expected)

    def test_duplicates_on_both_sides_count_as_often_as_they_occur(self) -> None:
        a, b, ids = random(6, 3, 0), random(6, 3, 1), [4, 1, 4, 4, 0]
        for symmetric in (False, True):
            term = InfoNCE("a", "b", temperature=0.5, symmetric=symmetric)
            logits = unit(a[ids]) @ unit(b[ids]).t() / 0.5
            expected = torch.nn.functional.cross_entropy(logits, torch.arange(5))
            if symmetric:
                expected = (expected + torch.nn.functional.cross_entropy(logits.t(), torch.arange(5))) / 2
            assert_same(loss(term, FakeFlow({"a": picked(a, ids), "b": picked(b, ids)})), expected, [a, b])

    @pytest.mark.parametrize("intra", [True, False])
    def test_repeated_examples_are_paired_by_position(self, intra: bool) -> None:
        """Two drawings of one example are different rows."""
        a, b, ids = random(4, 3, 0), random(4, 3, 1), torch.tensor([7, 7, 2, 2])
        term = InfoNCE("a", "b", temperature=0.5, intra=intra)
        found = loss(term, FakeFlow({"a": Rows(a, None, ids), "b": Rows(b, None, ids)}))
        logits = unit(a) @ unit(b).t() / 0.5
        if intra:
            own = (unit(a) @ unit(a).t() / 0.5).masked_fill(torch.eye(4, dtype=torch.bool), -math.inf)
            logits = torch.cat([logits, own], 1)
        assert_same(found, torch.nn.functional.cross_entropy(logits, torch.arange(4)), [a, b])

    def test_intra_leaves_out_the_anchor_itself_for_any_pairing(self) -> None:
        a, b, first, second = random(6, 3, 0), random(6, 3, 1), [5, 0, 2], [2, 5, 4, 3]
        term = InfoNCE("a", "b", temperature=0.5, intra=True, symmetric=True)
        (group,) = term(FakeFlow({"a": picked(a, first), "b": picked(b, second)}))

        def value(x: Tensor, y: Tensor, own: list[int], others: list[int], node: int) -> float:
            s = [float(unit(x[node]) @ unit(y[k])) / 0.5 for k in others]
            s += [float(unit(x[node]) @ unit(x[k])) / 0.5 for k in own if k != node]
            return math.log(sum(map(math.exp, s))) - float(unit(x[node]) @ unit(y[node])) / 0.5

        expected = [(value(a, b, first, second, i) + value(b, a, second, first, i)) / 2 for i in (5, 2)]
        assert group.values.tolist() == pytest.approx(expected)

    def test_rows_without_ids_are_paired_by_position_or_refused(self) -> None:
        a, b = random(3, 3, 0), random(3, 3, 1)
        found = loss(InfoNCE("a", "b"), FakeFlow({"a": a, "b": b}))
        torch.testing.assert_close(found, contrast(a, b, torch.arange(3), temperature=0.2).mean())
        with pytest.raises(UserError, match="cannot pair 3 anchors with 2 candidates"):
            InfoNCE("a", "b")(FakeFlow({"a": a, "b": b[:2]}))

    def test_ids_beyond_a_table_are_left_out(self) -> None:
        a, b = random(9, 3, 0), random(4, 3, 1)
        (group,) = InfoNCE("a", "b")(FakeFlow({"a": picked(a, [8, 2]), "b": b}))
        assert group.left_out == 1


@pytest.mark.parametrize("options", [{}, {"symmetric": True}, {"intra": True}, {"positive_in_denominator": False}])
@pytest.mark.parametrize("ids", [[], [3]])
def test_empty_batch_and_single_anchor(options: dict[str, Any], ids: list[int]) -> None:
    a, b = random(5, 3, 0), random(5, 3, 1)
    found = loss(InfoNCE("a", "b", **options), FakeFlow({"a": picked(a, ids), "b": picked(b, ids)}))
    assert found.item() == pytest.approx(0.0)
    for gradient in torch.autograd.grad(found, (a, b)):
        torch.testing.assert_close(gradient, torch.zeros_like(gradient))


def test_the_table_weights_the_anchors() -> None:
    a, b, table = random(5, 3, 0), random(5, 3, 1), torch.tensor([0.0, 0.5, 1.0, 2.0, 4.0], dtype=torch.float64)
    ids = [3, 1, 1, 0]
    flow = FakeFlow({"a": picked(a, ids), "b": b, "state.w.score[user]": table})
    found = loss(InfoNCE("a", "b", weights="state.w.score[*]", each=["user"]), flow)
    values = contrast(a[ids], b, torch.tensor(ids), temperature=0.2)
    assert_same(found, (values * table[ids]).sum() / table[ids].sum(), [a, b])


def test_positives_without_denominator() -> None:
    a, b = random(4, 3, 0), random(4, 3, 1)
    term = InfoNCE("a", "b", positive_in_denominator=False, similarity="neg_sqdist", temperature=1.0)
    s = (-torch.cdist(a, b).square()).tolist()
    expected = [math.log(sum(math.exp(s[i][k]) for k in range(4) if k != i)) - s[i][i] for i in range(4)]
    assert loss(term, FakeFlow({"a": a, "b": b})).item() == pytest.approx(sum(expected) / 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"symmetric": True, "positives": "k"}, "symmetric has no opposite direction with positives"),
        ({"symmetric": True, "assignment": "k", "own_negatives": "n"}, "with own_negatives, assignment"),
        ({"positives": "k", "assignment": "n"}, "both name the positive"),
    ],
)
def test_contradictory_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        InfoNCE("a", "b", **options)


def test_own_negatives_of_another_shape_are_refused() -> None:
    a, b = random(4, 3, 0), random(4, 3, 1)
    with pytest.raises(UserError, match=r"4 anchors need \[4, K, d\]"):
        InfoNCE("a", "b", own_negatives="n")(FakeFlow({"a": a, "b": b, "n": b}))


def test_keep_contrasts_a_share_of_the_anchors_each_with_its_own_value() -> None:
    base = random(400, 4, 0)
    flow = FakeFlow({"a": picked(base, list(range(400))), "c": Rows(base, None, torch.arange(400))})
    (full,), (half,) = InfoNCE("a", "c")(flow), InfoNCE("a", "c", keep=0.5)(flow)
    assert full.ids is not None
    assert half.ids is not None
    assert 150 < len(half.ids) < 250
    torch.testing.assert_close(half.values, full.values[half.ids])


@pytest.mark.parametrize("width", [0, 3])
def test_clusters_before_their_first_run_leave_every_anchor_out(width: int) -> None:
    term = InfoNCE("main.nodes[batch]", "state.clusters.centroids", assignment="state.clusters.assignment")
    x = random(5, 3, 0)
    flow = FakeFlow({
        "main.nodes[batch]": picked(x, [0, 2, 2]), "state.clusters.centroids": Rows(torch.zeros(0, width)),
        "state.clusters.assignment": Rows(torch.zeros(0, dtype=torch.int64)),
    })  # fmt: skip
    (group,) = term(flow)
    assert (len(group.values), group.left_out) == (0, 3)
    assert torch.autograd.grad(loss(term, flow), x)[0].abs().sum() == 0


def test_positives_by_position_in_the_table_of_candidates_are_the_cross_entropy() -> None:
    """Each row predicts an entry of a table: the softmax over all of it, repeated targets included."""
    nodes, items, wanted = random(5, 3, 0), random(7, 3, 1), [2, 2, 0, 6, 3]
    flow = FakeFlow({"main": Rows(nodes, None, torch.arange(5)), "table": Rows(items), "next": picked(items, wanted)})
    term = InfoNCE("main", "table", "next", "position", similarity="dot", temperature=1.0)
    expected = torch.nn.functional.cross_entropy(nodes @ items.T, torch.tensor(wanted))
    torch.testing.assert_close(reduce_groups(term(flow), "mean"), expected)


def test_positives_by_position_of_their_own_count_beside_the_candidates() -> None:
    nodes, others, own = random(4, 3, 0), random(6, 3, 1), random(4, 3, 2)
    flow = FakeFlow({"main": Rows(nodes), "others": Rows(others), "own": Rows(own)})
    term = InfoNCE("main", "others", "own", "position", similarity="dot", temperature=1.0)
    logits = torch.cat([(nodes * own).sum(1, keepdim=True), nodes @ others.T], dim=1)
    expected = torch.nn.functional.cross_entropy(logits, torch.zeros(4, dtype=torch.int64))
    torch.testing.assert_close(reduce_groups(term(flow), "mean"), expected)
    with pytest.raises(UserError, match="4 positives for 6 anchors"):
        InfoNCE("others", "main", "own", "position")(flow)


def test_own_negatives_may_be_all_there_is() -> None:
    """Two for each anchor, by their addresses, with weights; then what does not fit."""
    x, y, one, two = (random(4, 3, seed) for seed in range(4))
    term = InfoNCE("x", [], positives="y", pair="position", own_negatives=["one", "two"], own_weights=[2.0, 0.5],
                   similarity="dot", temperature=0.5)  # fmt: skip
    flow = FakeFlow({"x": x, "y": y, "one": one, "two": two})
    p, n, m = (((x * other).sum(1) / 0.5).exp() for other in (y, one, two))
    assert_same(loss(term, flow), -(p / (p + 2 * n + 0.5 * m)).log().mean(), [x, y, one, two])
    flow.table["two"] = two[:3]
    with pytest.raises(UserError, match=r"own_negatives of shapes \[4, 3\], \[3, 3\]; each needs one row"):
        term(flow)
    with pytest.raises(UserError, match="2 own_weights for 1 own_negatives"):
        InfoNCE("x", [], positives="y", own_negatives=["one"], own_weights=[2.0, 0.5], pair="position")(flow)
    with pytest.raises(UserError, match=r"candidates are \[\] only where positives and own_negatives name all"):
        InfoNCE("x", [], positives="y")
    with pytest.raises(UserError, match="own_weights are those of own_negatives"):
        InfoNCE("x", "y", own_weights=[1.0])
