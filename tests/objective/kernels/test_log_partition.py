from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.objective.kernels import Csr, differentiable, log_partition
from graphcl.objective.kernels.blockwise import block_rows

from . import reference

SIMILARITIES = ["cosine", "dot", "neg_sqdist"]


def rows(n: int, d: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@st.composite
def problems(draw: st.DrawFn) -> dict:
    b, n, d = draw(st.integers(0, 40)), draw(st.integers(0, 30)), draw(st.integers(2, 6))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    options: dict = {"similarity": draw(st.sampled_from(SIMILARITIES)), "temperature": draw(st.floats(0.05, 3.0))}
    if draw(st.booleans()):
        options["temperature"] = torch.rand(b, generator=generator) + 0.1
    if draw(st.booleans()):
        options["own_candidates"] = torch.randn(b, draw(st.integers(0, 3)), d, generator=generator)
    kind = draw(st.sampled_from(["none", "tensor", "callable"]))
    weights = torch.randn(n, generator=generator)
    if kind == "tensor":
        options["log_weights"] = weights
    elif kind == "callable":
        options["log_weights"] = lambda sim, row, col: (0.3 * sim + weights[col]) * (1 + row.unsqueeze(1) % 3)
    mask = draw(st.sampled_from(["none", "dense", "sparse"]))
    keep = torch.rand(b, n, generator=generator) > draw(st.sampled_from([0.0, 0.5, 1.0]))
    if mask != "none":
        options["mask"] = keep if mask == "dense" else reference.csr_of(keep)
    if draw(st.booleans()):
        options["anchor_weight"] = torch.randint(0, 4, (b,), generator=generator).float()
    return {
        "anchors": torch.randn(b, d, generator=generator),
        "candidates": torch.randn(n, d, generator=generator),
        "incoming": torch.ones(b) if draw(st.booleans()) else torch.randn(b, generator=generator),
        "options": options,
    }


def value_and_gradients(problem: dict, dtype: torch.dtype, **how: object) -> list[Tensor]:
    """The values, and the gradients of anchors, candidates and of own candidates and temperature where given."""
    options = dict(problem["options"])
    leaves = [problem[name].to(dtype).requires_grad_() for name in ("anchors", "candidates")]
    for name in ("own_candidates", "temperature", "anchor_weight"):
        if isinstance(options.get(name), Tensor):
            options[name] = options[name].to(dtype).requires_grad_()
            leaves.append(options[name])
    values = log_partition(leaves[0], leaves[1], **options, **how)  # type: ignore[arg-type]
    finite = values.masked_fill(values.detach() == -math.inf, 0.0)
    return [values.detach(), *torch.autograd.grad((finite * problem["incoming"].to(dtype)).sum(), leaves)]


@settings(max_examples=150, deadline=None)
@given(problems())
def test_backends_are_equal(problem: dict) -> None:
    exact = value_and_gradients(problem, torch.float64, backend="dense")
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 2e-4)):
        found = value_and_gradients(problem, dtype, backend="blockwise", block_bytes=1)
        for x, y in zip(found, exact, strict=True):
            scale = y[y.isfinite()].abs().max().item() if y.isfinite().any() else 1.0
            torch.testing.assert_close(x, y.to(dtype), rtol=tolerance, atol=tolerance * max(scale, 1.0))


@pytest.mark.parametrize("backend", ["dense", "blockwise"])
@pytest.mark.parametrize("kind", SIMILARITIES)
def test_value_is_that_of_loops(backend: str, kind: str) -> None:
    a, c, own = rows(19, 3, 0), rows(5, 3, 1), torch.randn(19, 2, 3, generator=torch.Generator().manual_seed(2))
    temperature, weights = torch.linspace(0.2, 2.0, 19), torch.linspace(-1.0, 1.0, 5)
    keep = torch.rand(19, 5, generator=torch.Generator().manual_seed(3)) > 0.4
    expected = reference.log_partition(a, c, own, kind, temperature.tolist(), weights.tolist(), keep)
    for mask in (keep, reference.csr_of(keep), Csr(*reference.csr_of(keep))):
        found = log_partition(
            a, c, own_candidates=own, similarity=kind, temperature=temperature,  # type: ignore[arg-type]
            log_weights=weights, mask=mask, backend=backend, block_bytes=1,  # type: ignore[arg-type]
        )  # fmt: skip
        assert found.tolist() == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_a_value_worked_by_hand() -> None:
    # unit vectors at 0 and 90 degrees: log(e^(1/0.5) + e^0)
    found = log_partition(torch.tensor([[3.0, 0.0]]), torch.eye(2), temperature=0.5)
    assert found.item() == pytest.approx(math.log(math.exp(2.0) + 1.0))


@pytest.mark.parametrize("backend", ["dense", "blockwise"])
@pytest.mark.parametrize("kind", SIMILARITIES)
def test_gradcheck(backend: str, kind: str) -> None:
    a, c = rows(18, 3, 0, torch.float64).requires_grad_(), rows(4, 3, 1, torch.float64).requires_grad_()
    own = rows(36, 3, 2, torch.float64).reshape(18, 2, 3).requires_grad_()
    temperature = torch.linspace(0.3, 1.5, 18, dtype=torch.float64).requires_grad_()
    weight = torch.linspace(0.1, 2.0, 18, dtype=torch.float64).requires_grad_()
    keep = torch.rand(18, 4, generator=torch.Generator().manual_seed(3)) > 0.3

    def function(a: Tensor, c: Tensor, own: Tensor, temperature: Tensor, weight: Tensor) -> Tensor:
        return log_partition(
            a, c, own_candidates=own, similarity=kind, temperature=temperature, anchor_weight=weight,  # type: ignore[arg-type]
            mask=keep, backend=backend, block_bytes=1,  # type: ignore[arg-type]
        )  # fmt: skip

    assert torch.autograd.gradcheck(function, (a, c, own, temperature, weight))
    # the sum is the path that only scales what the forward stored
    assert torch.autograd.gradcheck(lambda *x: function(*x).sum(), (a, c, own, temperature, weight))


def test_a_scalar_temperature_gets_a_gradient() -> None:
    t = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    a, c = rows(3, 2, 0, torch.float64), rows(4, 2, 1, torch.float64)
    assert torch.autograd.gradcheck(lambda t: log_partition(a, c, temperature=t).sum(), (t,))


@pytest.mark.parametrize("kind", SIMILARITIES)
def test_dense_is_differentiable_twice(kind: str) -> None:
    a, c = rows(4, 2, 0, torch.float64).requires_grad_(), rows(3, 2, 1, torch.float64).requires_grad_()
    keep = torch.tensor([[True, False, True]] * 3 + [[False] * 3])

    def function(a: Tensor, c: Tensor) -> Tensor:
        return log_partition(a, c, similarity=kind, mask=keep, backend="dense")[:3]  # type: ignore[arg-type]

    assert torch.autograd.gradgradcheck(function, (a, c))


def test_differentiable_context_serves_a_second_order_step() -> None:
    a, c = rows(4, 2, 0, torch.float64).requires_grad_(), rows(3, 2, 1, torch.float64)
    with differentiable():
        inside = log_partition(a, c, backend="blockwise").sum()
    (first,) = torch.autograd.grad(inside, a, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), a)
    assert second.abs().sum() > 0
    outside = log_partition(a, c).sum()
    (first,) = torch.autograd.grad(outside, a, create_graph=True)
    with pytest.raises(RuntimeError, match=r"inside graphcl.objective.kernels.differentiable"):
        torch.autograd.grad(first.square().sum(), a)


def test_backward_twice_through_a_retained_graph() -> None:
    a, c = rows(40, 3, 0).requires_grad_(), rows(7, 3, 1).requires_grad_()
    value = log_partition(a, c).sum()
    first = torch.autograd.grad(value, (a, c), retain_graph=True)
    second = torch.autograd.grad(2 * value, (a, c))
    for x, y in zip(first, second, strict=True):
        torch.testing.assert_close(2 * x, y)


@pytest.mark.parametrize("backend", ["dense", "blockwise"])
@pytest.mark.parametrize(("b", "n"), [(0, 5), (0, 0), (3, 0), (1, 1)])
def test_empty_and_single(backend: str, b: int, n: int) -> None:
    a, c = rows(b, 4, 0).requires_grad_(), rows(n, 4, 1).requires_grad_()
    value = log_partition(a, c, backend=backend)  # type: ignore[arg-type]
    assert value.shape == (b,)
    assert value.requires_grad
    assert ((value == -math.inf) == (n == 0)).all()
    value[value.isfinite()].sum().backward()
    assert a.grad is not None
    assert a.grad.isfinite().all()


@pytest.mark.parametrize("backend", ["dense", "blockwise"])
def test_an_anchor_without_candidates_gets_no_gradient(backend: str) -> None:
    a, c = rows(3, 4, 0).requires_grad_(), rows(5, 4, 1).requires_grad_()
    keep = torch.ones(3, 5, dtype=torch.bool)
    keep[1] = False
    own = torch.zeros(3, 0, 4)
    value = log_partition(a, c, own_candidates=own, mask=keep, backend=backend)  # type: ignore[arg-type]
    assert value[1] == -math.inf
    value[[0, 2]].sum().backward()
    assert a.grad is not None
    assert c.grad is not None
    assert (a.grad[1] == 0).all()
    assert c.grad.isfinite().all()
    assert c.grad.abs().sum() > 0


@pytest.mark.parametrize("backend", ["dense", "blockwise"])
@pytest.mark.parametrize("kind", SIMILARITIES)
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_finite_for_logits_of_1e4(backend: str, kind: str, scale: float) -> None:
    a, c = rows(6, 8, 0).requires_grad_(), rows(9, 8, 1).requires_grad_()
    value = log_partition(a, c, similarity=kind, temperature=1 / scale, backend=backend)  # type: ignore[arg-type]
    exact = log_partition(a.double(), c.double(), similarity=kind, temperature=1 / scale, backend="dense")  # type: ignore[arg-type]
    torch.testing.assert_close(value.double(), exact, rtol=1e-5, atol=1e-3)
    value.sum().backward()
    assert a.grad is not None
    assert c.grad is not None
    assert a.grad.isfinite().all()
    assert c.grad.isfinite().all()


@pytest.mark.parametrize("backend", ["dense", "blockwise"])
def test_zero_vectors_are_finite_and_get_no_gradient_under_cosine(backend: str) -> None:
    a, c = torch.zeros(3, 4, requires_grad=True), torch.zeros(5, 4, requires_grad=True)
    value = log_partition(a, c, temperature=0.1, backend=backend)  # type: ignore[arg-type]
    assert value.tolist() == pytest.approx([math.log(5)] * 3)
    value.sum().backward()
    assert a.grad is not None
    assert c.grad is not None
    assert (a.grad == 0).all()
    assert (c.grad == 0).all()


def test_one_zero_vector_leaves_the_others_alone() -> None:
    a, c = rows(3, 4, 0), rows(5, 4, 1)
    a[1] = 0
    a.requires_grad_()
    log_partition(a, c).sum().backward()
    assert a.grad is not None
    assert (a.grad[1] == 0).all()
    assert (a.grad[[0, 2]].abs().sum(1) > 0).all()


@pytest.mark.parametrize("backend", ["dense", "blockwise"])
@pytest.mark.parametrize("kind", SIMILARITIES)
def test_bf16_autocast_computes_in_float32(backend: str, kind: str) -> None:
    a, c = rows(20, 8, 0).bfloat16().requires_grad_(), rows(9, 8, 1).bfloat16().requires_grad_()
    plain = log_partition(a.float(), c.float(), similarity=kind, temperature=1e-3, backend="dense")  # type: ignore[arg-type]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = log_partition(a, c, similarity=kind, temperature=1e-3, backend=backend, block_bytes=1)  # type: ignore[arg-type]
        assert value.dtype == torch.float32
        (value * torch.arange(20)).sum().backward()
    torch.testing.assert_close(value, plain)
    assert a.grad is not None
    assert a.grad.isfinite().all()


def test_float16_zero_rows_are_finite() -> None:
    a = torch.zeros(2, 4, dtype=torch.float16, requires_grad=True)
    value = log_partition(a, a).sum()
    value.backward()
    assert value.isfinite()
    assert a.grad is not None
    assert (a.grad == 0).all()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.sampled_from(SIMILARITIES))
@settings(max_examples=30, deadline=None)
def test_unique_anchors_with_counts_equal_duplicates(picks: list[int], kind: str) -> None:
    index = torch.tensor(picks)
    c = rows(7, 4, 1)
    results = []
    for weighted in (False, True):
        table = rows(6, 4, 0).requires_grad_()
        other = c.clone().requires_grad_()
        if weighted:
            unique, counts = index.unique(return_counts=True)
            value = log_partition(table[unique], other, similarity=kind, anchor_weight=counts.float())  # type: ignore[arg-type]
        else:
            value = log_partition(table[index], other, similarity=kind)  # type: ignore[arg-type]
        (value.sum() / len(picks)).backward()
        results.append((value.sum().detach(), table.grad, other.grad))
    for x, y in zip(*results, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-6)


def test_distances_far_from_the_origin_do_not_cancel() -> None:
    a, c = rows(4, 3, 0) + 1000.0, rows(5, 3, 1) + 1000.0
    found = log_partition(a, c, similarity="neg_sqdist")
    exact = torch.logsumexp(-torch.cdist(a.double(), c.double()).square(), 1)
    torch.testing.assert_close(found.double(), exact, rtol=1e-4, atol=1e-3)


def test_the_callable_sees_similarities_and_positions() -> None:
    a, c, seen = rows(40, 3, 0), rows(6, 3, 1), torch.zeros(40, 6)

    def log_weights(sim: Tensor, row: Tensor, col: Tensor) -> Tensor:
        seen[row.unsqueeze(1), col] = sim
        return torch.zeros_like(sim)

    temperature = torch.linspace(0.1, 1.0, 40)
    log_partition(a, c, similarity="dot", temperature=temperature, log_weights=log_weights, block_bytes=1)
    torch.testing.assert_close(seen, a @ c.t())


def test_inputs_are_not_written_to() -> None:
    tensors = [rows(20, 3, 0), rows(6, 3, 1), torch.rand(20), torch.rand(6)]
    before = [x.clone() for x in tensors]
    a, c, weight, log_weights = tensors
    a.requires_grad_()
    log_partition(a, c, similarity="dot", anchor_weight=weight, log_weights=log_weights).sum().backward()
    assert all(torch.equal(x, y) for x, y in zip(tensors, before, strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"similarity": "cosin"}, "nearest: 'cosine'"),
        ({"backend": "blockwize"}, "nearest: 'blockwise'"),
        ({"temperature": torch.ones(3)}, r"temperature has shape \[3\]"),
        ({"mask": torch.ones(2, 5)}, "mask is torch.float32"),
        ({"mask": torch.ones(5, 2, dtype=torch.bool)}, r"\[5, 2\]"),
        ({"mask": (torch.tensor([0, 1]), torch.tensor([0]))}, "indptr has 2 entries"),
        ({"log_weights": torch.ones(3)}, "log_weights has shape"),
        ({"own_candidates": torch.ones(3, 1, 4)}, "own candidates have shape"),
    ],
)
def test_mistakes_are_named(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        log_partition(rows(2, 4, 0), rows(5, 4, 1), **options)


def test_widths_must_agree() -> None:
    with pytest.raises(UserError, match="one width"):
        log_partition(rows(2, 4, 0), rows(5, 3, 1))


def test_blocks_follow_the_byte_budget() -> None:
    cpu = torch.device("cpu")
    assert block_rows(1000, 4, 4 * 1000 * 100, cpu) == 100
    assert block_rows(10**6, 4, 1, cpu) == 16
