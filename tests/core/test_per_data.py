"""Settings for named data sets: a recipe's own over those of the recipe that it extends."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphcl.core.config.recipe import Recipe, load_recipe
from graphcl.core.errors import ConfigError

PARENT = """\
extends: grace
per_data:
  "*": null
  cora: {train.lr: 0.5, encoder.dim: 24, train.epochs: 7}
  photo: {train.lr: 0.25}
"""


def child(folder: Path, own: str, data: str = "cora") -> Recipe:
    (folder / "parent.yaml").write_text(PARENT)
    (folder / "child.yaml").write_text(f"extends: {folder / 'parent.yaml'}\n{own}\n")
    return load_recipe(str(folder / "child.yaml"), [f"data={data}"])


def read(recipe: Recipe) -> tuple[float, int, int]:
    return recipe["train.lr"], recipe["towers.main.dim"], recipe["train.epochs"]


def test_own_paths_win_and_the_others_stay(tmp_path: Path) -> None:
    recipe = child(tmp_path, "per_data:\n  cora:\n    train.lr: 0.125\n    towers.main.dim: 32\n")
    assert read(recipe) == (0.125, 32, 7), "encoder.dim is towers.main.dim by another name"
    assert recipe.origins["train.lr"] == f"{tmp_path / 'child.yaml'}:4"
    assert recipe.origins["train.epochs"] == f"{tmp_path / 'parent.yaml'}:4", "each value says where it was written"


def test_other_data_sets_keep_what_the_parent_sets(tmp_path: Path) -> None:
    own = "per_data: {cora: {train.lr: 0.125}}"
    assert child(tmp_path, own, "photo")["train.lr"] == 0.25
    assert read(child(tmp_path, "per_data: {citeseer: {train.lr: 0.125}}")) == (0.5, 24, 7)
    assert read(child(tmp_path, "title: nothing of its own")) == (0.5, 24, 7)


@pytest.mark.parametrize("drop", ["cora", "'*'"])
def test_null_drops_what_the_parent_sets(tmp_path: Path, drop: str) -> None:
    recipe = child(tmp_path, f"per_data:\n  {drop}: null\n")
    assert read(recipe) == (5e-4, 128, 200)
    assert child(tmp_path, f"per_data: {{{drop}: null}}", "photo")["train.lr"] == (0.25 if drop == "cora" else 5e-4)


def test_own_settings_alone(tmp_path: Path) -> None:
    assert read(child(tmp_path, "per_data: {'*': null, cora: {train.lr: 0.125}}")) == (0.125, 128, 200)


def test_a_run_s_recipe_reads_back_the_same(tmp_path: Path) -> None:
    recipe = child(tmp_path, "per_data: {'*': null, cora: {train.lr: 0.125}}")
    (tmp_path / "kept.yaml").write_text(recipe.to_yaml())
    assert load_recipe(str(tmp_path / "kept.yaml")).tree == recipe.tree


@pytest.mark.parametrize(
    ("own", "line"),
    [
        ("per_data: {photo: 3}", "'per_data.photo' is a mapping from paths (train.lr) to values, got 3"),
        ("per_data: {'*': {train.lr: 1}}", "'per_data.*' may only be null, which drops what the recipe that is"),
        ("per_data: [cora]", "'per_data' is a mapping from names of data sets to settings, got ['cora']"),
    ],
)
def test_what_is_no_mapping_is_refused_for_any_data(tmp_path: Path, own: str, line: str) -> None:
    with pytest.raises(ConfigError) as error:
        child(tmp_path, own)
    assert line in str(error.value)
