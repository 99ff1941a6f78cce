"""Drawings as SVG text for a page that needs nothing else: a series with a change marked, nodes and arrows.

Built as an XML tree, so that names out of users' data are escaped; control characters, which XML has none of, are
replaced.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np

#: Points of a line; of more, the least and the greatest of each stretch are drawn.
MOST_POINTS = 800
LINE, MARK, SHADE, TEXT = "#1b6ca8", "#c0392b", "#fbeae8", "#444"
#: Of the first and of the last node in a ranking.
FIRST, LAST = (192, 57, 43), (120, 132, 144)
_FONT = {"font-family": "system-ui, sans-serif", "font-size": "11"}
#: Letters have a white rim, so that they can be read on a line.
_RIM = {"stroke": "white", "stroke-width": "3", "paint-order": "stroke"}


def plain_text(text: str) -> str:
    """Text without the characters that no XML document may hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)


def draw_series(
    values: np.ndarray, mark: int, *, label: str, ends: tuple[str, str, str], size: tuple[int, int] = (760, 120)
) -> str:
    """A line that breaks where values are missing; from the row ``mark`` on the ground is shaded.

    Args:
        values: [T] with NaN.
        mark: Row at which the change begins.
        label: What it is, for readers of screens and under the pointer.
        ends: Shown at the first row, the mark and the last row.
        size: Width and height.
    """
    width, height = size
    left, top, right, bottom = 70, 8, width - 10, height - 18
    low, high = _limits(values)
    across = (right - left) / max(len(values) - 1, 1)
    root = _drawing(size, label)
    at = left + across * mark
    _add(root, "rect", x=at, y=top, width=right - at, height=bottom - top, fill=SHADE)
    for run in _runs(values):
        points = [
            (left + across * row, bottom - (bottom - top) * (values[row] - low) / (high - low)) for row in _thinned(
                values, run
            )
        ]  # fmt: skip
        if len(points) == 1:
            _add(root, "circle", cx=points[0][0], cy=points[0][1], r=1.5, fill=LINE)
        else:
            joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            _add(root, "polyline", points=joined, fill="none", stroke=LINE, **{"stroke-width": 1.3})
    _add(root, "line", x1=at, x2=at, y1=top, y2=bottom, stroke=MARK, **{"stroke-dasharray": "4 3"})
    for y, value in ((top + 9, high), (bottom, low)):
        _write(root, f"{value:.4g}", left - 6, y, "end")
    _write(root, ends[0], left, height - 4, "start")
    _write(root, ends[2], right, height - 4, "end")
    middle = at > (left + right) / 2
    _write(root, ends[1], at - 5 if middle else at + 5, top + 9, "end" if middle else "start", MARK)
    return ElementTree.tostring(root, encoding="unicode")


def _limits(values: np.ndarray) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    return (low, high) if high > low else (low - max(abs(low), 1.0) / 2, high + max(abs(high), 1.0) / 2)


def _runs(values: np.ndarray) -> list[range]:
    """Stretches of rows without a missing value."""
    known = np.concatenate([[False], np.isfinite(values), [False]]).astype(int)
    edges = np.flatnonzero(np.diff(known))
    return [range(first, last) for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)]


def _thinned(values: np.ndarray, run: range) -> list[int]:
    """The rows of a stretch that a line needs: all of few, the extremes of many."""
    if len(values) <= MOST_POINTS:
        return list(run)
    step = -(-2 * len(values) // MOST_POINTS)
    rows: set[int] = {run[0], run[-1]}
    for first in range(run.start, run.stop, step):
        part = values[first : min(first + step, run.stop)]
        rows |= {first + int(part.argmin()), first + int(part.argmax())}
    return sorted(rows)


def draw_graph(
    nodes: Sequence[str],
    edges: Sequence[tuple[str, str, float]],
    places: Mapping[str, tuple[float, float]],
    *,
    label: str,
    size: tuple[int, int] = (760, 420),
) -> str:
    """Ranked nodes and arrows between them.

    Args:
        nodes: Names, best first; the rank is written into the node.
        edges: (from, to, weight) between these; a larger weight is a thicker arrow.
        places: Name -> place, both coordinates from 0 to 1.
        label: What it is, for readers of screens.
        size: Width and height.
    """
    width, height = size
    root = _drawing(size, label)
    head = _add(_add(root, "defs"), "marker", id="head", viewBox="0 0 8 8", refX=7, refY=4, markerWidth=7,
                markerHeight=7, orient="auto", markerUnits="userSpaceOnUse")  # fmt: skip
    _add(head, "path", d="M0,0 L8,4 L0,8 z", fill=TEXT)
    at = {name: np.array([90 + x * (width - 180), 26 + y * (height - 76)]) for name, (x, y) in places.items()}
    most = max((weight for *_, weight in edges), default=1.0)
    for cause, effect, weight in edges:
        _arrow(root, at[cause], at[effect], 0.6 + 2.4 * weight / most, f"{cause} \u2192 {effect}: {weight:.3g}")
    for rank, name in enumerate(nodes, 1):
        share = (rank - 1) / max(len(nodes) - 1, 1)
        colour = "rgb({},{},{})".format(*(round(a + (b - a) * share) for a, b in zip(FIRST, LAST, strict=True)))
        x, y = at[name].tolist()
        group = _add(root, "g")
        _add(group, "title").text = plain_text(f"{rank}. {name}")
        _add(group, "circle", cx=x, cy=y, r=13, fill=colour, stroke="white")
        _write(group, str(rank), x, y + 4, "middle", "white")
        _write(group, name if len(name) <= 24 else f"{name[:23]}\u2026", x, y + 27, "middle")
    return ElementTree.tostring(root, encoding="unicode")


def _arrow(root: ElementTree.Element, start: np.ndarray, end: np.ndarray, width: float, label: str) -> None:
    """A curve that bends to its left, so that it passes by nodes on the straight line."""
    way = end - start
    length = max(float(np.hypot(*way)), 1.0)
    middle = (start + end) / 2 + 0.12 * np.array([way[1], -way[0]])
    first = start + 14 * (middle - start) / max(float(np.hypot(*(middle - start))), 1.0)
    last = end - 16 * (end - middle) / max(float(np.hypot(*(end - middle))), 1.0)
    if length < 30:  # nodes that touch
        first, last = start, end
    numbers = [f"{value:.1f}" for point in (first, middle, last) for value in point.tolist()]
    path = _add(
        root, "path", d="M{},{} Q{},{} {},{}".format(*numbers), fill="none", stroke=TEXT, opacity=0.65,
        **{"stroke-width": f"{width:.2f}", "marker-end": "url(#head)"},
    )  # fmt: skip
    _add(path, "title").text = plain_text(label)


def _drawing(size: tuple[int, int], label: str) -> ElementTree.Element:
    root = ElementTree.Element(
        "svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {size[0]} {size[1]}", "role": "img", **_FONT}
    )
    _add(root, "title").text = plain_text(label)
    return root


def _write(root: ElementTree.Element, text: str, x: float, y: float, anchor: str, colour: str = TEXT) -> None:
    rim = {} if colour == "white" else _RIM
    _add(root, "text", x=x, y=y, fill=colour, **{"text-anchor": anchor}, **rim).text = plain_text(text)


def _add(parent: ElementTree.Element, tag: str, **attributes: Any) -> ElementTree.Element:
    shown = {key: f"{value:.1f}" if isinstance(value, float) else str(value) for key, value in attributes.items()}
    return ElementTree.SubElement(parent, tag, shown)
