"""Downloads against a real server that cuts connections."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from graphcl.core.errors import UserError
from graphcl.data import download
from graphcl.data.download import fetch, fetch_zip

CONTENT = bytes(range(256)) * 400
SHA = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT; the attributes make it misbehave."""

    content = CONTENT
    tag = '"v1"'
    ranges = True
    cut_after: list[int]  # bytes after which the next connections are cut
    status: list[int]  # answers to the next requests, in place of the file
    asked: list[str | None]  # the Range header of every request


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        if self.server.status:
            self.send_error(self.server.status.pop(0))
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.ranges else 0
        if self.headers.get("If-Range", self.server.tag) != self.server.tag:
            start = 0
        if start >= len(self.server.content):
            self.send_error(416)
            return
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("ETag", self.server.tag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.cut_after.pop(0)] if self.server.cut_after else body)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.cut_after, server.status, server.asked = [], [], []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}/train.txt"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


def test_whole_file_once(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "cache" / "train.txt"
    said = fetch(url(server), target, SHA)
    assert target.read_bytes() == CONTENT
    assert said == f"downloaded train.txt from 127.0.0.1:{server.server_port} (102,400 bytes, as published)"
    assert fetch(url(server), target, SHA) == ""
    assert len(server.asked) == 1
    assert names(target.parent) == {"train.txt"}


def test_cut_connection_is_taken_up_where_it_ended(server: Server, tmp_path: Path) -> None:
    server.cut_after = [5 * download.BLOCK + 7, 3 * download.BLOCK + 7]
    fetch(url(server), tmp_path / "train.txt", SHA, pause=0)
    assert (tmp_path / "train.txt").read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={5 * download.BLOCK}-", f"bytes={8 * download.BLOCK}-"]


def test_next_call_takes_up_what_a_failed_one_left(server: Server, tmp_path: Path) -> None:
    server.cut_after = [download.BLOCK] * download.ATTEMPTS
    kept = download.BLOCK * download.ATTEMPTS
    with pytest.raises(UserError, match=f"cannot download .*{kept:,} bytes are kept, the next try goes on there"):
        fetch(url(server), tmp_path / "train.txt", SHA, pause=0)
    assert names(tmp_path) == {"train.txt.part", "train.txt.part.etag"}
    fetch(url(server), tmp_path / "train.txt", SHA, pause=0)
    assert server.asked[-1] == f"bytes={kept}-"
    assert (tmp_path / "train.txt").read_bytes() == CONTENT


def test_server_without_ranges(server: Server, tmp_path: Path) -> None:
    server.ranges, server.cut_after = False, [50_000]
    fetch(url(server), tmp_path / "train.txt", SHA, pause=0)
    assert (tmp_path / "train.txt").read_bytes() == CONTENT


def test_file_that_changed_meanwhile_is_begun_anew(server: Server, tmp_path: Path) -> None:
    server.cut_after = [50_000] * download.ATTEMPTS
    server.ranges = False
    with pytest.raises(UserError):
        fetch(url(server), tmp_path / "train.txt", pause=0)
    server.content, server.tag, server.ranges = CONTENT[::-1], '"v2"', True
    fetch(url(server), tmp_path / "train.txt", pause=0)
    assert (tmp_path / "train.txt").read_bytes() == CONTENT[::-1]


def test_part_that_is_longer_than_the_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "train.txt.part").write_bytes(b"x" * (len(CONTENT) + 5))
    fetch(url(server), tmp_path / "train.txt", SHA, pause=0)
    assert (tmp_path / "train.txt").read_bytes() == CONTENT


def test_another_file_than_expected(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train.txt.part has SHA-256 .*, expected 0{12}"):
        fetch(url(server), tmp_path / "train.txt", "0" * 64)
    assert names(tmp_path) == {"train.txt.part.etag"}


def test_first_download_is_pinned_and_said(server: Server, tmp_path: Path) -> None:
    said = fetch(url(server), tmp_path / "train.txt")
    assert f"no published checksum: pinned to {SHA[:12]} at this first download" in said
    assert fetch(url(server), tmp_path / "train.txt") == ""
    (tmp_path / "train.txt").write_bytes(b"other")
    with pytest.raises(UserError, match=r"delete .*train.txt to fetch it again"):
        fetch(url(server), tmp_path / "train.txt")


@pytest.mark.parametrize(
    ("status", "requests"), [(404, 1), (403, 1), (503, download.ATTEMPTS), (429, download.ATTEMPTS)]
)
def test_refusals(server: Server, tmp_path: Path, status: int, requests: int) -> None:
    server.status = [status] * 10
    with pytest.raises(UserError, match=f"cannot download .*: the server says {status}"):
        fetch(url(server), tmp_path / "train.txt", pause=0)
    assert len(server.asked) == requests
    assert not (tmp_path / "train.txt").exists()


def test_overload_passes(server: Server, tmp_path: Path) -> None:
    server.status = [503, 500]
    fetch(url(server), tmp_path / "train.txt", SHA, pause=0)
    assert (tmp_path / "train.txt").read_bytes() == CONTENT


def test_nobody_there(server: Server, tmp_path: Path) -> None:
    server.server_close()
    with pytest.raises(UserError, match="cannot download"):
        fetch(url(server), tmp_path / "train.txt", pause=0)


def test_what_is_no_url(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot download file:///etc/passwd"):
        fetch("file:///etc/passwd", tmp_path / "train.txt", pause=0)


def test_unwritable_cache(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        fetch(url(server), tmp_path / "file" / "train.txt")


def test_two_at_once_fetch_once(server: Server, tmp_path: Path) -> None:
    threads = [threading.Thread(target=fetch, args=(url(server), tmp_path / "train.txt", SHA)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 1
    assert (tmp_path / "train.txt").read_bytes() == CONTENT


# --- archives --------------------------------------------------------------------------------------


def zipped(**files: str) -> bytes:
    """A zip file whose members lie in a folder and, one of them, outside of any."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"SET/{name}.txt", text)
        archive.writestr("../outside.txt", "never written")
    return memory.getvalue()


def test_wanted_files_come_out_of_the_archive_and_no_others(server: Server, tmp_path: Path) -> None:
    server.content = zipped(a="one", b="two", readme="long")
    folder = tmp_path / "set"
    said = fetch_zip(f"http://127.0.0.1:{server.server_port}/SET.zip", folder, ["a.txt", "b.txt"])
    assert "downloaded SET.zip" in said
    assert (folder / "a.txt").read_text() == "one"
    assert sorted(path.name for path in tmp_path.rglob("*.txt")) == ["a.txt", "b.txt"]
    asked = len(server.asked)
    assert fetch_zip(f"http://127.0.0.1:{server.server_port}/SET.zip", folder, ["a.txt", "b.txt"]) == ""
    (folder / "b.txt").unlink()
    assert fetch_zip(f"http://127.0.0.1:{server.server_port}/SET.zip", folder, ["a.txt", "b.txt"]) == "unpacked SET.zip"
    assert len(server.asked) == asked


def test_an_archive_that_is_none_or_lacks_a_file_is_named(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no zip file"):
        fetch_zip(f"http://127.0.0.1:{server.server_port}/SET.zip", tmp_path / "none", ["a.txt"])
    server.content = zipped(b="two")
    with pytest.raises(UserError, match=r"does not hold a\.txt, but b\.txt, outside\.txt"):
        fetch_zip(f"http://127.0.0.1:{server.server_port}/SET.zip", tmp_path / "lacks", ["a.txt"])
