from __future__ import annotations

import io

from rich.console import Console

from graphcl.report.tables import columns, indicators, metric_rows, metrics_table, ranked_table, repeats, slices_table

METRICS = {
    "valid/ndcg@20": 0.3,
    "test/recall@10": 0.25,
    "test/recall@20": 0.5,
    "test/ndcg@10": 0.125,
    "test/user_effective_rank": 31.4159,
    "test/user_uniformity": -3.0,
    "baseline/popularity/recall@10": 0.1,
    "baseline/ease/recall@10": 0.75,
    "baseline/ease/ndcg@10": 0.0625,
}


def text_of(renderable: object) -> list[list[str]]:
    console = Console(width=120, record=True, file=io.StringIO(), markup=False)
    console.print(renderable)
    return [line.split() for line in console.export_text().splitlines() if line.strip()]


def test_columns_are_the_model_and_each_baseline() -> None:
    assert columns(METRICS, "lightgcl") == {
        "lightgcl": {"recall@10": 0.25, "recall@20": 0.5, "ndcg@10": 0.125},
        "popularity": {"recall@10": 0.1},
        "ease": {"recall@10": 0.75, "ndcg@10": 0.0625},
    }


def test_rows_are_by_family_then_cut_off() -> None:
    names = ["coverage@10", "ndcg@5", "recall@20", "zeta", "recall@5", "accuracy", "mrr@20"]
    assert metric_rows(names) == ["recall@5", "recall@20", "ndcg@5", "mrr@20", "coverage@10", "accuracy", "zeta"]


def test_a_value_that_is_missing_is_a_dash_not_zero() -> None:
    lines = text_of(metrics_table(columns(METRICS, "lightgcl"), "test"))
    assert lines[1] == ["metric", "lightgcl", "popularity", "ease"]
    assert ["recall@10", "0.2500", "0.1000", "0.7500"] in lines
    assert ["ndcg@10", "0.1250", "-", "0.0625"] in lines


def test_the_best_of_a_row_is_bold() -> None:
    table = metrics_table(columns(METRICS, "lightgcl"), "test")
    bold = {column.header: [cell.style for cell in column.cells] for column in table.columns[1:]}  # type: ignore[union-attr]
    assert bold["ease"][0] == "bold"
    assert bold["lightgcl"][0] == ""
    assert bold["lightgcl"][2] == "bold"


def test_spread_stands_beside_its_metric() -> None:
    lines = text_of(metrics_table({"m": {"accuracy": 0.5, "accuracy/std": 0.01}}, "test"))
    assert lines[-1] == ["accuracy", "0.5000", "±", "0.0100"]


def test_indicators_are_a_line_of_their_own() -> None:
    assert indicators(METRICS) == "embeddings: user effective rank 31.4, user uniformity -3"
    assert indicators({"test/recall@10": 1.0}) == ""


def test_slices_leave_out_what_a_slice_does_not_have() -> None:
    rows = [
        {"kind": "user activity", "name": "q1 (3-12)", "users": 1000, "metrics": {"recall@20": 0.5, "ndcg@20": 0.25}},
        {"kind": "item popularity", "name": "head (9-20)", "users": 7, "metrics": {"recall@20": 0.125}},
    ]
    lines = text_of(slices_table(rows, ["recall@20", "ndcg@20"]))
    assert ["user", "activity", "q1", "(3-12)", "1,000", "0.5000", "0.2500"] in lines
    assert ["item", "popularity", "head", "(9-20)", "7", "0.1250"] in lines


def test_ranked_lists() -> None:
    lines = text_of(ranked_table([{"rank": 1, "item": "[b]x", "score": 0.5}]))
    assert lines[-1] == ["1", "[b]x", "0.5000"]


def test_metrics_that_repeat_others_are_left_out() -> None:
    """One item to find: the list of two finds it in half of the cases, in the second place."""
    one = {"recall@2": 0.5, "hit@2": 0.5, "precision@2": 0.25, "mrr@2": 0.25, "map@2": 0.25, "coverage@2": 0.9}
    assert [name for name in one if repeats(name, {"model": one, "other": one})] == ["hit@2", "precision@2", "map@2"]
    several = {**one, "recall@2": 0.4, "map@2": 0.2}
    assert not any(repeats(name, {"model": one, "other": several}) for name in one)
    table = metrics_table({"model": one}, "test")
    assert table.row_count == 3
    assert table.caption is not None
    assert metrics_table({"model": several}, "test").row_count == 6
