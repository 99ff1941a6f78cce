"""Two views against each other, both ways and within, by one kernel."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphcl.objective.kernels import Csr, blockwise, contrast, differentiable, mutual, mutual_contrast, mutual_possible


def rows(n: int, d: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype).requires_grad_()


def both_ways(a: Tensor, b: Tensor, place: Tensor, partner: Tensor, temperature: float) -> Tensor:
    """The two directions by themselves, all logits at once."""

    def one_way(x: Tensor, y: Tensor, which: Tensor, other: Tensor) -> Tensor:
        itself = Csr.one_each(which + len(y))
        return contrast(x[which], torch.cat([y, x]), other, temperature=temperature, mask=itself, backend="dense")

    return (one_way(a, b, place, partner) + one_way(b, a, partner, place)) / 2


@given(n=st.integers(1, 12), m=st.integers(1, 12), seed=st.integers(0, 9), block=st.sampled_from([1, 300, None]),
       temperature=st.floats(0.03, 5.0), kept=st.booleans())  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_equals_the_two_directions(
    n: int, m: int, seed: int, block: int | None, temperature: float, kept: bool
) -> None:
    a, b, generator = rows(n, 3, seed), rows(m, 3, seed + 1), torch.Generator().manual_seed(seed)
    count = min(n, m)
    place, partner = (torch.randperm(size, generator=generator)[:count] for size in (n, m))
    weight = torch.rand(count, generator=generator, dtype=torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blockwise, "MIN_ROWS", 1)
        patch.setattr(mutual, "KEPT_BYTES", 1 << 20 if kept else 0)
        found = mutual_contrast(a, b, place, partner, temperature=temperature, block_bytes=block)
        gradients = torch.autograd.grad((weight * found).sum(), [a, b])
    expected = both_ways(a, b, place, partner, temperature)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradients, torch.autograd.grad((weight * expected).sum(), [a, b]))


@pytest.mark.parametrize("kept", [0, 1 << 20])
def test_several_blocks_and_a_second_backward(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutual, "KEPT_BYTES", kept)
    a, b, all_of = rows(50, 4, 0), rows(50, 4, 1), torch.arange(50)
    loss = mutual_contrast(a, b, all_of, all_of, temperature=0.5, block_bytes=16 * 100 * 8).square().mean()
    expected = torch.autograd.grad(both_ways(a, b, all_of, all_of, 0.5).square().mean(), [a, b])
    for _ in range(2):
        torch.testing.assert_close(torch.autograd.grad(loss, [a, b], retain_graph=True), expected)


def test_single_precision_at_the_least_temperature() -> None:
    a, b, all_of = rows(40, 4, 0), rows(40, 4, 1), torch.arange(40)
    with torch.no_grad():  # far from all others: its sum is the smallest there is
        a[0], b[0] = torch.tensor([9.0, 0, 0, 0]), torch.tensor([-9.0, 0, 0, 0])
        a[1:, 0], b[1:, 0] = 0.0, 0.0
    expected = torch.autograd.grad(both_ways(a, b, all_of, all_of, 0.03).mean(), [a, b])
    one, other = (x.detach().float().requires_grad_() for x in (a, b))
    loss = mutual_contrast(one, other, all_of, all_of, temperature=0.03).mean()
    found = torch.autograd.grad(loss, [one, other])
    torch.testing.assert_close([x.double() for x in found], list(expected), rtol=1e-4, atol=1e-6)


def test_a_zero_row_has_a_zero_gradient_and_no_row_is_no_loss() -> None:
    a, b = torch.zeros(3, 2, requires_grad=True), torch.ones(3, 2)
    loss = mutual_contrast(a, b, torch.arange(3), torch.arange(3), temperature=0.5)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.equal(a.grad, torch.zeros(3, 2))  # type: ignore[arg-type]
    none = torch.arange(0)
    assert mutual_contrast(a[:0], b[:0], none, none, temperature=0.5).shape == (0,)


def test_it_does_not_stand_in_where_it_cannot() -> None:
    assert mutual_possible(0.03)
    assert not mutual_possible(0.02)
    with differentiable():
        assert not mutual_possible(0.5)
