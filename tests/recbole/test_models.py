"""Our recommenders in RecBole: found by name, trained by RecBole's own functions."""

from __future__ import annotations

from typing import Any

import pytest

from graphcl.core.config.recipe import load_recipe, recipe_names
from graphcl.from_recbole.names import LEFT_OUT, NAMES, PREFIX, TAKEN
from graphcl.recbole import zoo
from tests.recbole.conftest import Run

GENERAL = [name for recipe, name in NAMES.items() if load_recipe(recipe)["task"] == "recommend"]
SEQUENTIAL = [name for name in NAMES.values() if name not in GENERAL]


def settings(name: str) -> dict[str, Any]:
    if name in GENERAL:
        return {"data": "small"}
    return {"data": "tiny", "MAX_ITEM_LIST_LENGTH": 10, "n_layers": 1, "train_batch_size": 256}


def test_every_recommender_of_ours_has_a_name() -> None:
    tasks = {name: load_recipe(name)["task"] for name in recipe_names()}
    assert set(NAMES) | set(LEFT_OUT) == {name for name, task in tasks.items() if task in ("recommend", "sequence")}
    assert len(set(NAMES.values())) == len(NAMES)


def test_recboles_own_models_keep_their_names() -> None:
    from recbole.model.general_recommender import SGL
    from recbole.utils import get_model

    free = {"SimGCL", "XSimGCL", "DirectAU", "LightGCL", "CL4SRec", "DuoRec", "CoSeRec", "MCLRec", "BPRMF"}
    taken = set(NAMES.values()) & set(zoo.recbole_names())
    assert taken == TAKEN
    assert free <= set(zoo.our_names())
    assert not taken & set(zoo.our_names())
    assert get_model("SGL") is SGL
    assert {PREFIX + name for name in free | taken} <= set(zoo.our_names())


@pytest.mark.parametrize("name", NAMES.values())
def test_trains_and_is_evaluated(run: Run, name: str) -> None:
    result = run(PREFIX + name, saved=True, **settings(name))
    assert 0 <= result["test_result"]["recall@10"] <= 1
