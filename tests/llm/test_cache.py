from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from graphcl.core.errors import UserError
from graphcl.llm.backends import Answer, DoubleBackend
from graphcl.llm.cache import AnswerCache
from graphcl.llm.engine import run_requests
from graphcl.llm.request import Request


def request(text: str) -> Request:
    return Request(text, "m", "p", (("user", text),))


def test_an_answer_is_stored_once_and_the_first_stays(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "folder" / "answers.sqlite")
    cache.store(request("a"), Answer("first 🙂", 1, 2, "stop"))
    cache.store(request("a"), Answer("second"))
    assert AnswerCache(cache.path).get(request("a").key) == "first 🙂"
    assert cache.get(request("b").key) is None
    assert len(cache) == 1


def test_requests_of_a_dead_process_are_lost_once(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "answers.sqlite")
    with sqlite3.connect(cache.path) as other:
        other.execute("INSERT INTO flying VALUES ('dead', 99999999), ('alive', 1)")
    assert cache.lost() == {"dead"}
    assert cache.lost() == set()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(b"no database " * 100), "cannot use the cache .*not a database"),
        (lambda path: path.mkdir(), "cannot use the cache .*unable to open"),
    ],
)
def test_what_is_no_cache_is_said(tmp_path: Path, spoil: object, message: str) -> None:
    spoil(tmp_path / "answers.sqlite")  # type: ignore[operator]
    with pytest.raises(UserError, match=message):
        AnswerCache(tmp_path / "answers.sqlite")


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    AnswerCache(path).close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET version = 7")
    with pytest.raises(UserError, match="is a cache of version 7, this graphcl reads version 1; give another --cache"):
        AnswerCache(path)


def test_a_full_disk_ends_the_run_in_one_line_and_keeps_the_answers(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "answers.sqlite")
    cache._db.execute("PRAGMA max_page_count = 40")  # SQLite then fails as on a full disk
    requests = [request(f"t{i}") for i in range(500)]
    with pytest.raises(UserError, match=r"database or disk is full; the answers in it are kept") as caught:
        run_requests(requests, DoubleBackend(lambda messages, params: "x" * 2_000, "m"), cache)
    assert "\n" not in str(caught.value)
    kept = len(cache)
    assert 0 < kept < 500
    cache._db.execute("PRAGMA max_page_count = 4000")
    outcome = run_requests(requests, DoubleBackend(lambda messages, params: "y", "m"), cache)
    assert (outcome.kept, len(outcome.answers)) == (kept, 500)
