"""A name and a path of data: the later one is read, and both at once are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphcl.core.config.recipe import load_recipe
from graphcl.core.errors import ConfigError

BOTH = r"^command line: 'data.name' \({}\) and 'data.path' \(mine.npz\) are two sets of data; leave one out$"


@pytest.mark.parametrize("name", ["cora", "coar"])
@pytest.mark.parametrize("order", [1, -1])
def test_both_on_the_command_line_are_refused(name: str, order: int) -> None:
    with pytest.raises(ConfigError, match=BOTH.format(name)):
        load_recipe("grace", [f"data={name}", "data.path=mine.npz"][::order])


def test_both_as_keywords_are_refused() -> None:
    for settings in ({"data": {"name": "cora", "path": "a"}}, {"data.name": "cora", "data.path": "a"}):
        with pytest.raises(ConfigError, match=r"^keyword: 'data.name' \(cora\) and 'data.path' \(a\) are two sets"):
            load_recipe("grace", settings=settings)


def test_a_path_comes_before_the_recipes_own_name() -> None:
    recipe = load_recipe("grace", ["data.path=mine.npz"])
    assert recipe["data.path"] == "mine.npz"
    assert load_recipe("grace", ["data.path=mine.npz", "data.name=''"])["data.path"] == "mine.npz"


def test_a_name_comes_before_a_path_from_below_and_brings_its_settings(tmp_path: Path) -> None:
    mine, child, named = (tmp_path / f"{name}.yaml" for name in ("mine", "child", "named"))
    named.write_text("data: {name: cora}\n")
    mine.write_text("extends: grace\ndata: {path: mine.npz}\n")
    child.write_text(f"extends: {mine}\ndata: {{name: cora}}\n")
    expected = load_recipe("grace", ["data=cora"]).tree
    for recipe in (
        load_recipe(str(mine), ["data=cora"]),
        load_recipe(str(mine), settings={"data": "cora"}),
        load_recipe(str(child)),
        load_recipe(str(mine), files=[str(named)]),
        load_recipe(str(mine)).override("data=cora").override(
            *(f"{path}={value}" for path, value in {"train.epochs": expected["train"]["epochs"]}.items())
        ),
    ):
        assert recipe["data"]["name"] == "cora"
        assert recipe["data.path"] == ""
        assert recipe["train.epochs"] == expected["train"]["epochs"]
    assert load_recipe(str(mine))["data.path"] == "mine.npz"
    assert load_recipe(str(child), ["data.path=other.npz"])["data.path"] == "other.npz"


def test_one_file_may_have_both_as_a_run_writes_them(tmp_path: Path) -> None:
    kept = tmp_path / "config.yaml"
    kept.write_text(load_recipe("grace", ["data.path=mine.npz"]).to_yaml())
    assert load_recipe(str(kept))["data.path"] == "mine.npz"
    assert load_recipe(str(kept), ["data=cora"])["data.path"] == ""


def test_settings_laid_over_one_after_the_other_are_not_both_at_once() -> None:
    recipe = load_recipe("grace", ["data=cora"]).override("data.path=mine.npz")
    assert recipe["data.path"] == "mine.npz"
    assert recipe.with_settings({"data": "karate"})["data.path"] == ""
