from __future__ import annotations

import numpy as np
import pytest
import torch

import graphcl
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.series.series import SeriesData, TimeSplit
from graphcl.tasks.rca import RcaTask

VALUES = np.random.default_rng(0).standard_normal((60, 4)).cumsum(0)


def task(**options: object) -> RcaTask:
    split = TimeSplit(0.2, 0.1)
    return RcaTask(data=SeriesData(given=VALUES, split=split, **options).load(seed=0))  # type: ignore[arg-type]


@pytest.mark.parametrize("window", [0, 5])
@pytest.mark.parametrize("breaks", [[], [20]])
def test_every_training_row_is_forecast_once_from_rows_before_it(window: int, breaks: list[int]) -> None:
    made = task(window=window, breaks=breaks, context=3)
    values, seen = made.data.values, []
    for batch in made.batches(2, generator=generator(0)):
        graph, predict = batch.graphs["series"], batch.rows["predict"]
        assert bool((graph.pos[predict] >= 2).all())
        assert torch.equal(graph.next[predict], values[graph.row[predict] + 1])
        assert torch.equal(graph.x, values[graph.row])
        assert int(graph.row.max()) + 1 < made.data.bounds[0]
        seen += graph.row[predict].tolist()
    expected = [row for a, b in made.data.stretches("train") for row in range(a, b)]
    assert sorted(seen) == expected


def test_an_epoch_has_as_many_windows_as_are_asked_for_drawn_anew() -> None:
    made = task(window=3, per_epoch=5)
    assert (made.num_batches(2), made.num_batches(0)) == (3, 1)
    epochs = [[batch.ids.tolist() for batch in made.batches(2, generator=generator(seed))] for seed in range(40)]
    assert all([len(ids) for ids in epoch] == [2, 2, 1] for epoch in epochs)
    assert {number for epoch in epochs for ids in epoch for number in ids} == set(range(len(made._windows)))


def test_held_out_rows_do_not_move_what_is_trained_on() -> None:
    changed = VALUES.copy()
    changed[42:] = 1e3
    first = task(context=2).graphs["series"]
    other = RcaTask(data=SeriesData(given=changed, split=TimeSplit(0.2, 0.1), context=2).load(seed=0)).graphs["series"]
    assert torch.equal(first.x, other.x)
    wanted = first.pos >= 1
    assert torch.equal(first.next[wanted], other.next[wanted])


def test_errors_of_forecasts_by_hand() -> None:
    made = task(context=3)
    rows = torch.cat([batch.ids for batch in made.examples("valid")])
    assert rows.tolist() == list(range(39, 53))  # two rows of context, then 41 to 52
    following = made.data.values[rows + 1]
    perfect = made.evaluate({"series": following}, "valid", seed=0)
    assert perfect == {"closeness": 1.0, "error": 0.0}
    off = following.clone()
    off[:2] += 100.0  # context, not judged
    off[2:, 1] += 2.0
    assert made.evaluate({"series": off}, "valid", seed=0) == pytest.approx({"closeness": 0.5, "error": 1.0})


def test_the_baselines_are_what_they_say() -> None:
    made = task(context=3)
    found, values = made.baselines(seed=0), made.data.values
    changes = (values[54:] - values[53:-1]).square().mean()
    assert found["persistence"]["error"] == pytest.approx(float(changes), rel=1e-5)
    assert made.describe()["baselines"]["linear_var"]["ridge"] > 0


def test_a_system_that_moves_is_forecast_better_by_the_linear_baseline() -> None:
    data = SeriesData("lorenz", columns=6, rows=400, context=3, split=TimeSplit(0.2, 0.2)).load(seed=0)
    found = RcaTask(data=data).baselines(seed=0)
    assert found["linear_var"]["error"] < 0.8 * found["persistence"]["error"]


def test_a_table_goes_to_this_task_and_a_graph_does_not() -> None:
    run = graphcl.fit("neural_granger", data=VALUES, train={"epochs": 2, "eval_every": 2}, **{"data.split.test": 0.2})
    assert {"valid/error", "test/closeness", "baseline/persistence/error"} <= set(run.metrics)
    assert run.embed().shape[1] == 4
    with pytest.raises(UserError, match="data: got a ndarray; the task 'node' takes a graph"):
        graphcl.fit("grace", data=VALUES)
    ring = torch.tensor([[0, 1], [1, 0]])
    from torch_geometric.data import Data

    with pytest.raises(UserError, match="data: got a Data; the task 'rca' takes a table"):
        graphcl.fit("neural_granger", data=Data(edge_index=ring, num_nodes=2))
