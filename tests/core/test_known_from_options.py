"""Mistakes that the options alone show: found by ``check``, and by ``train`` before data is read."""

from __future__ import annotations

import pytest

from graphcl.core.config.recipe import load_recipe
from graphcl.core.errors import ConfigError
from graphcl.core.registry import index
from graphcl.tasks.ranking import metric_names


@pytest.mark.parametrize(
    ("recipe", "settings", "message"),
    [
        ("graphmae", ["encoder.dim=10", "encoder.heads=4"], "'towers.main.dim' must be a multiple of .* (4), got 10"),
        ("sasrec", ["encoder.heads=3"], "'towers.main.dim' must be a multiple of 'towers.main.heads' (3), got 64"),
        ("dt4ier", ["encoder.dim=7"], "'towers.main.dim' must be a multiple of 'towers.main.heads' (2), got 7"),
        ("grace", ["train.monitor=acuracy"], "'train.monitor': no metric 'acuracy'; nearest: 'accuracy'"),
        ("grace", ["eval.probe=kmeans", "train.monitor=accuracy"], "'train.monitor': no metric 'accuracy'; nearest: "
         "'cluster_accuracy'"),
        ("grace", ["eval.probe=forecast"], "'eval.probe': forecast judges what comes after windows .*, which this task "
         "does not have; take one of few_shot, "),
        ("simclr_series", ["eval.probe=link"], "'eval.probe': link judges links of nodes, which this task does not "),
        ("lightgcn", ["train.monitor=ndcg@7"], "'train.monitor': no metric 'ndcg@7'; nearest: 'ndcg@"),
        ("lightgcn", ["train.monitor=auc"], "'train.monitor': no metric 'auc'; known: coverage@"),
        ("simclr_patches", ["data.size=100000"], "'data.size' must be a whole number >= 0 and <= 4096, got 100000"),
        ("simclr_series", ["data.length=1000000000"], "'data.length' must be a whole number >= 0 and <= 100000, got"),
        ("simclr_sound", ["data.rate=100000000"], "'data.rate' must be a whole number >= 0 and <= 1000000, got"),
        ("grace", ["encoder.num_layers=0"], "'towers.main.num_layers' must be a whole number >= 1, got 0"),
        ("grace", ["embed.view=c"], "'embed.view' names no view: 'c'; views: a, b"),
    ],
)
def test_what_cannot_be_is_refused(recipe: str, settings: list[str], message: str) -> None:
    before, _, after = message.partition(".*")
    with pytest.raises(ConfigError) as error:
        load_recipe(recipe, settings)
    assert before in str(error.value)
    assert after in str(error.value)


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        ("lightgcn", ["eval.k=[7]", "train.monitor=ndcg@7"]),
        ("grace", ["train.monitor=loss"]),
        ("grace", ["eval.probe=kmeans"]),
        ("graphmae", ["encoder.dim=12", "encoder.heads=4"]),
    ],
)
def test_what_can_be_is_not(recipe: str, settings: list[str]) -> None:
    load_recipe(recipe, settings)


def test_another_probe_has_another_default() -> None:
    recipe = load_recipe("grace")
    assert recipe["train.monitor"] == "accuracy"
    assert recipe.override("eval.probe=kmeans")["train.monitor"] == "nmi"
    assert recipe.with_settings({"eval.probe": "map_at_r"})["train.monitor"] == "map_at_r"
    assert load_recipe("grace", ["train.monitor=loss"]).override("eval.probe=kmeans")["train.monitor"] == "loss"


def test_metrics_are_named_as_they_are_computed() -> None:
    for task in ("recommend", "sequence"):
        names = index()["task"][task]["meta"]["metrics"]
        assert sorted(f"{name}7" for name in names) == sorted(metric_names([7]))
