"""The cross-validated choice: its default is the package's, services are scored as the command scores them."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np

from benchmarks.rca_choice import DEFAULT, GRID, by_service, by_system
from graphcl.data.telemetry import Column
from graphcl.rca.change import Scaling
from graphcl.rca.scoring import service_scores

COLUMNS = [Column("a", "x", "a_x", (Column("b", "x", "b_x"),)), Column("a", "y", "a_y"), Column("c", "x", "c_x"),
           Column("front", "x", "front_x")]  # fmt: skip


def test_the_default_is_the_packages_and_one_of_the_grid() -> None:
    assert (*astuple(Scaling()), 1) == DEFAULT
    assert DEFAULT in GRID
    assert len(set(GRID)) == len(GRID) == 144


def test_services_by_their_best_metric_or_the_mean_of_three() -> None:
    scores = np.array([4.0, 8.0, np.nan, 9.0])
    assert by_service(scores, COLUMNS, 1, ["front"]) == {"a": 8.0, "b": 4.0}
    assert by_service(scores, COLUMNS, 3, ["front"]) == {"a": 6.0, "b": 4.0}
    assert by_service(scores, COLUMNS, 1, []) == service_scores(scores, COLUMNS)


def test_held_out_cases_in_the_order_of_the_cases() -> None:
    folds = [
        {"part": "recording", "cases": [2], "services": [[0.3]]},
        {"part": "recording", "cases": [1, 0], "services": [[0.2], [0.1]]},
        {"part": "system", "cases": [0, 1], "services": [[0.8], [0.9]]},
    ]
    record = {"folds": folds, "systems": ["one", "two", "one"]}
    assert by_system(record, "recording", "one") == [[0.1], [0.3]]
    assert by_system({}, "system", "one") is None
