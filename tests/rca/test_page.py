"""The page of an analysis: whole, self-contained, and safe whatever the columns are called."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from graphcl.rca import analyse
from graphcl.rca.files import as_json, write
from graphcl.rca.page import CAUSES, NODES, SERIES, as_page, places, strongest
from graphcl.report.svg import draw_series

from .incident import incident, moment

SVG = "{http://www.w3.org/2000/svg}"
EVIL = """</title><script>document.title='taken'</script><img src=x onerror="document.title='taken'">&'\x01"""
_VOID = {"meta", "link", "br", "img"}


class Reader(HTMLParser):
    """Elements, text and addresses of a page; fails where an element is not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text: dict[str, str] = {}
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        tag = self.open[-1] if self.open else ""
        self.text[tag] = self.text.get(tag, "") + data


def page_of(table: pd.DataFrame, **options: object) -> str:
    found = analyse(table, **options)  # type: ignore[arg-type]
    return as_page(found, as_json(found))


def drawings(page: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(text) for text in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("method", ["deviation", "granger-pagerank"])
def test_ranking_graph_series_and_notes_are_on_the_page(method: str) -> None:
    found = analyse(incident(), anomaly_time=moment(200), method=method)
    page = as_page(found, as_json(found))
    read = Reader(page)
    assert read.text["h1"] == f"Root cause: {found.services[0].service}"
    assert read.tags.count("table") == 2
    assert found.metrics[0].evidence in read.text["td"]
    assert all(note in read.text["li"] for note in found.notes)
    graph, *series = drawings(page)
    ranks = [text for text in texts(graph) if text.isdigit()]
    assert ranks == [str(rank) for rank in range(1, min(NODES, len(found.metrics)) + 1)]
    assert len(series) == SERIES
    assert found.metrics[0].name in texts(graph)
    assert ("did not rank" in page) == (method == "deviation")
    for one in series:
        assert "2022-08-22T01:34:00Z" in texts(one)  # the change
        (mark,) = one.iter(f"{SVG}line")
        left, right = 70, 750  # 40 rows of it are shown, and 160 before
        assert float(mark.get("x1", "")) == pytest.approx(left + (right - left) * 160 / 199, abs=0.1)


def test_nothing_comes_from_elsewhere_and_nothing_runs() -> None:
    page = page_of(incident(), anomaly_time=moment(200))
    read = Reader(page)
    assert "script" not in read.tags
    assert all(link.startswith("data:") for link in read.links)
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", page)
    assert "default-src 'none'" in page


def test_names_of_columns_are_text_only() -> None:
    table = incident().rename(columns={"db_latency": f"db_{EVIL}", "db_cpu": f"{EVIL}_cpu"})
    page = page_of(table, anomaly_time=moment(200))
    read = Reader(page)
    assert "script" not in read.tags
    assert "img" not in read.tags
    assert EVIL.replace("\x01", "\ufffd") in read.text["td"]
    assert "\x01" not in page
    assert drawings(page)


def test_no_anomaly_has_a_page_too(tmp_path: Path) -> None:
    found = analyse(incident(fault="none"))
    *_, path = write(found, tmp_path)
    assert path.name == "report.html"
    read = Reader(path.read_text())
    assert "No anomaly found" in read.text["p"]
    assert "svg" not in read.tags


def test_hostile_names_in_every_file(tmp_path: Path) -> None:
    table = incident().rename(columns={"db_latency": f"db_{EVIL}"})
    write(analyse(table, anomaly_time=moment(200), method="granger-pagerank"), tmp_path)
    assert any("script" in node for node in nx.read_graphml(tmp_path / "graph.graphml"))


def test_causes_are_left_of_their_effects_and_places_differ() -> None:
    names = [*"abcdef"]
    edges = [("a", "b", 3.0), ("b", "c", 2.0), ("a", "c", 1.0), ("d", "c", 0.5)]
    found = places(names, edges)
    assert len(set(found.values())) == len(names)
    assert all(found[cause][0] < found[effect][0] for cause, effect, _ in edges)
    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in found.values())
    assert found["e"][1] == found["f"][1] == 1.0 > max(found[name][1] for name in "abcd")


def test_the_strongest_causes_without_cycles() -> None:
    edges = [("a", "c", 1.0), ("b", "c", 2.0), ("d", "c", 3.0), ("c", "a", 0.5), ("c", "b", 0.1), ("a", "a", 9.0)]
    kept = strongest(edges, [*"abcd"])
    assert kept == [("d", "c", 3.0), ("b", "c", 2.0), ("c", "a", 0.5)]
    assert CAUSES == 2


def test_a_line_breaks_at_gaps_keeps_extremes_and_draws_constants() -> None:
    values = np.sin(np.arange(5000) / 50.0)
    values[2000:2100] = np.nan
    values[700] = 9.0
    root = ElementTree.fromstring(draw_series(values, 4000, label="x", ends=("a", "b", "c")))
    lines = list(root.iter(f"{SVG}polyline"))
    assert len(lines) == 2
    points = [point for line in lines for point in line.get("points", "").split()]
    assert len(points) < 1000
    assert f"{8.0:.1f}" in {point.split(",")[1] for point in points}  # the single high value is at the top
    flat = ElementTree.fromstring(draw_series(np.full(9, 3.0), 4, label="x", ends=("a", "b", "c")))
    assert {point.split(",")[1] for point in next(flat.iter(f"{SVG}polyline")).get("points", "").split()} == {"55.0"}
    empty = ElementTree.fromstring(draw_series(np.full(9, np.nan), 4, label="x", ends=("a", "b", "c")))
    assert not list(empty.iter(f"{SVG}polyline"))


def test_a_browser_shows_the_page(tmp_path: Path) -> None:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome-headless-shell",
             "chromium-headless-shell")  # fmt: skip
    browser = next((found for name in names if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip("no chromium on the path")
    table = incident().rename(columns={"db_latency": f"db_{EVIL}"})
    *_, page = write(analyse(table, anomaly_time=moment(200)), tmp_path)
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [browser, *flags, "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--dump-dom",
         page.resolve().as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "<title>Root cause: db</title>" in done.stdout
    assert done.stdout.count("<svg") == 1 + SERIES
    assert "<script" not in done.stdout
    assert "CONSOLE" not in done.stderr  # no error of the page, no refused request
