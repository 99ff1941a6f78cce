from __future__ import annotations

import dataclasses

from graphcl.core.config.recipe import load_recipe
from graphcl.report.flow import draw_flow
from graphcl.report.settings import Setting, settings, shown


def by_path(*overrides: str) -> dict[str, Setting]:
    return {setting.path: setting for setting in settings(load_recipe("sgl", overrides))}


def test_every_leaf_of_the_tree_is_a_setting() -> None:
    found = by_path()
    paths = ["data.split.by", "views.a.augment.drop_edges.p", "encoder.dim", "terms.bpr.user", "terms.info_nce.weight",
             "regularizers.l2.weight", "train.lr", "eval.k", "embed.level"]  # fmt: skip
    for path in paths:
        assert path in found, path
        assert found[path].doc, path


def test_origin_of_a_value() -> None:
    found = by_path("train.lr=0.5", "views.a=[{drop_edges: {p: 0.25}}]")
    assert found["encoder.num_layers"].origin.startswith("configs/lightgcn.yaml:")
    assert found["views.b.augment.drop_edges.p"].origin.startswith("configs/sgl.yaml:")
    assert found["train.lr"].origin == "command line"
    assert found["train.seed"].origin == "default"
    assert (found["views.a.augment.drop_edges.p"].value, found["views.a.augment.drop_edges.p"].origin) == (
        0.25,
        "command line",
    )


def test_reasons_of_the_recipe_stand_beside_its_values_only() -> None:
    assert by_path()["encoder.num_layers"].source
    assert by_path("encoder.num_layers=1")["encoder.num_layers"].source == ""


def test_a_run_does_not_claim_that_defaults_were_written() -> None:
    recipe = dataclasses.replace(load_recipe("sgl"), origins={})
    found = {setting.path: setting.origin for setting in settings(recipe)}
    assert (found["train.seed"], found["views.a.augment.drop_edges.p"]) == ("default", "the run")


def test_values_are_shown_as_they_are_written() -> None:
    values = [True, 1e-4, 0.5, 64, "", None, [10, 20], {"a": False}, "x"]
    assert [shown(value) for value in values] == [
        "true", "0.0001", "0.5", "64", "''", "null", "[10, 20]", "{a: false}", "x",
    ]  # fmt: skip


def test_the_picture_shows_views_terms_and_addresses() -> None:
    lines = draw_flow(load_recipe("sgl", ["data.path=clicks.csv"])).splitlines()
    assert lines[0] == "SGL"
    assert "data: clicks.csv  (interactions)" in lines
    assert "   ├─ main: as it is" in lines
    assert any(line.startswith("   ├─ a: drop_edges(p=0.1") and "drawn anew each epoch" in line for line in lines)
    assert "   └─ info_nce x 0.1  temperature=0.2, similarity=cosine, reduce=mean_per_group, each=[user, item]" in lines
    assert "           anchors: a.nodes[*][positives]" in lines


def test_the_picture_shows_states_heads_and_several_views_of_one_record() -> None:
    assert "prototypes = kmeans(" in draw_flow(load_recipe("ncl"))
    assert "heads: proj = mlp(" in draw_flow(load_recipe("grace"))
    assert " on nodes of main" in draw_flow(load_recipe("grace"))
