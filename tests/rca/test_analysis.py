from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from graphcl.core.errors import UserError
from graphcl.rca import Analysis, analyse
from graphcl.rca.files import as_json, write
from graphcl.rca.ranking import confidences
from graphcl.rca.walk import WalkOptions

from .incident import CALLS, PERIOD, incident, moment


def said(analysis: Analysis) -> str:
    return "; ".join(analysis.notes)


@pytest.mark.parametrize("given", [moment(200), None, "2022-08-22T01:34:00+00:00"])
@pytest.mark.parametrize("fault", ["slow", "dead"])
def test_the_cause_is_first_with_the_time_known_or_found(fault: str, given: float | str | None) -> None:
    found = analyse(incident(fault=fault), anomaly_time=given)
    assert found.services[0].service == "db"
    assert found.metrics[0].service == "db"
    assert found.anomaly_time == moment(200)
    assert found.metrics[0].since == moment(200)
    assert found.detected == (given is None)
    assert found.confidence == found.services[0].confidence > 0.3
    assert sum(one.confidence for one in found.services) == pytest.approx(1)
    assert found.services[0].ranks == (1, 1)
    assert found.seconds < 5
    word = {"slow": "rises to", "dead": "stops reporting"}[fault]
    assert word in found.metrics[0].evidence


def test_errors_that_never_were_are_seen() -> None:
    found = analyse(incident(fault="errors"), anomaly_time=moment(200))
    metric = next(one for one in found.metrics if one.name == "db_errors")
    assert found.metrics.index(metric) < 2
    assert metric.evidence.startswith("rises to ")
    assert "(was constant at 0), outside in 40 of 40 rows" in metric.evidence


def test_no_anomaly_is_said_and_nothing_invented() -> None:
    found = analyse(incident(fault="none"))
    assert (found.anomaly_time, found.metrics, found.services) == (None, (), ())
    assert "no anomaly found" in said(found)
    asked = analyse(incident(fault="none"), anomaly_time=moment(200))
    assert "low confidence" in said(asked)


def test_the_ranking_ignores_units_order_of_columns_and_row_order() -> None:
    table = incident()
    plain = analyse(table, anomaly_time=moment(200))
    scaled = table.copy()
    scaled["db_latency"] *= 1e9
    scaled["web_cpu"] *= 1e-6
    shuffled = scaled[["time", *np.random.default_rng(0).permutation(table.columns[1:])]].iloc[::-1]
    other = analyse(shuffled, anomaly_time=moment(200))
    assert [one.name for one in other.metrics] == [one.name for one in plain.metrics]
    assert [one.score for one in other.metrics] == pytest.approx([one.score for one in plain.metrics])


def test_a_symptom_older_than_the_window_is_dated_before_it() -> None:
    found = analyse(incident(begins=196), anomaly_time=moment(200))
    assert found.metrics[0].service == "db"
    assert found.metrics[0].since == moment(196)


def test_late_by_a_period_the_cause_stays_first() -> None:
    assert analyse(incident(), anomaly_time=moment(202)).services[0].service == "db"


def test_clocks_that_disagree_do_not_hide_the_cause() -> None:
    table = incident()
    for name in [name for name in table if str(name).startswith("cart")]:
        table[name] = table[name].shift(-2).ffill()  # its clock is two rows ahead
    assert analyse(table, anomaly_time=moment(200)).services[0].service == "db"


def test_missing_values_gaps_and_slower_metrics_do_not_hide_the_cause() -> None:
    table = incident()
    draw = np.random.default_rng(0)
    for name in table.columns[1:]:
        table.loc[draw.random(len(table)) < 0.1, name] = np.nan
    table.loc[table.index % 4 != 0, "ads_cpu"] = np.nan
    table = table.drop(index=range(50, 70))
    assert analyse(table).services[0].service == "db"


def test_equal_columns_are_one_group_for_both_services() -> None:
    table = incident().assign(pool_cpu=lambda t: t["db_cpu"])
    found = analyse(table, anomaly_time=moment(200))
    metric = next(one for one in found.metrics if one.name == "db_cpu")
    assert metric.same == ("pool_cpu",)
    scores = {one.service: one.score for one in found.services}
    assert scores["pool"] == metric.score
    assert "pool_cpu" not in [one.name for one in found.metrics]


def test_counters_that_reset_do_not_hide_the_cause() -> None:
    table = incident()
    total = table["web_requests"].cumsum()
    total[150:] -= total[149]
    found = analyse(table.assign(web_requests=total), anomaly_time=moment(200))
    assert found.services[0].service == "db"
    assert "1 counter turned into" in said(found)


@pytest.mark.parametrize("begins", [11, 238])
def test_an_anomaly_at_the_edge(begins: int) -> None:
    assert analyse(incident(begins=begins), anomaly_time=moment(begins)).services[0].service == "db"


def test_few_rows_are_said() -> None:
    found = analyse(incident(rows=40, begins=30), anomaly_time=moment(30))
    assert "only 40 rows: the ranking is uncertain" in said(found)


def test_the_front_is_no_candidate_and_the_service_map_prefers_what_is_called() -> None:
    table = incident()
    table.loc[200:, "cart_latency"] += 0.2  # the caller suffers more than the cause
    plain = analyse(table, anomaly_time=moment(200), front="web.latency")
    assert plain.services[0].service == "cart"
    assert "web_latency" not in [one.name for one in plain.metrics]
    mapped = analyse(table, anomaly_time=moment(200), front="web_latency", service_map=CALLS)
    assert mapped.services[0].service == "db"


def test_a_normal_table_of_its_own() -> None:
    normal, table = incident(fault="none"), incident(rows=20, begins=0)
    normal["time"] -= 86400 * 40
    found = analyse(table, normal=normal)
    assert found.services[0].service == "db"
    assert found.anomaly_time == moment(0)
    assert "as the normal part" in said(found)


@pytest.mark.parametrize("method", ["granger-pagerank", "pc-pagerank"])
@pytest.mark.parametrize("options", [WalkOptions(), WalkOptions("to_effects", "none"), WalkOptions(acyclic=True)])
def test_methods_with_a_graph_give_it(method: str, options: WalkOptions) -> None:
    found = analyse(incident(), anomaly_time=moment(200), method=method, walk=options)
    names = {one.name for one in found.metrics}
    assert found.graph
    assert all(cause in names and effect in names and weight > 0 for cause, effect, weight in found.graph)
    drawn = nx.DiGraph([(cause, effect) for cause, effect, _ in found.graph])
    assert nx.is_directed_acyclic_graph(drawn) or not options.acyclic


def test_files_hold_the_whole_ranking_and_the_graph(tmp_path: Path) -> None:
    found = analyse(incident(), anomaly_time=moment(200), method="granger-pagerank")
    paths = write(found, tmp_path / "answer")
    assert [path.name for path in paths] == ["ranking.json", "graph.json", "graph.graphml", "report.html"]
    ranking = json.loads(paths[0].read_text())
    assert [row["name"] for row in ranking["metrics"]] == [one.name for one in found.metrics]
    assert ranking["services"][0]["service"] == found.services[0].service
    assert set(ranking["metrics"][0]) >= {"service", "metric", "score", "since", "evidence"}
    graph = json.loads(paths[1].read_text())
    drawn = nx.read_graphml(paths[2])
    assert len(drawn.edges) == len(graph["edges"]) == len(found.graph)
    assert set(drawn) == {node["name"] for node in graph["nodes"]}
    assert as_json(replace(found, anomaly_time=None), 1)["anomaly_date"] is None


def test_a_metric_that_was_constant_gives_less_confidence_than_one_that_moved() -> None:
    table = incident(fault="none")
    flat, moving = table.assign(db_limit=1.0), table.assign(db_limit=table["db_cpu"] / 1000 + 1.0)
    found = []
    for one in (flat, moving):
        one.loc[200:, "db_limit"] += 1.0
        found.append(analyse(one, anomaly_time=moment(200)))
    assert [one.metrics[0].name for one in found] == ["db_limit", "db_limit"]
    assert found[0].metrics[0].score == 1000 > 30
    assert found[0].confidence < 0.95 < found[1].confidence


def test_confidences_are_shares() -> None:
    found = confidences({"a": 30.0, "b": 2.0, "c": -1.0})
    assert sum(found.values()) == pytest.approx(1)
    assert found["a"] > 0.8 > found["b"] > found["c"] > 0


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (lambda t: t[["time", "db_cpu"]], {}, "one metric, 'db_cpu': there is nothing to rank"),
        (lambda t: t.head(8), {}, "the table has 8 rows; at least 12"),
        (lambda t: t, {"anomaly_time": 1661132040000}, "milliseconds?"),
        (lambda t: t, {"anomaly_time": moment(400)}, "outside of the data"),
        (lambda t: t, {"anomaly_time": moment(4)}, "4 rows before the anomaly time"),
        (lambda t: t, {"anomaly_time": moment(239) + PERIOD / 2}, "no row from the anomaly time"),
        (lambda t: t, {"method": "barro"}, "nearest: 'baro'"),
        (lambda t: t, {"votes": 3}, "method 'deviation' has no seeds that vote; run has"),
        (lambda t: t, {"walk": WalkOptions()}, "method 'deviation' draws no graph to walk on"),
        (lambda t: t, {"front": "web.latencies"}, "nearest: 'web.latency'"),
    ],
)
def test_what_cannot_be_analysed_is_said_in_one_line(make: object, options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        analyse(make(incident()), **options)  # type: ignore[operator, arg-type]
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_that_moves_gives_an_empty_ranking() -> None:
    table = pd.DataFrame({"time": [moment(row) for row in range(60)], "a_x": 1.0, "b_x": 2.0})
    found = analyse(table, anomaly_time=moment(40))
    assert (found.metrics, found.confidence) == ((), 0.0)
    assert "no metric can be ranked" in said(found)


def test_with_a_normal_table_the_anomaly_is_in_the_other_one() -> None:
    normal, table = incident(fault="none"), incident(rows=60, begins=20)
    normal["time"] -= 86400
    normal.loc[150:180, ["ads_cpu", "ads_latency", "ads_requests"]] *= 3  # an incident of its own
    table["db_requests-total"], normal["db_requests-total"] = 5e6 + 9.0 * np.arange(60), 9.0 * np.arange(240)
    found = analyse(table, normal=normal)
    assert found.anomaly_time == moment(20)
    assert found.metrics[0].name == "db_latency"
    with pytest.raises(UserError, match="outside of the data"):
        analyse(table, normal=normal, anomaly_time=moment(-20))


def test_a_change_long_before_the_time_that_was_given_is_said() -> None:
    late = analyse(incident(begins=150), anomaly_time=moment(200))
    assert "low confidence: the metrics change at 2022-08-22T01:09:00Z already, 50 rows before" in said(late)
    assert "already" not in said(analyse(incident(), anomaly_time=moment(203)))


def test_a_missing_sample_does_not_hide_how_old_a_symptom_is() -> None:
    table = incident(begins=194)
    table.loc[[198, 200], "db_latency"] = np.nan
    (metric,) = [one for one in analyse(table, anomaly_time=moment(200)).metrics if one.name == "db_latency"]
    assert metric.since == moment(194)


def test_where_no_anomaly_is_looked_for_is_said() -> None:
    assert "no anomaly found from 2022-08-22T00:24:00Z to 2022-08-22T01:52:30Z" in said(analyse(incident(fault="none")))
    assert "no anomaly found (too few rows)" in said(analyse(incident(rows=12, fault="none")))
    alone = analyse(incident(begins=239), anomaly_time=moment(239))
    assert alone.services[0].service == "db"
    assert "no metric can be ranked by zscore" in said(
        analyse(incident(begins=239), anomaly_time=moment(239), method="zscore")
    )
