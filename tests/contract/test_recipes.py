"""What holds of every shipped recipe: it loads, has no problems, says what it is, and its resolved form reads back."""

from __future__ import annotations

from pathlib import Path

import pytest

import graphcl
from graphcl.core.config import yaml12
from graphcl.core.config.check import check
from graphcl.core.config.recipe import Recipe, read_resolved, recipe_names
from graphcl.core.config.tree import long_path, part_name
from graphcl.core.paths import share
from graphcl.core.registry import resolve
from graphcl.engine.model import Model
from graphcl.engine.phases import make_phases
from graphcl.engine.prepare import make_task
from tests.contract.test_tasks import load
from tests.contract.toys import text_data

all_recipes = pytest.mark.parametrize("name", recipe_names())


def test_the_walk_finds_every_yaml_file() -> None:
    """Also in folders below, should there ever be some."""
    folder = share("configs")
    assert sorted(path.stem for path in folder.rglob("*.yaml")) == recipe_names()
    family = {"bpr_mf", "lightgcn", "sgl", "simgcl", "xsimgcl", "ncl", "directau", "lightgcl", "lightgcl_paper"}
    assert family | {"grace"} <= set(recipe_names())


@all_recipes
def test_it_loads_without_a_problem(name: str) -> None:
    recipe = graphcl.load(name)
    assert check(dict(recipe.tree), recipe.origins) == []
    assert recipe["task"]
    assert recipe["title"]
    assert recipe["paper"]


@all_recipes
def test_its_resolved_form_reads_back_to_the_same_tree(name: str, tmp_path: Path) -> None:
    recipe = graphcl.load(name)
    path = tmp_path / "config.yaml"
    path.write_text(recipe.to_yaml(), encoding="utf-8")
    again = read_resolved(path, name)
    assert yaml12.load(again.to_yaml(), "again")[0] == yaml12.load(recipe.to_yaml(), "first")[0]
    for key in ("views", "towers", "heads", "latents", "states", "terms", "regularizers", "phases", "train", "data"):
        assert again[key] == recipe[key], key


@all_recipes
def test_every_value_can_be_set_from_the_command_line(name: str) -> None:
    recipe = graphcl.load(name, "train.lr=0.123", "train.seed=7", "train.epochs=2")
    assert (recipe["train.lr"], recipe["train.seed"], recipe["train.epochs"]) == (0.123, 7, 2)
    assert recipe.origins["train.lr"] == "command line"


@all_recipes
def test_the_settings_it_has_for_a_data_set_fit_it(name: str) -> None:
    for data, settings in (graphcl.load(name).tree.get("per_data") or {}).items():
        recipe = graphcl.load(name, f"data={data}")
        assert check(dict(recipe.tree), recipe.origins) == []
        for path, value in settings.items():
            if path.endswith(".augment"):  # steps, whose further options have been filled in
                assert [*recipe[path]] == [name for step in value for name in step]
            elif "*" not in path:
                assert recipe[long_path(path)] == value, path


@all_recipes
def test_the_sources_it_writes_are_of_settings_that_it_has(name: str) -> None:
    text = (share("configs") / f"{name}.yaml").read_text(encoding="utf-8")
    own, kept = yaml12.load(text, name)[0].get("sources") or {}, graphcl.load(name).tree.get("sources") or {}
    assert set(own) <= set(kept)


def test_a_value_set_anew_loses_the_reason_of_the_old_one() -> None:
    reasons = graphcl.load("lightgcn")["sources"]
    assert "encoder.num_layers" in reasons
    assert "encoder.num_layers" not in graphcl.load("lightgcn", "encoder.num_layers=2")["sources"]
    assert "regularizers.l2.weight" not in graphcl.load("lightgcn", "~regularizers=l2")["sources"]


def _reads_texts(recipe: Recipe) -> bool:
    labels = [label for spec in recipe["views"].values() for label in spec["augment"]]
    return any(resolve("augmenter", part_name(label)).meta.get("needs") == "text" for label in labels)


@all_recipes
def test_it_can_be_built_for_the_smallest_data(name: str) -> None:
    recipe = graphcl.load(name)
    data = text_data() if _reads_texts(recipe) else load(recipe.data_part)
    task = make_task(recipe, data)
    model = Model(recipe, task, seed=0)
    assert make_phases(recipe, model, task.types)
    assert sum(parameter.numel() for parameter in model.trainable().values()) > 0
