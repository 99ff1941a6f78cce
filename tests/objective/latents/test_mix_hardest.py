from __future__ import annotations

import pytest
import torch

import graphcl
from graphcl.objective.base import Rows
from graphcl.objective.latents.mix_hardest import MixHardest, mix_hardest
from graphcl.objective.terms.uniformity import uniformity
from tests.recipes.node_runs import losses


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


KEYS = torch.eye(4)
QUERIES = torch.tensor([[1.0, 0.9, 0.0, 0.0], [0.0, 0.0, 2.0, 1.0]])


def test_of_two_keys_it_mixes_the_hardest() -> None:
    mixed = mix_hardest(QUERIES, 5 * KEYS, hardest=2, mixed=50, with_query=0, generator=seeded())
    assert mixed.shape == (2, 50, 4)
    torch.testing.assert_close(mixed.norm(dim=2), torch.ones(2, 50))
    # the two hardest keys of the first query are 0 and 1, of the second 2 and 3
    assert float(mixed[0, :, 2:].abs().max()) == 0.0
    assert float(mixed[1, :, :2].abs().max()) == 0.0
    assert float(mixed[0, :, 0].std()) > 0.1


@pytest.mark.parametrize("most", [0.5, 0.1])
def test_of_the_query_and_a_key_the_key_weighs_more(most: float) -> None:
    """norm(b q + (1 - b) n) with q and n orthogonal: its entries are as b to 1 - b, uniform below ``most``."""
    q, key = torch.tensor([[0.0, 2.0]]), torch.tensor([[3.0, 0.0]])
    found = mix_hardest(q, key, hardest=1, mixed=0, with_query=2000, most_query=most, generator=seeded())[0]
    share = found[:, 1] / found.sum(1)
    assert float(share.max()) <= most
    assert float(share.mean()) == pytest.approx(most / 2, rel=0.05)


def test_fewer_keys_than_wanted_none_at_all_and_no_query() -> None:
    for keys, wide in ((KEYS[:0], 0), (KEYS[:1], 5)):
        assert mix_hardest(QUERIES, keys, hardest=8, mixed=3, with_query=2, generator=seeded()).shape == (2, wide, 4)
    assert mix_hardest(QUERIES[:0], KEYS, hardest=8, mixed=3, with_query=2, generator=seeded()).shape == (0, 0, 4)


def test_a_row_does_not_mix_the_key_of_its_own_node() -> None:
    augmenter, ids = MixHardest("k", hardest=3, mixed=40, with_query=0), torch.tensor([7, 9, 2, 5])
    queries, nodes = torch.tensor([[1.0, 1.0, 2.0, 1.0]]).repeat(2, 1), torch.tensor([2, 8])
    found = augmenter(queries, keys=Rows(KEYS, None, ids), ids=nodes, generator=seeded())
    assert float(found[0, :, 2].abs().max()) == 0.0
    assert bool((found[0, :, [0, 1, 3]].amax(0) > 0).all())
    anonymous = augmenter(queries, keys=Rows(KEYS), ids=nodes, generator=seeded())
    assert float(anonymous[0, :, 2].max()) > 0  # keys of a queue have no ids


def test_it_takes_no_gradient_and_its_draws_are_those_of_the_generator() -> None:
    queries = QUERIES.clone().requires_grad_()
    one, same, other = (
        mix_hardest(queries, KEYS, hardest=2, mixed=3, with_query=2, generator=seeded(s)) for s in (1, 1, 2)
    )
    assert not one.requires_grad
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_the_recipe_contrasts_what_it_mixes_and_not_the_anchors_own_key() -> None:
    small = ("encoder.dim=8", "heads.proj.dim=8", "latents.mix.hardest=4", "latents.mix.mixed=8")
    runs = {
        change: tuple(losses("mochi", *small, *change.split()))
        for change in ("", "latents.mix.hardest=33", "latents.mix.mixed=0", "latents.mix.most_query=0.9")
    }
    assert len(set(runs.values())) == 4
    without = losses("mochi", *small, "terms.info_nce.own_negatives=", "~latents=mix")
    assert without[0] < min(run[0] for run in runs.values())  # more negatives, larger denominators


def planted(mixed: int) -> float:
    """Uniformity of the rows after 10 steps of contrast among 40 planted in 4 tight groups, with mixed negatives."""
    generator = seeded(3)
    rows = (torch.eye(4, 8).repeat(10, 1) + 0.05 * torch.randn(40, 8, generator=generator)).requires_grad_()
    optimizer = torch.optim.SGD([rows], lr=2.0)
    for _ in range(10):
        own = mix_hardest(rows, rows, hardest=9, mixed=mixed, with_query=0, own=torch.arange(40), generator=generator)
        optimizer.zero_grad()
        graphcl.contrast(rows, rows.detach(), torch.arange(40), own_candidates=own, temperature=0.2).mean().backward()
        optimizer.step()
    return float(uniformity(rows.detach()))


def test_mixed_negatives_spread_what_lies_close() -> None:
    """The paper's observation (section 5.2): the embedding is more uniform than without."""
    assert planted(64) < planted(0) - 0.2
