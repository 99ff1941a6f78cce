"""Every cell can be run: its function exists and takes its arguments, and every override is a key of its recipe."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

import graphcl
from benchmarks import (
    cells,
    code_clones,
    code_search,
    dgl_backend,
    evaluation,
    everything,
    family_large,
    family_small,
    forecasts,
    gaugllm,
    graph_accuracy,
    graph_step,
    large_graph,
    lightgcl_ablation,
    lightgcl_step,
    lightgcn_gowalla,
    molecules,
    neural_granger,
    pot_nodes,
    pot_step,
    rca,
    recbole_inside,
    recbole_lightgcn,
    recbole_zoo,
    report,
    request_engine,
    sequences,
    xsimgcl_yelp2018,
)
from benchmarks.cells import Cell, Suite

SUITES = [
    everything.SUITE,
    forecasts.SUITE,
    family_small.SUITE,
    lightgcl_ablation.SUITE,
    xsimgcl_yelp2018.CLAIM.suite(2, 1, 0),
    family_large.suite(3),
    lightgcn_gowalla.CLAIM.suite(2, 1, 0),
    recbole_inside.SUITE,
    recbole_lightgcn.suite(2, 1),
    recbole_zoo.SUITE,
    lightgcl_step.suite(2, 1),
    evaluation.suite(2, 300, 200, 1),
    gaugllm.SUITE,
    graph_accuracy.SUITE,
    graph_step.suite(2, 1),
    large_graph.SUITE,
    dgl_backend.suite(1, 1),
    pot_nodes.SUITE,
    pot_step.suite(2),
    sequences.SUITE,
    rca.SUITE,
    neural_granger.SUITE,
    request_engine.SUITE,
    code_clones.suite(8, 2),
    code_search.suite(2),
    molecules.suite(100, 1, 2),
]


@pytest.fixture
def no_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of results."""
    monkeypatch.setattr(cells, "RESULTS", tmp_path)
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    return tmp_path


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_cells_have_different_names_and_callable_functions(suite: Suite) -> None:
    assert len({cell.name for cell in suite.cells}) == len(suite.cells)
    for cell in suite.cells:
        module, _, name = cell.function.partition(":")
        inspect.signature(getattr(importlib.import_module(module), name)).bind(**cell.arguments)


def test_every_recipe_has_an_equally_large_search_of_settings_it_knows() -> None:
    for recipe in family_small.GRIDS:
        settings = family_small.settings(recipe)
        assert len(settings) == family_small.TRIALS
        base = graphcl.load(recipe, "data=lightgcn-lastfm", *family_small.BUDGET, "eval.baselines=[]")
        trees = [base.override(*setting).to_yaml() for setting in settings]
        assert len(set(trees)) == len(trees)


def test_cells_of_recipes_with_own_settings_load() -> None:
    for suite in (graph_accuracy.SUITE, pot_nodes.SUITE, sequences.SUITE):
        for cell in suite.cells:
            if cell.name.endswith("seed-0"):
                graphcl.load(cell.arguments["recipe"], *cell.arguments["overrides"])


@pytest.mark.parametrize("suite", [code_clones.suite(8, 1), code_search.suite(1)], ids=lambda suite: suite.name)
def test_variants_of_benchmarks_of_code_load_and_differ(suite: Suite) -> None:
    cells = [cell for cell in suite.cells if "recipe" in cell.arguments and "fold" not in cell.arguments]
    settings = [cell.arguments for cell in cells]
    data = [f"{one.get('trained_on')}, {one.get('disguised')}" for one in settings]
    trees = [graphcl.load(one["recipe"], *one["overrides"]).to_yaml() for one in settings]
    trees = [f"{tree}{of}" for tree, of in zip(trees, data, strict=True)]
    assert len(set(trees)) == len(cells)


def test_settings_of_pot_load() -> None:
    for overrides in pot_step.SETTINGS.values():
        graphcl.load("grace", "data=cora", *overrides)


def test_variants_of_the_ablation_are_recipes() -> None:
    base = graphcl.load("lightgcl")
    trees = {base.override(*overrides).to_yaml() for overrides in lightgcl_ablation.VARIANTS.values()}
    assert len(trees) == len(lightgcl_ablation.VARIANTS)


@pytest.mark.parametrize("claim", [xsimgcl_yelp2018.CLAIM, lightgcn_gowalla.CLAIM], ids=lambda claim: claim.name)
def test_published_claims_load(claim: object) -> None:
    (cell,) = claim.suite(7, 2, 1).cells  # type: ignore[attr-defined]
    recipe = graphcl.load(cell.arguments["recipe"], *cell.arguments["overrides"])
    assert recipe["train.epochs"] == 7
    assert recipe["train.patience"] == 2
    assert recipe["train.seed"] == 1
    assert recipe["data"]["split"]["valid"] == "refit"


def test_the_setting_with_the_best_validation_figure_is_chosen_once_all_trials_are_there(no_results: Path) -> None:
    for number, value in enumerate([0.1, 0.3, 0.3]):
        assert family_small.chosen("lightgcl", "ml-100k") is None
        path = family_small.SUITE.path(family_small.trial_cell("lightgcl", "ml-100k", number))
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'{{"metrics": {{"valid/ndcg@10": {value}}}}}')
    assert family_small.chosen("lightgcl", "ml-100k") == family_small.settings("lightgcl")[1]


def test_cells_run_once_and_a_failure_does_not_stop_the_others(no_results: Path) -> None:
    bad, good = Cell("bad", "math:sqrt"), Cell("good", "tests.benchmarks.test_suites:count")
    suite = Suite("s", (bad, good))
    assert suite.run(only=["oo"]) == []
    assert suite.run() == ["bad"]
    assert suite.result(bad) is None
    record = suite.result(good)
    assert record is not None
    assert record["answer"] == 42
    assert {"wall_s", "cpu_s", "peak_rss_mb", "machine", "date"} <= set(record)
    suite.path(good).write_text('{"answer": 1}')
    suite.run(only=["good"])
    assert suite.results() == {"good": {"answer": 1}}


def count() -> dict[str, int]:
    return {"answer": 42}


def test_a_page_without_records_says_not_run(no_results: Path) -> None:
    text = report.page()
    for heading in report.SECTIONS.values():
        assert f"## {heading}" in text
    assert text.count("not run") > 50


def test_a_table_names_its_machine_and_date(no_results: Path) -> None:
    (no_results / "kernels").mkdir()
    (no_results / "kernels" / "one.json").write_text('{"machine": "m", "date": "d"}')
    assert report.origin("kernels") == " Machine: m. Date: d."
