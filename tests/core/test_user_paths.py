"""Paths that a user gives: kept absolute in a run, and looked for before any data is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphcl.core import schema
from graphcl.core.config.recipe import load_recipe, recipe_names
from graphcl.core.registry import index

VIEWS = "views.*.augment.prompt_experts.views"
PATHS = ("path", "path-beside", "model")


def formats() -> dict[str, str]:
    return {
        f"{kind} {name} {option}": found["schema"].get("format", "")
        for kind, parts in index().items()
        for name, part in parts.items()
        for option, found in part["options"].items()
    }


def test_every_option_that_is_a_path_says_so() -> None:
    known = formats()
    for option in ("data node_graph path", "data images path", "data interactions path", "data molecules path",
                   "augmenter prompt_experts views", "augmenter edge_modifier views"):
        assert known[option] == "path", option
    assert {name for name in known if name.endswith(" path") and known[name] != "path"} == set()
    assert known["data histories items"] == "path-beside"
    text = schema.part_schema("data", "node_graph")["options"]["text"]["schema"]["properties"]
    assert text["model"]["format"] == "model"


def test_relative_paths_read_the_same_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    for name in ("nodes.csv", "edges.csv"):
        (tmp_path / name).touch()
    settings = ["data.path=nodes.csv,edges.csv", f"{VIEWS}=views", "train.init_from=old", "data.text.model=model"]
    recipe = load_recipe("gaugllm", settings)
    assert recipe["data.path"] == "nodes.csv,edges.csv", "what is said to a user is what he wrote"
    kept = recipe.with_absolute_paths()
    assert kept["data.path"] == f"{tmp_path}/nodes.csv,{tmp_path}/edges.csv"
    assert kept["views.b.augment.prompt_experts.views"] == str(tmp_path / "views")
    assert kept["train.init_from"] == str(tmp_path / "old")
    assert kept["data.text.model"] == str(tmp_path / "model")
    assert recipe.override("data.text.model=owner/name").with_absolute_paths()["data.text.model"] == "owner/name"
    assert recipe["data.path"] == "nodes.csv,edges.csv", "the recipe itself is not changed"


def test_files_beside_the_data_stay_relative_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "train.csv").touch()
    (tmp_path / "test.csv").touch()
    split = ["data.path=log", "data.split.files={train: train.csv, test: test.csv}"]
    kept = load_recipe("lightgcn", split).with_absolute_paths()
    assert kept["data.split.files.train"] == "train.csv"
    assert kept["data.split.files.test"] == str(tmp_path / "test.csv")
    assert load_recipe("lightgcn", split).missing_paths() == []
    assert load_recipe("lightgcn", [*split, "data.items=zz"]).missing_paths() == [
        "command line: 'data.items': zz does not exist"
    ]


def test_paths_of_parts_within_parts_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inner = "{one_of: {choices: {prompt_experts: {views: said}, drop_edges: {p: 0.1}}}}"
    kept = load_recipe("gaugllm", [f"views.b=[{inner}]"]).with_absolute_paths()
    choices = kept["views.b.augment.one_of.choices"]
    assert choices["prompt_experts"]["views"] == str(tmp_path / "said")


def test_home_is_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_recipe("grace", ["data.path=~/mine.npz"])["data.path"] == str(tmp_path / "mine.npz")


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("data.path=nowhere", "'data.path': nowhere does not exist"),
        ("data.path=nodes.csv,edge.csv", "'data.path': edge.csv does not exist; nearest: 'edges.csv'"),
        (f"{VIEWS}=said", "'views.b.augment.prompt_experts.views': said does not exist"),
        ("train.init_from=runs/old", "'train.init_from': runs/old does not exist"),
        ("data.text.model=./model", "'data.text.model': ./model does not exist"),
    ],
)
def test_what_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("nodes.csv", "edges.csv"):
        (tmp_path / name).touch()
    assert load_recipe("gaugllm", [setting]).missing_paths()[0] == f"command line: {line}"


@pytest.mark.parametrize("setting", ["data.text.model=owner/name", "data=ml-100k", "data.path=."])
def test_what_may_be_elsewhere_is_not_missing(setting: str) -> None:
    recipe = "lightgcn" if "ml-100k" in setting else "gaugllm"
    assert load_recipe(recipe, [setting]).missing_paths() == []


def test_no_packed_recipe_misses_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [name for name in recipe_names() if load_recipe(name).missing_paths()] == []
    assert load_recipe("lightgcn", ["data=gowalla"]).missing_paths() == [], "its files lie where the data set is found"
