"""A YAML file of RecBole as settings of a recipe; RecBole itself is not needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from graphcl.core.config.recipe import load_recipe
from graphcl.core.errors import ConfigError, UserError
from graphcl.from_recbole.keys import defaults, keys_of, overrides
from graphcl.from_recbole.names import RECIPES
from graphcl.from_recbole.recipes import recipe_of
from graphcl.from_recbole.translate import Translation, translate

LS = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"}
TIMED = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}}


def translated(tmp_path: Path, model: str = "LightGCL", **given: Any) -> Translation:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"model": model, "dataset": "clicks", **given}))
    return translate(file)


def test_a_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "model: LightGCL\ndataset: clicks\ndata_path: logs\nUSER_ID_FIELD: who\n"
        "load_col: {inter: [who, item_id, rating, timestamp], user: [who, age]}\n"
        "val_interval: {rating: '[3,inf)'}\nuser_inter_num_interval: '[5,inf)'\nitem_inter_num_interval: '[2,inf)'\n"
        "eval_args: {split: {RS: [8, 1, 1]}, order: TO, group_by: user, mode: full}\n"
        "topk: [10, 20]\nvalid_metric: NDCG@10\nembedding_size: 32\nlearning_rate: 1e-3\nstopping_step: 4\n"
        "train_batch_size: 512\ntemp: 0.3\nseed: 7\nuse_gpu: false\nstate: INFO\nmess_dropout: 0.1\n"
    )
    found = translate(file)
    assert found.recipe == "lightgcl"
    assert found.settings == {
        "data.path": "logs/clicks/clicks.inter", "data.format": "atomic", "data.user": "who", "data.item": "item_id",
        "data.time": "timestamp", "data.repeats": "keep", "data.rating": "rating", "data.min_rating": 3.0,
        "data.k_core": {"user": 5, "item": 2},
        "data.split": {"by": "temporal_user", "ratios": [0.8, 0.1, 0.1], "per_user": True},
        "eval.k": [10, 20], "train.monitor": "ndcg@10", "towers.main.dim": 32, "train.lr": 1e-3, "train.patience": 5,
        "train.batch_size": 512, "terms.info_nce.temperature": 0.3, "train.seed": 7, "train.device": "cpu",
    }  # fmt: skip
    assert found.left_out == [
        "mess_dropout: lightgcl has nothing of the kind",
        "load_col: user: features of users and items are not read",
    ]
    recipe = load_recipe(found.recipe, settings=found.settings)
    assert recipe["data.k_core"] == {"user": 5, "item": 2}


def test_metrics_that_are_not_computed_are_named(tmp_path: Path) -> None:
    found = translated(tmp_path, metrics=["NDCG", "GAUC", "ItemCoverage"], valid_metric="ItemCoverage@10")
    assert found.left_out == ["metrics: GAUC: not computed"]
    assert (found.settings["eval.k"], found.settings["train.monitor"]) == ([10], "coverage@10")


def test_every_column_is_loaded_by_a_star(tmp_path: Path) -> None:
    assert translated(tmp_path, load_col={"inter": "*"}).settings["data.item"] == "item_id"


def test_histories(tmp_path: Path) -> None:
    found = translated(tmp_path, "CL4SRec", **TIMED, eval_args={**LS, "mode": "uni100"}, MAX_ITEM_LIST_LENGTH=20)
    assert found.settings["data.split.by"] == "leave_one_out"
    assert (found.settings["eval.sampled"], found.settings["eval.sampled_by"]) == (100, "uniform")
    assert found.settings["eval.mask_history"] is False
    assert found.settings["data.max_len"] == found.settings["towers.main.max_len"] == 20
    load_recipe(found.recipe, settings=found.settings)


def test_benchmark_files(tmp_path: Path) -> None:
    split = translated(tmp_path, benchmark_filename=["a", "b", "c"]).settings["data.split"]
    assert split == {"by": "given", "files": {part: f"clicks.{own}.inter" for part, own in
                                              (("train", "a"), ("valid", "b"), ("test", "c"))}}  # fmt: skip
    assert translated(tmp_path, benchmark_filename=["a", "c", "c"]).settings["data.split"]["valid"] == "none"


def test_weights_of_recboles_own_models_are_not_taken_for_ours(tmp_path: Path) -> None:
    found = translated(tmp_path, "SGL", ssl_weight=0.05, reg_weight=1e-5, ssl_tau=0.5, n_layers=2)
    assert {line.partition(":")[0] for line in found.left_out} == {"ssl_weight", "reg_weight"}
    assert found.settings["terms.info_nce.temperature"] == 0.5
    squares = translated(tmp_path, "LightGCN", reg_weight=1e-5, require_pow=True)
    assert squares.settings["regularizers.l2.weight"] == 1e-5


@pytest.mark.parametrize(("given", "line"), [
    ({"eval_args": {**LS, "order": "RO"}}, "eval_args: of LS"),
    ({"eval_args": {"split": {"RS": [0.8, 0.2]}}}, "three shares"),
    ({"eval_args": {"split": {"RS": [8, 1, 1]}, "mode": "uni100"}}, "here for each user"),
    ({"eval_args": {"mode": "labeled"}}, "full, uniN or popN"),
    ({"eval_args": {"mode": {"valid": "uni100", "test": "full"}}}, "one for both"),
    ({"val_interval": {"age": "[3,inf)"}}, "of 'rating' alone"),
    ({"val_interval": {"rating": "(3,5]"}}, "a least value"),
    ({"val_interval": {"rating": "[3,inf)"}, "rm_dup_inter": "last"}, "the other way"),
    ({"rm_dup_inter": "first"}, "'last' is what"), ({"user_inter_num_interval": "[0,9]"}, "a least value"),
    ({"train_neg_sample_args": {"distribution": "uniform", "dynamic": True}}, "dynamic"),
    ({"load_col": {"inter": ["user_id"]}}, "inter has no 'item_id'"),
    ({"benchmark_filename": ["a", "b"]}, "three parts"), ({"benchmark_filename": "abc"}, "three parts"),
    ({"load_col": ["user_id"]}, "load_col: expected {KEY: VALUE}"), ({"eval_args": "full"}, "eval_args: expected"),
    ({"val_interval": 4}, "val_interval: expected"), ({"train_neg_sample_args": 3}, "train_neg_sample_args: expected"),
    ({"train_neg_sample_args": {"distribution": "gauss"}}, "distribution: gauss: uniform or popularity"),
    ({"eval_args": {"split": {"RS": [8, 1, 1]}, "order": "XX"}}, "order: XX: RO or TO"),
    ({"eval_args": {"split": {"RS": 3}}}, "three shares"), ({"eval_args": {"split": {"RS": ["a", 1, 1]}}}, "three"),
    ({"eval_args": {"split": {"RS": [8, 1, 1]}, "order": "TO"}, "load_col": {"inter": ["user_id", "item_id"]}},
     "an order of time needs the column"),
    ({"topk": "ten"}, "topk: whole numbers >= 1, got 'ten'"), ({"topk": [0]}, "topk: whole numbers >= 1"),
    ({"valid_metric": "MRR@50"}, "valid_metric: MRR@50: one of hit, .* and K in topk"),
    ({"valid_metric": "GAUC"}, "valid_metric: GAUC: one of hit"),
    ({"dataset": None}, "which data set"), ({"epochs": 0}, "yaml: 'epochs' must be a whole number >= 1, got 0"),
    ({"stopping_step": "x"}, "yaml: stopping_step: 'x' is no number"),
    ({"clip_grad_norm": {"norm_type": 1}}, "yaml: clip_grad_norm: {max_norm: NUMBER} is what"),
])  # fmt: skip
def test_another_meaning_is_refused(tmp_path: Path, given: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        translated(tmp_path, **given)


def test_histories_need_their_time_and_a_split_of_histories(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="an order of time needs the column 'timestamp'"):
        translated(tmp_path, "SASRec", load_col={"inter": ["user_id", "item_id"]})
    with pytest.raises(ConfigError, match="RecBole parts prefixes"):
        translated(tmp_path, "SASRec", **TIMED, eval_args={"split": {"RS": [8, 1, 1]}, "order": "TO"})


def test_all_problems_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        translated(tmp_path, rm_dup_inter="first", eval_args={"mode": "labeled"})
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(("text", "line"), [
    ("model: NGCF\ndataset: x\n", "graphcl has no 'NGCF'"), ("model: LihgtGCL\n", "nearest: 'LightGCL'"),
    ("model: DT4IER\n", "DT4IER cannot be had in RecBole: it is told returns"),
    ("dataset: x\n", "no model"), ("- 1\n", "expected KEY: VALUE"), ("a: [\n", "cannot read"),
])  # fmt: skip
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(UserError, match=line):
        translate(tmp_path / "config.yaml")


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_defaults_change_nothing(name: str) -> None:
    recipe = recipe_of(name, "anything")
    assert {"embedding_size", "learning_rate", "epochs"} <= set(defaults(recipe))
    same = recipe.with_settings(overrides(recipe, defaults(recipe), "here"))
    assert {**same.tree, "sources": {}} == {**recipe.tree, "sources": {}}


@pytest.mark.parametrize("name", ["LightGCL", "NCL", "SGL", "SimGCL", "DirectAU", "SASRec", "CoSeRec", "BERT4Rec"])
def test_every_key_reaches_its_setting(name: str) -> None:
    recipe = recipe_of(name, "anything")
    acts = "relu" if recipe["task"] == "sequence" else "leaky_relu"
    for key, places in keys_of(recipe).values():
        value = {"learner": "sgd", "hidden_act": acts, "clip_grad_norm": {"max_norm": 1.0}}.get(key.name)
        if value is None:
            value = 0.25 if any(isinstance(_at(recipe.tree, place), float) for place in places) else 8
        changed = recipe.with_settings(overrides(recipe, {key.name: value}, "here"))
        assert all(_at(changed.tree, place) == key.ours(value) for place in places), key.name


def _at(tree: Any, path: str) -> Any:
    for key in path.split("."):
        tree = tree.get(key) if tree is not None else None
    return tree


def test_two_names_of_one_setting_must_agree() -> None:
    recipe = recipe_of("SGL", "anything")
    assert overrides(recipe, {"temp": 0.3, "ssl_tau": 0.3}, "here") == {"terms.info_nce.temperature": 0.3}
    for temp in (0.3, 0.2):  # 0.2 is the recipe's own
        with pytest.raises(ConfigError, match="here: temp and ssl_tau are one setting here"):
            overrides(recipe, {"temp": temp, "ssl_tau": 0.4}, "here")


def test_settings_for_a_data_set_of_a_known_name() -> None:
    assert recipe_of("LightGCL", "gowalla")["train.batch_size"] == 4096
    assert recipe_of("LightGCL", "anything")["train.batch_size"] == 1024
