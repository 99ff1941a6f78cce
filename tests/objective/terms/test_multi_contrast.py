from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.objective.base import reduce_groups
from graphcl.objective.terms.info_nce import InfoNCE
from graphcl.objective.terms.multi_contrast import (
    MultiContrast,
    draw_tuples,
    multi_contrast,
    multilinear,
    own_tuples,
    product,
)

from ..fake_flow import FakeFlow, picked, random, unit


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_by_hand() -> None:
    """Unit rows (1, 1)/sqrt 2 and (1, -1)/sqrt 2: products of three are 1, 0 or -1 times sqrt 2 / sqrt 2."""
    x, y = torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, -1.0]])
    # entries 1/2^(3/2), two of them, times sqrt 2
    assert multilinear([x, x, x]).item() == pytest.approx(2 * 2**-1.5 * 2**0.5)
    assert multilinear([x, y, x]).item() == pytest.approx(0.0)
    assert multilinear([x, y, y]).item() == pytest.approx(1.0)
    assert multilinear([x, 7 * y]).item() == pytest.approx(0.0)  # of two, the cosine


def test_against_the_sum_over_all_tuples() -> None:
    records, t = [random(4, 3, seed) for seed in range(3)], 0.3
    unit_records = [unit(x) for x in records]

    def logit(*rows: int) -> Tensor:
        return math.sqrt(3) * torch.stack([z[i] for z, i in zip(unit_records, rows, strict=True)]).prod(0).sum() / t

    expected = torch.zeros(4, dtype=torch.float64)
    for i, place in itertools.product(range(4), range(3)):
        others = list(itertools.product(range(4), repeat=2))
        logits = torch.stack([logit(*pair[:place], i, *pair[place:]) for pair in others])
        expected[i] += (torch.logsumexp(logits, 0) - logit(i, i, i)) / 3
    found = multi_contrast(records, t, 0, generator=seeded())
    torch.testing.assert_close(found, expected)
    ours, theirs = (torch.autograd.grad(value.sum(), records) for value in (found, expected))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("draws", [0, 1, 3])
def test_of_two_records_it_is_the_symmetric_contrast(draws: int) -> None:
    a, b = random(6, 3, 0), random(6, 3, 1)
    flow = FakeFlow({"a": picked(a, [5, 0, 2]), "b": picked(b, [2, 3, 5])})
    (found,) = MultiContrast(["a", "b"], draws=draws, temperature=0.4)(flow)
    assert found.left_out == 1
    assert found.ids is not None
    assert found.ids.tolist() == [5, 2]
    s = unit(a[[5, 2]]) @ unit(b[[5, 2]]).T / 0.4
    expected = (torch.logsumexp(s, 0) + torch.logsumexp(s, 1)) / 2 - s.diagonal()
    torch.testing.assert_close(found.values, expected)


@pytest.mark.parametrize("draws", [1, 4])
def test_drawn_tuples_hold_every_row_equally_often_and_their_own_is_left_out(draws: int) -> None:
    tuples = draw_tuples(5, 2, draws, seeded())
    assert tuples.shape == (2, 5 * draws)
    assert all(place.bincount().tolist() == [draws] * 5 for place in tuples)
    assert not torch.equal(tuples[0], tuples[1])
    own = own_tuples(torch.tensor([[0, 2, 1, 2, 0], [0, 1, 2, 2, 0]]), 3)
    assert [own.indices[own.indptr[i] : own.indptr[i + 1]].tolist() for i in range(3)] == [[0, 4], [], [3]]


def test_too_many_tuples_are_refused_and_so_is_one_record() -> None:
    x = torch.zeros(600, 2)
    with pytest.raises(UserError, match=r"all combinations of 600 rows of 2 records are 360000.*set draws"):
        multi_contrast([x, x, x], draws=0, generator=seeded())
    with pytest.raises(UserError, match="two addresses or more"):
        MultiContrast(["a"])


# --- a xor b ------------------------------------------------------------------------------------------

BITS = torch.tensor(list(itertools.product([0.0, 1.0], repeat=4)))


def retrieved(loss: Callable[[list[Tensor]], Tensor], score: Callable[[Tensor, Tensor, Tensor], Tensor]) -> float:
    """How often c = a xor b is found among all 16 by encoders (affine maps) trained with this loss."""
    generator = seeded(1)
    maps = [torch.nn.Linear(4, 8) for _ in range(3)]
    for layer in maps:
        torch.nn.init.normal_(layer.weight, generator=generator)
        torch.nn.init.normal_(layer.bias, generator=generator)
    optimizer = torch.optim.Adam([p for layer in maps for p in layer.parameters()], lr=0.1)
    for _ in range(120):
        a, b = (BITS[torch.randint(16, (24,), generator=generator)] for _ in range(2))
        batch = [layer(x) for layer, x in zip(maps, (a, b, (a != b).float()), strict=True)]
        optimizer.zero_grad()
        loss(batch).backward()
        optimizer.step()
    with torch.no_grad():
        first, second = (x.flatten(0, 1) for x in (BITS[:, None].expand(-1, 16, -1), BITS[None].expand(16, -1, -1)))
        a, b, c = maps[0](first), maps[1](second), maps[2](BITS)
        right = (first != second).float() @ torch.tensor([8, 4, 2, 1.0])
        return float((score(a, b, c).argmax(1) == right).float().mean())


@pytest.mark.parametrize("draws", [0, 1])
def test_it_finds_the_exclusive_or_that_no_pair_of_records_shows(draws: int) -> None:
    generator = seeded(2)

    def pairs(batch: list[Tensor]) -> Tensor:
        flow = FakeFlow(dict(zip("abc", batch, strict=True)))
        terms = [InfoNCE(x, y, symmetric=True) for x, y in itertools.combinations("abc", 2)]
        return torch.stack([reduce_groups(term(flow), "mean") for term in terms]).sum()

    def together(batch: list[Tensor]) -> Tensor:
        return multi_contrast(batch, draws=draws, generator=generator).mean()

    by_pairs = retrieved(pairs, lambda a, b, c: (unit(a) + unit(b)) @ unit(c).T)
    by_product = retrieved(together, lambda a, b, c: product([a, b]) @ unit(c).T)
    assert by_pairs < 0.15  # chance is 1 / 16
    assert by_product > 0.9
