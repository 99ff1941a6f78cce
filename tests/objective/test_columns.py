from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphcl.objective.columns import centre, standardize

from .fake_flow import random


def test_columns_have_mean_zero_and_variance_one() -> None:
    x = 3 + 5 * random(40, 3, 0)
    z = standardize(x)
    torch.testing.assert_close(z.mean(0), torch.zeros(3).double(), atol=1e-12, rtol=0)
    torch.testing.assert_close(z.var(0, unbiased=False), torch.ones(3).double())
    torch.testing.assert_close(centre(x), x - x.mean(0))


@given(st.floats(0.1, 1e3), st.floats(-1e3, 1e3), st.integers(0, 99))  # a smaller scale is a constant column
def test_scale_and_shift_of_a_column_do_not_matter(scale: float, shift: float, seed: int) -> None:
    x = random(9, 2, seed).detach()
    torch.testing.assert_close(standardize(scale * x + shift), standardize(x), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 1.0, 1e4, -0.1])
def test_a_constant_column_is_zero_and_takes_no_gradient(value: float) -> None:
    x = torch.full((1000, 2), value)
    x[:, 1] = torch.arange(1000.0)
    x.requires_grad_()
    z = standardize(x)
    (z * torch.arange(1000.0)[:, None]).square().sum().backward()
    assert not bool(z[:, 0].any())
    assert bool(z[:, 1].any())
    assert not bool(x.grad[:, 0].any())
    assert bool(torch.isfinite(x.grad).all())


def test_no_rows_stay_no_rows() -> None:
    assert standardize(torch.ones(0, 3)).shape == centre(torch.ones(0, 3)).shape == (0, 3)


def test_half_precision_is_widened() -> None:
    assert standardize(torch.ones(4, 2, dtype=torch.bfloat16)).dtype == torch.float32
