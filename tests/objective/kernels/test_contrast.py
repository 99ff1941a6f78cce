from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphcl.objective.kernels import Csr, contrast, log_partition, positive_logit

BACKENDS = ["dense", "blockwise"]


def rows(n: int, d: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=1, keepdim=True)


def without_diagonal(n: int) -> tuple[Tensor, Tensor]:
    return torch.arange(n + 1), torch.arange(n)


@pytest.mark.parametrize("backend", BACKENDS)
class TestLosses:
    """Each loss of the family, written out with loops, is one call."""

    def test_info_nce(self, backend: Any) -> None:
        a, c = rows(4, 3, 0), rows(4, 3, 1)
        s = (unit(a) @ unit(c).t() / 0.2).tolist()
        expected = [math.log(sum(math.exp(s[i][k]) for k in range(4))) - s[i][i] for i in range(4)]
        found = contrast(a, c, torch.arange(4), temperature=0.2, backend=backend)
        assert found.tolist() == pytest.approx(expected)

    def test_cross_entropy_over_all_items(self, backend: Any) -> None:
        a, c, target = rows(6, 3, 0), rows(9, 3, 1), torch.tensor([8, 0, 3, 3, 1, 2])
        expected = torch.nn.functional.cross_entropy(a @ c.t(), target, reduction="none")
        torch.testing.assert_close(contrast(a, c, target, similarity="dot", backend=backend), expected)

    def test_nt_xent(self, backend: Any) -> None:
        """Chen et al. 2020, Eq. 1: 2N rows, the anchor itself left out."""
        z = rows(6, 3, 0)  # rows 0..2 are one view, 3..5 the other
        s = (unit(z) @ unit(z).t() / 0.5).tolist()
        partner = [3, 4, 5, 0, 1, 2]
        expected = [math.log(sum(math.exp(s[i][k]) for k in range(6) if k != i)) - s[i][partner[i]] for i in range(6)]
        found = contrast(z, z, torch.tensor(partner), temperature=0.5, mask=without_diagonal(6), backend=backend)
        assert found.tolist() == pytest.approx(expected)

    @pytest.mark.parametrize("multi", ["outside", "inside"])
    def test_supcon(self, backend: Any, multi: Any) -> None:
        """Khosla et al. 2020, Eq. 2 and 3; the last row has no partner and drops out."""
        z, labels = rows(6, 3, 0), [0, 1, 0, 0, 1, 2]
        s = (unit(z) @ unit(z).t() / 0.3).tolist()
        lists = [[p for p in range(6) if p != i and labels[p] == labels[i]] for i in range(6)]
        expected = []
        for i, partners in enumerate(lists):
            total = sum(math.exp(s[i][k]) for k in range(6) if k != i)
            shares = [math.exp(s[i][p]) / total for p in partners]
            if not partners:
                expected.append(0.0)
            elif multi == "outside":
                expected.append(-sum(math.log(x) for x in shares) / len(shares))
            else:
                expected.append(-math.log(sum(shares)))
        csr = Csr(torch.tensor([0, *map(len, lists)]).cumsum(0), torch.tensor([p for x in lists for p in x]))
        found = contrast(z, z, csr, temperature=0.3, mask=without_diagonal(6), multi=multi, backend=backend)
        assert found.tolist() == pytest.approx(expected)

    def test_moco(self, backend: Any) -> None:
        """He et al. 2020, Eq. 1: the key joins a queue of negatives; MoCHi adds negatives of each query's own."""
        q, k, queue, mixed = rows(3, 4, 0), rows(3, 4, 1), rows(7, 4, 2), rows(6, 4, 3).reshape(3, 2, 4)
        expected = []
        for i in range(3):
            positive = float(unit(q)[i] @ unit(k)[i]) / 0.2
            negatives = [float(unit(q)[i] @ n) / 0.2 for n in [*unit(queue), *unit(mixed[i])]]
            expected.append(math.log(math.exp(positive) + sum(map(math.exp, negatives))) - positive)
        found = contrast(q, queue, k, own_candidates=mixed, temperature=0.2, backend=backend)
        assert found.tolist() == pytest.approx(expected)

    def test_decoupled(self, backend: Any) -> None:
        """Yeh et al. 2022: no positive in the denominator."""
        a, c = rows(4, 3, 0), rows(4, 3, 1)
        s = (a @ c.t()).tolist()
        expected = [math.log(sum(math.exp(s[i][k]) for k in range(4) if k != i)) - s[i][i] for i in range(4)]
        for positives in (torch.arange(4), Csr.one_each(torch.arange(4))):
            found = contrast(a, c, positives, similarity="dot", positive_in_denominator=False, backend=backend)
            assert found.tolist() == pytest.approx(expected)
        found = contrast(
            a, c, c, similarity="dot", positive_in_denominator=False, mask=without_diagonal(4), backend=backend
        )
        assert found.tolist() == pytest.approx(expected)

    def test_y_aware(self, backend: Any) -> None:
        """Facts of the family: an anchor with two others, s = .8, .2, w = .9, .3, tau 1 gives .58749."""
        a = torch.tensor([[1.0, 0.0]])
        c = torch.tensor([[0.8, 0.6], [0.2, math.sqrt(1 - 0.04)]])
        csr = Csr(torch.tensor([0, 2]), torch.tensor([0, 1]), torch.tensor([0.9, 0.3]))
        assert contrast(a, c, csr, backend=backend).item() == pytest.approx(0.58749, abs=1e-5)

    def test_clamp_touches_the_numerator_only(self, backend: Any) -> None:
        a, c = torch.tensor([[3.0]]), torch.tensor([[3.0], [0.0]])
        found = contrast(a, c, torch.tensor([0]), similarity="dot", clamp=(-5.0, 5.0), backend=backend)
        assert found.item() == pytest.approx(math.log(math.exp(9) + 1) - 5, rel=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("form", ["index", "rows", "csr"])
class TestDegenerate:
    """Every value and gradient is finite, whatever is missing."""

    def call(self, a: Tensor, c: Tensor, form: str, include: bool, backend: Any, **options: Any) -> Tensor:
        index = torch.arange(a.shape[0])
        positives = {"index": index, "rows": c[index], "csr": Csr.one_each(index)}[form]
        mask = without_diagonal(a.shape[0]) if form == "rows" else None
        value = contrast(a, c, positives, positive_in_denominator=include, mask=mask, backend=backend, **options)
        value.sum().backward()
        for x in (value, a.grad, c.grad):
            assert x is not None
            assert x.isfinite().all()
        return value

    @pytest.mark.parametrize("n", [0, 1])
    def test_empty_batch_and_single_anchor(self, backend: Any, include: bool, form: str, n: int) -> None:
        a, c = rows(n, 3, 0).requires_grad_(), rows(n, 3, 1).requires_grad_()
        value = self.call(a, c, form, include, backend, temperature=0.1)
        assert value.tolist() == pytest.approx([0.0] * n)
        assert a.grad is not None
        assert a.grad.abs().sum() < 1e-12

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_zero_vectors_and_huge_logits(self, backend: Any, include: bool, form: str, dtype: torch.dtype) -> None:
        zero = [torch.zeros(4, 3, dtype=dtype, requires_grad=True) for _ in range(2)]
        value = self.call(*zero, form, include, backend, temperature=1e-3)
        assert value.tolist() == pytest.approx([math.log(4 if include else 3)] * 4)
        assert zero[0].grad is not None
        assert (zero[0].grad == 0).all()
        for kind in ("cosine", "dot", "neg_sqdist"):
            large = [rows(4, 3, seed, dtype).requires_grad_() for seed in (0, 1)]
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
                self.call(*large, form, include, backend, similarity=kind, temperature=1e-4)


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("form", ["index", "rows", "csr"])
def test_gradcheck(include: bool, form: str) -> None:
    a, c = rows(17, 2, 0).requires_grad_(), rows(18, 2, 1).requires_grad_()
    weight = torch.linspace(0.5, 2.0, 17, dtype=torch.float64)
    index = torch.arange(17)

    def function(a: Tensor, c: Tensor) -> Tensor:
        positives = {"index": index, "rows": c[:17], "csr": Csr.one_each(index)}[form]
        return contrast(
            a, c, positives, positive_in_denominator=include, anchor_weight=weight, temperature=0.5, block_bytes=1
        ).sum()

    assert torch.autograd.gradcheck(function, (a, c))


def test_is_the_difference_of_its_parts() -> None:
    a, c, index, weight = rows(5, 3, 0), rows(8, 3, 1), torch.tensor([1, 7, 0, 0, 3]), torch.rand(5).double()
    expected = weight * (log_partition(a, c, temperature=0.4) - positive_logit(a, c, index, temperature=0.4))
    torch.testing.assert_close(contrast(a, c, index, temperature=0.4, anchor_weight=weight), expected)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.booleans())
@settings(max_examples=30, deadline=None)
def test_unique_anchors_with_counts_equal_duplicates(picks: list[int], include: bool) -> None:
    index, results = torch.tensor(picks), []
    unique, counts = index.unique(return_counts=True)
    for where, weight in ((index, None), (unique, counts.double())):
        table, c = rows(6, 3, 0).requires_grad_(), rows(6, 3, 1).requires_grad_()
        value = contrast(table[where], c, where, positive_in_denominator=include, anchor_weight=weight).sum()
        results.append((value.detach(), *torch.autograd.grad(value, (table, c))))
    for x, y in zip(*results, strict=True):
        torch.testing.assert_close(x, y)


def test_duplicate_candidates_equal_unique_ones_with_log_counts() -> None:
    a, c, counts = rows(4, 3, 0), rows(3, 3, 1), torch.tensor([1, 3, 2])
    repeated = c.repeat_interleave(counts, dim=0)
    first = torch.tensor([0, 1, 4])
    expected = contrast(a, repeated, first[[0, 1, 2, 1]])
    torch.testing.assert_close(contrast(a, c, torch.tensor([0, 1, 2, 1]), log_weights=counts.log()), expected)


def test_a_sum_makes_one_pass_and_other_gradients_two(monkeypatch: pytest.MonkeyPatch) -> None:
    from graphcl.objective.kernels import blockwise

    passes, original = [], blockwise.one_pass
    monkeypatch.setattr(blockwise, "one_pass", lambda *args: passes.append(1) or original(*args))
    queue, weight = rows(9, 3, 2), torch.rand(5).double()
    for reduce, expected in (
        (lambda v: v.sum(), 1),
        (lambda v: v.sum() / weight.sum(), 1),
        (lambda v: v.mean(), 1),
        (lambda v: (v * weight).sum(), 2),
    ):
        passes.clear()
        a, k = rows(5, 3, 0).requires_grad_(), rows(5, 3, 1).requires_grad_()
        reduce(contrast(a, queue, k, anchor_weight=weight)).backward()
        assert len(passes) == expected
