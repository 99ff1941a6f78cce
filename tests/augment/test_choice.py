"""one_of: how often each is picked, that it is that augmenter and no other, and what it refuses."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

import graphcl
from graphcl.augment import DropEdges, MaskFeatures, OneOf
from graphcl.augment.choice import pick
from graphcl.core.errors import ConfigError, UserError
from graphcl.core.seeds import generator
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
