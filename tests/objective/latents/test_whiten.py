from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.objective.latents.whiten import Whiten, inverse_root, whiten
from tests.recipes.node_runs import losses


def latent(rows: int = 40, width: int = 6) -> Tensor:
    """Correlated columns of different scales."""
    generator = torch.Generator().manual_seed(1)
    mixing = torch.randn(width, width, generator=generator, dtype=torch.float64)
    return 3 + torch.randn(rows, width, generator=generator, dtype=torch.float64) @ mixing


def covariance(x: Tensor) -> Tensor:
    centred = x - x.mean(0)
    return centred.T @ centred / len(x)


def test_the_inverse_root_by_hand_and_its_gradient_where_eigenvalues_are_equal() -> None:
    found = inverse_root(torch.diag(torch.tensor([4.0, 0.25])))
    torch.testing.assert_close(found, torch.diag(torch.tensor([0.5, 2.0])))
    root = torch.randn(2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()

    def through(x: Tensor) -> Tensor:
        return inverse_root(x @ x.mT + torch.eye(3, dtype=torch.float64))

    assert torch.autograd.gradcheck(through, (root,))
    equal = torch.eye(3, dtype=torch.float64).requires_grad_()  # eigh's own gradient is NaN here
    inverse_root(equal)[0, 0].backward()
    assert equal.grad is not None
    # d s^(-1/2) / ds = -1 / 2 at s = 1
    torch.testing.assert_close(equal.grad, torch.diag(torch.tensor([-0.5, 0.0, 0.0], dtype=torch.float64)))


def test_a_second_derivative_is_refused_and_not_wrong() -> None:
    x = (2 * torch.eye(2)).requires_grad_()
    (first,) = torch.autograd.grad(inverse_root(x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiable once"):
        first.sum().backward()


def test_of_one_group_the_covariance_is_the_identity() -> None:
    white = whiten(latent(), eps=1e-12)
    torch.testing.assert_close(covariance(white), torch.eye(6, dtype=torch.float64))
    torch.testing.assert_close(white.mean(0), torch.zeros(6, dtype=torch.float64))


def test_within_drawn_groups_it_is_the_identity_and_between_them_it_is_not() -> None:
    order = torch.tensor([4, 0, 2, 5, 1, 3])
    white = covariance(whiten(latent(), 2, 1e-12, order=order))
    for group in (order[:3], order[3:]):
        torch.testing.assert_close(white[group][:, group], torch.eye(3, dtype=torch.float64))
    assert float(white[order[:3]][:, order[3:]].abs().max()) > 0.1


def test_it_changes_white_columns_by_nothing_but_its_shift() -> None:
    """ZCA is the whitening that stays closest to what it whitens."""
    white = whiten(latent(), eps=1e-12)
    torch.testing.assert_close(whiten(white + 5.0, eps=1e-12), white)


def test_a_constant_latent_is_zero_with_a_finite_gradient() -> None:
    x = torch.full((10, 4), 2.0, requires_grad=True)
    white = whiten(x, 2)
    white.square().sum().backward()
    assert not white.any()
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())
    assert whiten(x[:0]).shape == (0, 4)


def test_groups_are_drawn_for_each_call_or_not_at_all() -> None:
    x = latent()
    one, same, other = (Whiten(2)(x, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    fixed = [Whiten(2, shuffle=False)(x, generator=torch.Generator().manual_seed(s)) for s in (1, 2)]
    assert torch.equal(*fixed)
    torch.testing.assert_close(fixed[0], whiten(x, 2))


def test_what_cannot_be_whitened_is_refused() -> None:
    with pytest.raises(UserError, match="6 columns are not 4 groups"):
        whiten(latent(), 4)
    with pytest.raises(UserError, match=r"6 rows for groups of 6 columns.*set groups higher"):
        whiten(latent(6))


def test_the_recipe_whitens() -> None:
    small = ("encoder.dim=16", "heads.proj.dim=16")
    changes = ("latents.white.groups=4", "latents.white.groups=2", "latents.white.groups=4 latents.white.shuffle=false")
    runs = {change: tuple(losses("whitenedcse", *small, *change.split())) for change in changes}
    assert len(set(runs.values())) == 3
