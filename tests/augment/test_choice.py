"""one_of: how often each is picked, that it is that augmenter and no other, and what it refuses."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch_geometric.data import Data

import graphcl
from graphcl.augment import DropEdges, MaskFeatures, OneOf
from graphcl.augment.choice import pick, pick_each
from graphcl.core.errors import ConfigError, UserError
from graphcl.core.seeds import generator
from graphcl.graph.chain import build_chains
from tests.contract.toys import batch_graph, plain_graph, tensors

CHOICES = {"drop_edges": {"p": 0.5}, "mask_features": {"p": 0.5}}


@pytest.mark.parametrize("weights", [None, [1.0, 3.0, 0.0]])
def test_each_is_picked_as_often_as_its_weight_says(weights: list[float] | None) -> None:
    module = OneOf({"drop_edges": {}, "drop_nodes": {}, "mask_features": {}}, weights)
    draw = generator(0)
    picked = Counter(pick(torch.tensor(module.weights), generator=draw) for _ in range(4000))
    shares = [1 / 3] * 3 if weights is None else [0.25, 0.75, 0.0]
    for position, share in enumerate(shares):
        assert picked[position] / 4000 == pytest.approx(share, abs=0.03 if share else 0)


def test_the_result_is_that_of_the_augmenter_picked() -> None:
    graph, module = batch_graph(), OneOf(CHOICES)
    found = set()
    for seed in range(12):
        draw = generator(seed)
        position = pick(torch.tensor(module.weights), generator=draw)
        alone = (DropEdges(0.5), MaskFeatures(0.5))[position](graph, generator=draw)
        result = module(graph, generator=generator(seed))
        assert tensors(result).keys() == tensors(alone).keys()
        assert all(torch.equal(value, tensors(alone)[name]) for name, value in tensors(result).items())
        found.add(position)
    assert found == {0, 1}


def test_a_choice_gets_what_it_prepares() -> None:
    graph = plain_graph()
    module = OneOf({"drop_edges": {"p": 0.4, "centrality": "degree"}})
    prepared = module.prepare(graph)
    assert prepared[0] is not None
    first = module(graph, generator=generator(1), prepared=prepared)
    assert torch.equal(first.edge_index, module(graph, generator=generator(1)).edge_index)


@pytest.mark.parametrize(
    ("choices", "weights", "message"),
    [
        (CHOICES, [1.0], "2 choices need as many weights"),
        (CHOICES, [0.0, 0.0], "not all 0"),
        ({"low_rank": {"rank": 2}}, None, "low_rank augments a operator"),
        ({"drop_edgs": {}}, None, "nearest: 'drop_edges'"),
        ({"drop_edges": {"p": 2.0}}, None, "option 'p'"),
    ],
)
def test_bad_choices(choices: dict[str, dict[str, object]], weights: list[float] | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        OneOf(choices, weights)


def test_options_of_choices_are_checked_before_any_data_is_read() -> None:
    at = "views.a.augment.one_of.choices"
    with pytest.raises(ConfigError, match=r"unknown key 'views\.a\.augment\.one_of\.choices\.drop_nodes\.q'"):
        graphcl.load("graphcl", f"{at}.drop_nodes.q=0.2")
    assert graphcl.load("graphcl", f"{at}.drop_nodes.p=0.2")[f"{at}.drop_nodes.p"] == 0.2


OF_CHAINS = {"crop_chain": {"ratio": 0.5}, "mask_items": {"ratio": 0.5}, "reorder_chain": {"ratio": 1.0}}


class TestPerChain:
    ITEMS = 100

    def histories(self, lengths: list[int]) -> Data:
        """Ascending from 10 x the number of the chain, so that what was done to each can be told."""
        item = torch.cat([torch.arange(n) + 10 * (chain % 5) for chain, n in enumerate(lengths)])
        return build_chains(item, torch.tensor([0, *lengths]).cumsum(0), num_items=self.ITEMS)

    def done(self, before: Data, after: Data) -> list[str]:
        """What became of each chain."""
        found = []
        for number in range(len(before.ptr) - 1):
            old, new = (graph.item[graph.batch == number].tolist() for graph in (before, after))
            if old == new:
                found.append("same")
            elif len(new) < len(old):
                assert new == list(range(new[0], new[0] + len(old) // 2))
                assert set(new) <= set(old)
                found.append("crop_chain")
            elif self.ITEMS in new:
                assert all(one in (two, self.ITEMS) for one, two in zip(new, old, strict=True))
                found.append("mask_items")
            else:
                assert sorted(new) == old
                found.append("reorder_chain")
        return found

    def test_each_chain_has_a_pick_of_its_own_and_keeps_its_place(self) -> None:
        before = self.histories([8] * 600)
        result = OneOf(OF_CHAINS, [1.0, 2.0, 1.0], per="chain")(before, generator=generator(0))
        found = Counter(self.done(before, result))
        shares = {name: found[name] / 600 for name in OF_CHAINS}
        assert shares == pytest.approx({"crop_chain": 0.25, "mask_items": 0.5, "reorder_chain": 0.25}, abs=0.06)
        assert result.too_short == 0

    def test_views_of_different_places_never_pick_the_same(self) -> None:
        before = self.histories([8] * 400)
        views = [
            self.done(before, OneOf(OF_CHAINS, per="chain", place=place)(
                before, generator=generator(place), shared=generator(7)))
            for place in range(3)
        ]
        for picks in zip(*views, strict=True):
            assert len(set(picks)) == 3
        assert 0.25 < views[0].count("crop_chain") / 400 < 0.42
        with pytest.raises(UserError, match="a generator that all views get"):
            OneOf(OF_CHAINS, per="chain", place=0)(before, generator=generator(0))

    def test_short_chains_pick_what_they_may(self) -> None:
        before = self.histories([4, 8] * 100)
        least = {"crop_chain": 5, "reorder_chain": 5}
        found = self.done(before, OneOf(OF_CHAINS, per="chain", min_length=least)(before, generator=generator(0)))
        assert set(found[::2]) == {"mask_items"}
        assert set(found[1::2]) == set(OF_CHAINS)
        nothing = OneOf(OF_CHAINS, per="chain", min_length=dict.fromkeys(OF_CHAINS, 5))
        result = nothing(before, generator=generator(0))
        assert set(self.done(before, result)[::2]) == {"same"}
        assert result.too_short == 100

    def test_similar_items_are_of_the_training_chains(self) -> None:
        train = build_chains(torch.tensor([0, 7, 1, 7]), torch.tensor([0, 2, 4]), num_items=self.ITEMS)
        module = OneOf({"substitute_items": {"ratio": 1.0}, "crop_chain": {}}, [1.0, 0.0], per="chain")
        assert module.prepares_task
        batch = build_chains(torch.tensor([0, 1, 0]), torch.tensor([0, 2, 3]), num_items=self.ITEMS)
        result = module(batch, generator=generator(0), prepared=module.prepare(train))
        assert result.item.tolist() == [7, 7, 7]
        assert not OneOf(OF_CHAINS).prepares_task

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"place": 0}, "set per: chain"),
            ({"min_length": {"crop_chain": 3}}, "set per: chain"),
            ({"per": "chain", "min_length": {"crop_chian": 3}}, "no choice; nearest: 'crop_chain'"),
            ({"per": "chain", "place": 3}, "place=3 is not below the number of choices"),
            ({"per": "chain", "weights": [1.0, 1.0, 0.0], "place": 2}, "place=2 is not below"),
        ],
    )
    def test_options_that_do_not_fit(self, options: dict[str, object], message: str) -> None:
        with pytest.raises(UserError, match=message):
            OneOf(OF_CHAINS, **options)  # type: ignore[arg-type]


def test_draws_without_replacement_go_by_the_weights() -> None:
    weights = torch.tensor([1.0, 3.0, 0.0]).expand(4000, 3)
    picks = [pick_each(weights, place, generator=generator(3)) for place in range(3)]
    assert (picks[0] == 1).double().mean().item() == pytest.approx(0.75, abs=0.03)
    assert bool((picks[0] + picks[1] == 1).all())
    assert bool((picks[2] == -1).all())
