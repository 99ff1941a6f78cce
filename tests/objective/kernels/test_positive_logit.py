from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.objective.kernels import Csr, differentiable, positive, positive_logit

from . import reference


def rows(n: int, d: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


#: anchors 0 to 3 have 2, 0, 3 and 1 positives
POSITIVES = Csr(torch.tensor([0, 2, 2, 5, 6]), torch.tensor([4, 1, 0, 2, 3, 3]), torch.tensor([1.0, 3, 1, 1, 2, 5]))


@pytest.mark.parametrize("kind", ["cosine", "dot", "neg_sqdist"])
def test_one_positive_by_index_and_by_rows(kind: str) -> None:
    a, c, index = rows(4, 3, 0), rows(5, 3, 1), torch.tensor([4, 0, 0, 2])
    expected = [reference.similarity(a[i], c[j], kind) / 0.3 for i, j in enumerate(index.tolist())]
    for positives in (index, c[index], Csr.one_each(index)):
        found = positive_logit(a, c, positives, similarity=kind, temperature=0.3)  # type: ignore[arg-type]
        assert found.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("weighted", [True, False])
def test_several_positives(weighted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positive, "PAIR_CHUNK", 4)
    a, c = rows(4, 3, 0), rows(5, 3, 1)
    csr = POSITIVES if weighted else POSITIVES._replace(weights=None)
    outside, inside = [], []
    for i, picks in enumerate([[0, 1], [], [2, 3, 4], [5]]):
        logits = [reference.similarity(a[i], c[int(csr.indices[p])], "dot") for p in picks]
        weights = [float(csr.weights[p]) if csr.weights is not None else 1.0 for p in picks]
        pairs = list(zip(weights, logits, strict=True))
        outside.append(sum(w * s for w, s in pairs) / sum(weights) if picks else 0.0)
        inside.append(math.log(sum(w * math.exp(s) for w, s in pairs)) if picks else -math.inf)
    assert positive_logit(a, c, csr, similarity="dot").tolist() == pytest.approx(outside)
    assert positive_logit(a, c, csr, similarity="dot", multi="inside").tolist() == pytest.approx(inside)


@pytest.mark.parametrize("multi", ["outside", "inside"])
def test_gradients_of_several_positives(multi: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positive, "PAIR_CHUNK", 4)
    a, c = rows(4, 3, 0).requires_grad_(), rows(5, 3, 1).requires_grad_()

    def function(a: Tensor, c: Tensor) -> Tensor:
        return positive_logit(a, c, POSITIVES, multi=multi)[[0, 2, 3]]  # type: ignore[arg-type]

    assert torch.autograd.gradcheck(function, (a, c))
    with differentiable():
        assert torch.autograd.gradgradcheck(function, (a, c))
    (first,) = torch.autograd.grad(function(a, c).sum(), a, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiable once"):
        first.sum().backward()


def test_clamp_bounds_the_value_and_stops_the_gradient() -> None:
    a = torch.tensor([[9.0], [-9.0], [2.0]], requires_grad=True)
    found = positive_logit(a, torch.ones(1, 1), torch.zeros(3, dtype=torch.int64), similarity="dot", clamp=(-5.0, 5.0))
    assert found.tolist() == [5.0, -5.0, 2.0]
    found.sum().backward()
    assert a.grad is not None
    assert a.grad.flatten().tolist() == [0.0, 0.0, 1.0]


def test_empty_batch_has_a_graph() -> None:
    a = torch.zeros(0, 3, requires_grad=True)
    none = torch.zeros(0, dtype=torch.int64)
    for positives in (none, Csr(torch.zeros(1, dtype=torch.int64), none)):
        assert positive_logit(a, torch.ones(2, 3), positives).requires_grad


def test_as_many_positives_as_anchors() -> None:
    with pytest.raises(UserError, match="2 positives for 4 anchors"):
        positive_logit(rows(4, 3, 0), rows(5, 3, 1), torch.tensor([0, 1]))
