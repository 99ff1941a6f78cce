from __future__ import annotations

import math

import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.objective.base import Rows
from graphcl.objective.terms.reconstruction import Reconstruction, scaled_cosine_error, squared_error

from ..fake_flow import FakeFlow, picked, random


@pytest.mark.parametrize("gamma", [1.0, 2.0, 2.5])
def test_the_scaled_cosine_error_of_each_pair(gamma: float) -> None:
    x, y = random(5, 3, 1).detach(), random(5, 3, 2).detach()
    for a, b, value in zip(x.tolist(), y.tolist(), scaled_cosine_error(x, y, gamma).tolist(), strict=True):
        product = sum(p * q for p, q in zip(a, b, strict=True))
        cosine = product / math.sqrt(sum(p * p for p in a) * sum(q * q for q in b))
        assert value == pytest.approx((1 - cosine) ** gamma)


def test_rows_that_agree_and_rows_of_zero_are_finite_with_their_gradients() -> None:
    for gamma in (1.0, 1.5, 3.0):
        x = torch.tensor([[1.0, 2.0], [0.0, 0.0], [3.0, 1.0]], requires_grad=True)
        y = torch.tensor([[0.1, 0.2], [1.0, 1.0], [0.0, 0.0]])
        value = scaled_cosine_error(x, y, gamma)
        torch.testing.assert_close(value.detach(), torch.tensor([0.0, 1.0, 1.0]), rtol=0, atol=1e-6)
        value.sum().backward()
        assert bool(x.grad.isfinite().all())


def test_rows_find_their_target_by_id_and_the_target_takes_no_gradient() -> None:
    decoded, features = random(6, 4, 1), random(6, 4, 2)
    flow = FakeFlow({"a.decoder[masked]": picked(decoded, [4, 1]), "input.x": Rows(features, None, torch.arange(6))})
    (group,) = Reconstruction("a.decoder[masked]", gamma=3.0)(flow)
    torch.testing.assert_close(group.values, scaled_cosine_error(decoded[[4, 1]], features[[4, 1]], 3.0))
    assert group.ids.tolist() == [4, 1]
    group.values.sum().backward()
    assert features.grad is None
    assert decoded.grad.abs().sum(1).nonzero().view(-1).tolist() == [1, 4]
    (squared,) = Reconstruction("a.decoder[masked]", error="squared")(flow)
    torch.testing.assert_close(squared.values, squared_error(decoded[[4, 1]], features[[4, 1]]))
    torch.testing.assert_close(squared.values[0], (decoded[4] - features[4]).square().mean())


def test_a_decoder_of_another_width_is_refused() -> None:
    flow = FakeFlow({"a": random(3, 4, 1), "input.x": random(3, 5, 2)})
    with pytest.raises(UserError, match=r"'a' is 4 wide and 'input.x' 5; give the decoder dim: 0"):
        Reconstruction("a")(flow)
