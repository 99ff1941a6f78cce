"""Downloading ABIDE: the table, then the scans of the sites that were asked for; what is there is not fetched again."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from graphcl.core.errors import UserError
from graphcl.data.roi_sets import abide
from graphcl.data.roi_sets.abide import TABLE, fetch_abide
from graphcl.data.roi_sets.roi_set import RoiSetData


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Three scans of two sites, one without a file, as they lie on the public server."""
    base, rng = tmp_path / "public", np.random.default_rng(0)
    rows = ["FILE_ID,SITE_ID,DX_GROUP", "A_1,A,1", "A_2,A,2", "B_3,B,1", "no_filename,B,2", "no_filename,A,2"]
    folder = base / "Outputs" / "cpac" / "filt_global" / "rois_cc200"
    folder.mkdir(parents=True)
    (base / TABLE).write_text("\n".join(rows))
    for name in ("A_1", "A_2", "B_3"):
        values = "\n".join("\t".join(map(str, row)) for row in rng.standard_normal((50, 5)).round(3).tolist())
        (folder / f"{name}_rois_cc200.1D").write_text("\t".join(f"#{n}" for n in range(1, 6)) + f"\n{values}\n")
    made = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(base)))
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("GRAPHCL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GRAPHCL_DATA", raising=False)
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()


def test_scans_of_the_sites_are_fetched_once(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, notes = fetch_abide(["A"], "filt_global", "cc200", server=server)
    assert sorted(path.name for path in folder.glob("*.1D")) == ["A_1_rois_cc200.1D", "A_2_rois_cc200.1D"]
    assert any("licence of abide" in note for note in notes)
    assert any("downloaded 2 scans of 2" in note for note in notes)
    again, silent = fetch_abide(["A"], "filt_global", "cc200", server=server)
    assert (again, len(silent)) == (folder, 1)
    monkeypatch.setattr(abide.fetch_abide, "__defaults__", (None, server))
    data = RoiSetData(name="abide").load(seed=0)
    assert data.ids == ["A_1_rois_cc200", "A_2_rois_cc200", "B_3_rois_cc200"]
    assert (data.labels.tolist(), data.class_names, data.groups) == ([0, 1, 0], ["1", "2"], ["A", "A", "B"])


def test_what_is_not_there_is_said(server: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.sites: 'C'"):
        fetch_abide(["C"], "filt_global", "cc200", server=server)
    with pytest.raises(UserError, match=r"data\.atlas: 'cc20'; nearest: 'cc200'"):
        fetch_abide([], "filt_global", "cc20", server=server)
    with pytest.raises(UserError, match=r"404 .*put the .1D files"):
        fetch_abide([], "filt_global", "aal", server=server)
    (tmp_path / "root" / "abide").mkdir(parents=True)
    assert fetch_abide([], "filt_global", "cc200", tmp_path / "root")[0] == tmp_path / "root" / "abide"
