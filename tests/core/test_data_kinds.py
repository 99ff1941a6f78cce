"""Which data part reads a recipe's data: ``data.kind``."""

from __future__ import annotations

import pytest

import graphcl
from graphcl.core.config.data_kinds import data_kinds, data_part
from graphcl.core.errors import ConfigError, UserError


def test_a_task_reads_its_own_kind_first_and_those_that_name_it() -> None:
    assert data_kinds("graph")[0] == "graph_set"
    assert {"images", "series_set"} <= set(data_kinds("graph"))
    assert data_kinds("recommend") == ["interactions"]


def test_a_recipe_reads_the_kind_that_it_names() -> None:
    assert graphcl.load("graphcl").data_part == "graph_set"
    images = graphcl.load("simclr_patches")
    assert images.data_part == "images"
    assert images["data.k"] == 9
    assert images.override("data.patch=4").data_part == "images"


def test_a_kind_that_the_task_does_not_read_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"the task 'graph' reads no kind 'image'; nearest: 'images'"):
        data_part("graph", {"kind": "image"})
    with pytest.raises(UserError, match=r"data\.kind"):
        graphcl.load("simclr_patches", "data.kind=interactions")
    with pytest.raises(UserError, match=r"data\.kind"):
        graphcl.load("lightgcl", "data.kind=images")


def test_options_are_those_of_the_kind() -> None:
    with pytest.raises(ConfigError, match=r"data\.patch"):
        graphcl.load("graphcl", "data.patch=4")


@pytest.mark.parametrize(
    ("recipe", "name", "message"),
    [
        ("simclr_patches", "mutag", r"mutag is a data set for the kind 'graph_set', and this recipe reads 'images'"),
        ("graphcl", "digits", r"digits is a data set for the kind 'images', and this recipe reads 'graph_set'"),
        ("simclr_patches", "cora", r"cora is a data set for the task 'node', and this recipe's task is 'graph'"),
    ],
)
def test_a_data_set_of_another_kind_is_refused_before_it_is_read(recipe: str, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        graphcl.load(recipe, f"data={name}")
