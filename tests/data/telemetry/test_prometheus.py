"""Metrics out of Prometheus: a small server that speaks its range API, and the real one where it is installed."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import requests

from graphcl.core.errors import UserError
from graphcl.data.telemetry import read_telemetry
from graphcl.data.telemetry.prometheus import MOST_MOMENTS, PASSWORD, TOKEN, USER, duration, query_prometheus

from .prometheus_server import Server, basic, served, slow

START, STEP = 1767607200.0, 15.0


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in (TOKEN, USER, PASSWORD):
        monkeypatch.delenv(name, raising=False)
    series = [
        ({"__name__": "cpu", "job": "cart", "instance": "a:1"}, lambda t: (t - START) / STEP),
        ({"__name__": "cpu", "job": "cart", "instance": "b:1"}, lambda t: 2.0),
        ({"__name__": "up", "job": "db"}, lambda t: "NaN" if t == START else None if t == START + STEP else 1.0),
    ]
    with served(series) as found:
        yield found


def ask(server: Server, rows: int = 4, **options: object) -> tuple[pd.DataFrame, list[str]]:
    return query_prometheus(server.url, START, START + (rows - 1) * STEP, STEP, **options)  # type: ignore[arg-type]


def test_series_become_metrics_of_services(server: Server) -> None:
    frame, notes = ask(server)
    assert server.forms == [{"query": '{__name__=~".+"}', "start": str(START), "end": str(START + 45), "step": "15.0"}]
    table = read_telemetry(frame, merge=False)
    columns = [(column.service, column.metric) for column in table.columns]
    assert columns == [("cart", 'cpu{instance="a:1"}'), ("cart", 'cpu{instance="b:1"}'), ("db", "up")]
    np.testing.assert_array_equal(table.values[:, 0], [0, 1, 2, 3])
    np.testing.assert_array_equal(table.values[:, 2], [np.nan, np.nan, 1, 1])
    assert table.period == STEP
    assert table.time[0] == START
    assert notes == [f"3 series of {server.url}, services by the label service or app or job or instance"]


def test_expressions_and_a_label_of_ones_own(server: Server) -> None:
    frame, notes = ask(server, match=["rate(cpu[1m])", "up"], label="instance")
    assert [form["query"] for form in server.forms] == ["rate(cpu[1m])", "up"]
    assert set(frame["service"]) == {"a:1", "b:1", "up"}
    assert "by the label instance" in notes[0]


def test_a_long_range_is_asked_for_in_parts_and_is_whole(server: Server) -> None:
    server.series = server.series[:1]
    frame, _ = ask(server, rows=2 * MOST_MOMENTS + 5)
    assert len(server.forms) == 3
    np.testing.assert_array_equal(frame["value"], np.arange(2 * MOST_MOMENTS + 5))


def test_a_part_that_fails_is_asked_again_then_left_out_and_said(server: Server) -> None:
    server.series = server.series[:1]
    busy = (503, json.dumps({"status": "error", "errorType": "timeout", "error": "query timed out"}))
    server.fault = lambda form, number: busy if number == 1 else None
    frame, notes = ask(server, rows=MOST_MOMENTS + 5)
    assert (len(frame), len(server.forms)) == (MOST_MOMENTS + 5, 3)
    assert "incomplete" not in "".join(notes)
    server.fault = lambda form, number: busy if float(form["start"]) > START else None
    frame, notes = ask(server, rows=MOST_MOMENTS + 5)
    assert len(frame) == MOST_MOMENTS
    assert notes[-1].startswith("incomplete: 2026-01-07T03:40:00Z to 2026-01-07T03:41:00Z of ")
    assert "query timed out" in notes[-1]


def test_warnings_and_histograms_are_said(server: Server) -> None:
    server.warnings = ["one store did not answer"]
    answer = json.loads(server.answer({"start": str(START), "end": str(START), "step": "1"})[1])
    answer["data"]["result"].append({"metric": {"__name__": "size"}, "histograms": [[START, {}]]})
    server.fault = lambda form, number: (200, json.dumps(answer))
    _, notes = ask(server)
    assert notes[1:] == ["1 native histogram left out", "warning of the server: one store did not answer"]


def test_auth_is_of_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.wanted = "Bearer abc"
    with pytest.raises(UserError, match=f"refused .401.; set {TOKEN}"):
        ask(server)
    monkeypatch.setenv(TOKEN, "abc")
    ask(server)
    monkeypatch.delenv(TOKEN)
    monkeypatch.setenv(USER, "me")
    monkeypatch.setenv(PASSWORD, "secret")
    server.wanted = basic("me", "secret")
    ask(server)
    server.wanted = "other"
    with pytest.raises(UserError) as caught:
        ask(server)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, "<html>Log in</html>"), "answers 200 and no JSON; is it a Prometheus?"),
        ((200, "[]"), "no status"),
        ((200, '{"status": "success", "data": {"resultType": "vector", "result": []}}'), "without a matrix"),
        ((400, '{"status": "error", "error": "parse error: unexpected end"}'), "answers 400: parse error"),
        ((200, '{"status": "success", "data": {"resultType": "matrix", "result": []}}'), "gave no samples for any"),
        ((500, "oops"), "gave no samples: 2026-01-05T10:00:00Z to 2026-01-05T10:00:45Z of"),
    ],
)
def test_what_is_no_answer_is_said_in_one_line(server: Server, answer: tuple[int, str], message: str) -> None:
    server.fault = lambda form, number: answer
    with pytest.raises(UserError) as caught:
        ask(server)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_sleeps_or_is_not_there(server: Server) -> None:
    server.fault = slow(2.0)
    with pytest.raises(UserError, match=r"no answer within 0\.2 s"):
        ask(server, timeout=(1.0, 0.2))
    with pytest.raises(UserError, match="cannot be reached") as caught:
        query_prometheus("http://me:secret@127.0.0.1:9", START, START + 60, STEP)
    assert "secret" not in str(caught.value)
    with pytest.raises(UserError, match="there is no time"):
        ask(server, rows=1)


@pytest.mark.parametrize(("text", "seconds"), [("15", 15), ("0.5", 0.5), ("1m30s", 90), ("250ms", 0.25), ("2h", 7200)])
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "s", "1 m", "-1s", "1x"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UserError):
        duration(text)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus on loopback with half an hour of two series, back-filled."""
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        pytest.skip("prometheus and promtool are not installed")
    folder = tmp_path_factory.mktemp("prometheus")
    lines = ["# HELP load Load.", "# TYPE load gauge"]
    lines += [f'load{{job="cart"}} {10 + k % 3} {START + STEP * k:.0f}' for k in range(120)]
    lines += [f'load{{job="db"}} {1 if k < 100 else 50} {START + STEP * k:.0f}' for k in range(120)]
    lines += ["# HELP seen Seen.", "# TYPE seen counter"]
    lines += [f'seen_total{{job="db"}} {7 * k} {START + STEP * k:.0f}' for k in range(120)]
    (folder / "metrics.txt").write_text("\n".join([*lines, "# EOF"]) + "\n")
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    made = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "metrics.txt", "data"]
    subprocess.run(made, cwd=folder, check=True, capture_output=True, timeout=120)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{port}",
               "--storage.tsdb.retention.time=100y"]  # fmt: skip
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["prometheus", *options], cwd=folder, stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{port}/-/ready", folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(url: str, log: Path) -> None:
    for _ in range(300):
        try:
            if requests.get(url, timeout=1).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    pytest.fail(f"prometheus did not start: {log.read_text()[-500:]}")


def test_a_real_prometheus(real: str) -> None:
    frame, notes = query_prometheus(real, START, START + 119 * STEP, STEP)
    assert notes[0].startswith("3 series")
    table = read_telemetry(frame)
    assert [(column.service, column.metric) for column in table.columns] == [
        ("cart", "load"), ("db", "load"), ("db", "seen_total"),
    ]  # fmt: skip
    np.testing.assert_array_equal(table.values[:, 0], 10 + np.arange(120) % 3)
    np.testing.assert_allclose(table.values[1:, 2], 7 / STEP)  # a counter, as a rate
    rates, _ = query_prometheus(real, START + 120, START + 119 * STEP, STEP, ["rate(seen_total[1m])"])
    np.testing.assert_allclose(rates["value"], 7 / STEP)
    with pytest.raises(UserError, match=r"answers 400: .*unexpected end of input"):
        query_prometheus(real, START, START + 60, STEP, ["load{"])


def test_the_command_against_a_real_prometheus(real: str, capsys: pytest.CaptureFixture[str]) -> None:
    from graphcl.cli import main

    span = ["--start", "2026-01-05T10:00:00Z", "--end", f"{START + 119 * STEP:.0f}", "--step", "15s"]
    assert main.run(["rca", "--prometheus", real, *span, "--match", "load", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["services"][0]["service"] == "db"
    assert shown["anomaly_time"] == START + 100 * STEP
