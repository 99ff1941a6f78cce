from __future__ import annotations

import torch

from graphcl.encode.prototypes import Prototypes


def head(seed: int = 0) -> Prototypes:
    return Prototypes(4, in_dim=3, generator=torch.Generator().manual_seed(seed))


def test_scores_are_cosines_to_each_prototype() -> None:
    made = head()
    torch.testing.assert_close(made.weight.norm(dim=1), torch.ones(4))
    x = torch.cat([made.weight.detach()[2:3] * 5, -made.weight.detach()[1:2]])
    scores = made(x)
    assert (scores.shape, made.out_dim) == ((2, 4), 4)
    torch.testing.assert_close(scores[0, 2], torch.tensor(1.0))
    torch.testing.assert_close(scores[1, 1], torch.tensor(-1.0))


def test_the_length_of_a_prototype_does_not_count() -> None:
    made = head()
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    before = made(x)
    with torch.no_grad():
        made.weight *= torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    torch.testing.assert_close(made(x), before)


def test_prototypes_come_from_the_generator() -> None:
    assert torch.equal(head(0).weight, head(0).weight)
    assert not torch.equal(head(0).weight, head(1).weight)
