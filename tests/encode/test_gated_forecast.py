from __future__ import annotations

import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.encode.gated_forecast import GatedForecast
from graphcl.encode.weights import group_norms

from ..contract.toys import window_graph

LATENT = torch.randn(30, 12, generator=generator(0, "latent"))  # 6 metrics, 2 columns each


def forecaster(**options: object) -> GatedForecast:
    return GatedForecast(hidden=3, in_dim=12, graph=window_graph(), generator=generator(1), **options)  # type: ignore[arg-type]


def test_each_target_is_a_perceptron_over_all_sources() -> None:
    head = forecaster()
    result = head(LATENT)
    for i in range(6):
        hidden = torch.relu(LATENT @ head.inward[i].reshape(3, 12).T + head.bias.view(6, 3)[i])
        torch.testing.assert_close(result[:, i], hidden @ head.outward[i] + head.offset[i])


def test_a_closed_gate_hides_its_source() -> None:
    head = forecaster()
    with torch.no_grad():
        head.inward[4, :, 2] = 0.0
    moved = LATENT.clone()
    moved[:, 4:6] += 3.0
    same = torch.isclose(head(LATENT), head(moved)).all(0)
    assert same.tolist() == [False] * 4 + [True, False]
    assert float(head.weights()[4, 2]) == 0.0
    assert int((head.weights() == 0).sum()) == 1


def test_an_attention_scales_each_source() -> None:
    plain, gated = forecaster(), forecaster(gate="attention")
    torch.testing.assert_close(gated(6 * LATENT), plain(LATENT))  # softmax of ones
    with torch.no_grad():
        gated.attention[2, 1] = -1e9  # type: ignore[index]
    assert float(gated.weights()[2, 1]) == -1e9
    moved = LATENT.clone()
    moved[:, 2:4] += 3.0
    assert torch.isclose(gated(LATENT), gated(moved)).all(0).tolist() == [False, False, True, False, False, False]


def test_the_rise_is_that_of_shuffled_inputs() -> None:
    head, target = forecaster(), torch.randn(30, 6, generator=generator(2))
    rise, spread = head.permuted_rise(LATENT, target, generator=generator(3))
    draw = generator(3)
    for source in range(6):
        order, shuffled = torch.randperm(30, generator=draw), LATENT.clone()
        shuffled[:, 2 * source : 2 * source + 2] = LATENT[order, 2 * source : 2 * source + 2]
        change = (head(shuffled) - target).square() - (head(LATENT) - target).square()
        torch.testing.assert_close(rise[:, source], change.mean(0), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(spread[:, source], change.std(0) / 30**0.5, atol=1e-5, rtol=1e-4)


def test_norms_of_groups_by_loops_and_their_gradient_at_zero() -> None:
    weight = torch.randn(2, 3, 4, 5, generator=generator(4), dtype=torch.float64)
    weight[1, :, 2] = 0.0
    weight.requires_grad_()
    norms = group_norms(weight)
    for i in range(2):
        for j in range(4):
            torch.testing.assert_close(norms[i, j], weight[i, :, j].norm())
    torch.testing.assert_close(group_norms(weight, rows=2, groups=0), norms.T)
    (gradient,) = torch.autograd.grad(norms.sum(), weight)
    assert not gradient[1, :, 2].any()
    torch.testing.assert_close(gradient[0, :, 1], (weight / norms[:, None, :, None])[0, :, 1])


def test_a_latent_without_equal_parts_is_refused() -> None:
    with pytest.raises(UserError, match="13 columns has no equal parts for 6 metrics"):
        GatedForecast(in_dim=13, graph=window_graph(), generator=generator(0))
