"""RecBole's split, exported and read by our engine, is the same rows; so is one that is translated."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import graphcl
from graphcl.engine.prepare import load_data, make_task
from graphcl.recbole.__main__ import run
from tests.recbole.conftest import SETTINGS
from tests.recbole.test_equal_to_ours import Make


def exported(dataset: dict[str, Any], model: str, capsys: pytest.CaptureFixture[str]) -> Any:
    Path("config.yaml").write_text(yaml.safe_dump(dataset))
    assert run(["-m", model, "-d", "tiny", "--config_files", "config.yaml", "--export", "out"]) == 0
    words = shlex.split(capsys.readouterr().out.strip().splitlines()[-1])
    assert words[:2] == ["graphcl", "train"]
    recipe = graphcl.load(*words[2:])
    return recipe, load_data(recipe)


def tokens(data: Any, pairs: Any) -> list[tuple[str, str]]:
    return list(zip(data.users.values[pairs.users], data.items.values[pairs.items], strict=True))


def rows(dataset: Any) -> list[tuple[str, str]]:
    fields = (dataset.uid_field, dataset.iid_field)
    return list(zip(*(dataset.field2id_token[field][dataset.inter_feat[field]] for field in fields), strict=True))


def test_pairs(dataset: dict[str, Any], make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    recipe, data = exported(dataset, "LightGCL", capsys)
    made = make("LightGCL", data="tiny")
    assert recipe.name == "lightgcl"
    for ours, theirs in ((data.train, made.train), (data.held_out.valid, made.valid), (data.held_out.test, made.test)):
        assert sorted(tokens(data, ours)) == sorted(rows(theirs._dataset))


def test_histories(dataset: dict[str, Any], make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    recipe, data = exported(dataset, "CL4SRec", capsys)
    made = make("CL4SRec", data="tiny")
    assert sorted(tokens(data, data.held_out.test)) == sorted(rows(made.test._dataset))
    assert sorted(tokens(data, data.held_out.valid)) == sorted(rows(made.valid._dataset))
    inside, ours = made.model.task.train, make_task(recipe, data).train  # type: ignore[attr-defined]
    names = made.model.task.data
    theirs = {user: names.items.values[inside.items[inside.ptr[u] : inside.ptr[u + 1]]].tolist()
              for u, user in enumerate(names.users.values)}  # fmt: skip
    for u, user in enumerate(data.users.values):
        assert data.items.values[ours.items[ours.ptr[u] : ours.ptr[u + 1]]].tolist() == theirs[user]


@pytest.mark.parametrize("model", ["LightGCL", "CL4SRec"])
def test_the_command_has_the_settings_too(
    dataset: dict[str, Any], make: Make, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    given = {"temp": 0.3, "MAX_ITEM_LIST_LENGTH": 10, "topk": [3, 5], "valid_metric": "NDCG@5", "seed": 7}
    recipe, _ = exported(dataset | given, model, capsys)
    inside = make(model, **given, data="tiny").model.stepper.recipe
    assert (recipe["eval.k"], recipe["train.monitor"], recipe["train.seed"]) == ([3, 5], "ndcg@5", 7)
    for part in ("towers", "terms", "views", "regularizers", "train", "phases"):
        same = recipe[part] if part != "train" else recipe[part] | {"monitor": inside["train.monitor"]}
        assert same == inside[part], part
    if model == "CL4SRec":
        assert (recipe["data.row_layout"], recipe["data.max_len"]) == ("prefix", 10)


def test_a_model_of_recbole_has_the_recipe_of_its_name(
    dataset: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("config.yaml").write_text(yaml.safe_dump(dataset))
    for model, recipe in (("LightGCN", "lightgcn"), ("BPR", "RECIPE")):
        assert run(["-m", model, "-d", "tiny", "--config_files", "config.yaml", "--export", model]) == 0
        assert capsys.readouterr().out.splitlines()[-1].startswith(f"graphcl train {recipe} data.path={model} ")


def test_an_existing_folder_is_kept(dataset: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    assert run(["-m", "LightGCL", "-d", "tiny", "--export", "out", f"--data_path={dataset['data_path']}"]) == 2
    assert "out exists" in capsys.readouterr().err


def test_a_translated_leave_one_out_split_is_recboles(dataset: dict[str, Any], make: Make) -> None:
    from graphcl.from_recbole.translate import translate

    args = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"}
    given = {"model": "CL4SRec", "dataset": "tiny", "data_path": dataset["data_path"], "load_col": SETTINGS["load_col"]}
    Path("config.yaml").write_text(yaml.safe_dump(given | {"eval_args": args}))
    found = translate("config.yaml")
    data = load_data(graphcl.load(found.recipe, **found.settings))
    made = make("CL4SRec", data="tiny")
    assert sorted(tokens(data, data.held_out.test)) == sorted(rows(made.test._dataset))


def test_a_translated_filter_is_recboles(dataset: dict[str, Any], make: Make) -> None:
    from graphcl.from_recbole.translate import translate

    filters = {"val_interval": {"rating": "[4,inf)"}, "user_inter_num_interval": "[5,inf)",
               "item_inter_num_interval": "[4,inf)"}  # fmt: skip
    given = {"model": "LightGCL", "dataset": "small", "data_path": dataset["data_path"]}
    Path("config.yaml").write_text(yaml.safe_dump(given | filters | {"load_col": SETTINGS["load_col"]}))
    found = translate("config.yaml")
    data = load_data(graphcl.load(found.recipe, **found.settings))
    made = make("LightGCL", **filters)
    theirs = [row for part in (made.train, made.valid, made.test) for row in rows(part._dataset)]
    ours = [row for part in (data.train, data.held_out.valid, data.held_out.test) for row in tokens(data, part)]
    assert sorted(ours) == sorted(theirs)
    assert np.array_equal(np.sort(data.users.values), np.sort(made.train._dataset.field2id_token["user_id"][1:]))
