from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graphcl.core.errors import NonFiniteError, UserError
from graphcl.objective.base import Rows
from graphcl.objective.latents.multiply import Multiply
from graphcl.objective.states.direct_predictor import DirectPredictor, predictor_of
from graphcl.objective.terms.alignment import alignment
from tests.recipes.node_runs import losses


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def turned(values: list[float]) -> tuple[Tensor, Tensor]:
    """A rotation U, and ``U diag(values) U^T``."""
    u = torch.linalg.qr(torch.randn(len(values), len(values), generator=seeded(4)))[0]
    return u, u @ torch.diag(torch.tensor(values)) @ u.T


@pytest.mark.parametrize(
    ("form", "gains"),
    [
        ("paper", [3.0 + 0.9, 1.0 + 0.9, 0.0 + 0.9]),  # sqrt(s) + 0.1 * 9
        ("relative", [1.0 + 0.1, 1 / 3 + 0.1, 0.1]),
        ("copy", [9 / math.sqrt(82) + 0.1, 1 / math.sqrt(82) + 0.1, 0.1]),
    ],
)
def test_by_hand_in_any_basis(form: str, gains: list[float]) -> None:
    u, correlation = turned([9.0, 1.0, 0.0])
    torch.testing.assert_close(predictor_of(correlation, 0.1, form), u @ torch.diag(torch.tensor(gains)) @ u.T,
                               rtol=1e-3, atol=1e-3)


def test_rounding_below_zero_and_nothing_at_all_are_finite() -> None:
    for form in ("paper", "relative", "copy"):
        assert bool(predictor_of(torch.diag(torch.tensor([1.0, -1e-7])), 0.0, form).isfinite().all())
        assert bool(predictor_of(torch.zeros(2, 2), 0.1, form).isfinite().all())
    lopsided = torch.tensor([[1.0, 0.2], [0.0, 1.0]])  # symmetrised first
    torch.testing.assert_close(predictor_of(lopsided, 0.1), predictor_of(lopsided.T, 0.1))


def test_the_correlation_is_a_running_mean_that_begins_with_the_first_latents() -> None:
    state = DirectPredictor("a", dim=2, momentum=0.75)
    assert torch.equal(state.weight, torch.eye(2))
    first, second = torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    state.update({"rows": Rows(first)}, generator=seeded())
    torch.testing.assert_close(state.correlation, torch.diag(torch.tensor([2.0, 0.0])))
    state.update({"rows": Rows(second)}, generator=seeded())
    torch.testing.assert_close(state.correlation, torch.diag(torch.tensor([1.5, 1.0])))
    torch.testing.assert_close(state.weight, torch.diag(torch.tensor([math.sqrt(1.5) + 0.15, 1.0 + 0.15])))
    state.update({"rows": Rows(first[:0])}, generator=seeded())
    assert int(state.updates) == 2


def test_bad_latents_are_refused() -> None:
    state = DirectPredictor("a", dim=2)
    with pytest.raises(UserError, match="width 3; set dim=3"):
        state.update({"rows": Rows(torch.zeros(4, 3))}, generator=seeded())
    with pytest.raises(NonFiniteError):
        state.update({"rows": Rows(torch.full((4, 2), torch.nan))}, generator=seeded())
    with pytest.raises(UserError, match="2 wide and the latent 3"):
        Multiply("m")(torch.zeros(4, 3), matrix=Rows(torch.eye(2)), generator=seeded())


def test_multiply_maps_rows_and_passes_its_gradient_to_the_latent_alone() -> None:
    matrix = torch.tensor([[1.0, 2.0], [0.0, 3.0]], requires_grad=True)
    latent = torch.tensor([[1.0, 1.0]], requires_grad=True)
    found = Multiply("m")(latent, matrix=Rows(matrix), generator=seeded())
    assert found.tolist() == [[3.0, 3.0]]
    found.sum().backward()
    assert latent.grad is not None
    assert latent.grad.tolist() == [[1.0, 5.0]]
    assert matrix.grad is None


def strengths(by_rule: bool) -> Tensor:
    """Singular values of a linear student of 4 columns that predicts its teacher across noisy views, without
    normalisation: the model in which the paper shows collapse."""
    generator = seeded(1)
    weight = (0.3 * torch.randn(4, 8, generator=generator)).requires_grad_()
    teacher, state = weight.detach().clone(), DirectPredictor("a", dim=4, form="paper")
    optimizer = torch.optim.SGD([weight], lr=0.2)
    for _ in range(400):
        x = torch.randn(64, 8, generator=generator)
        one, other = (x + 0.5 * torch.randn(64, 8, generator=generator) for _ in range(2))
        f = one @ weight.T
        if by_rule:
            state.update({"rows": Rows(f)}, generator=generator)
        loss = alignment(f @ state.weight.T, other @ teacher.T, normalize="none").mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        teacher.lerp_(weight.detach(), 0.1)
    return torch.linalg.svdvals(weight.detach())


def test_with_the_identity_in_its_place_all_collapses_and_with_the_rule_all_columns_stay() -> None:
    assert float(strengths(False).max()) < 0.05
    assert float(strengths(True).min()) > 0.3


def test_the_rule_is_at_work_in_the_recipe() -> None:
    small = ("encoder.dim=8", "states.predictor.dim=8", "train.lr=0.05", "train.warmup_epochs=0")
    changes = ("", "states.predictor.form=relative", "states.predictor.momentum=0.9")
    runs = [tuple(losses("directpred", *small, *change.split(), epochs=3)) for change in changes]
    assert len(set(runs)) == 3
    assert len({run[0] for run in runs}) == 1  # the identity before the first update
