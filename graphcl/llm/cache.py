"""Answers on disk: one SQLite file, written answer by answer, shared by runs, and what a killed run resumes from."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from graphcl.core.errors import UserError
from graphcl.llm.backends.base import Answer
from graphcl.llm.request import Request

VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS answers (
  key TEXT PRIMARY KEY, node TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL, text TEXT NOT NULL,
  prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, finish TEXT NOT NULL, date REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS flying (key TEXT NOT NULL, process INTEGER NOT NULL, PRIMARY KEY (key, process));
"""


class AnswerCache:
    """Answers by the key of their request. Every write is a transaction of its own: a kill loses none that was stored.

    Args:
        path: Of the file; made with its folder where it is missing.

    Raises:
        UserError: it cannot be written, is no such file, or of another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._telling():
            path.parent.mkdir(parents=True, exist_ok=True)
            # One thread at a time uses it, in a notebook another than the one that opened it.
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")  # a power cut may lose the last answers, never the file
            self._check_version()

    def get(self, key: str) -> str | None:
        """The text of an answer."""
        with self._telling():
            row = self._db.execute("SELECT text FROM answers WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def elsewhere(self, key: str) -> bool:
        """Whether a process that is alive, and is another one, asks this."""
        with self._telling():
            rows = self._db.execute("SELECT process FROM flying WHERE key = ?", (key,)).fetchall()
        return any(process != os.getpid() and _alive(process) for (process,) in rows)

    def sending(self, key: str) -> None:
        """A request leaves: should this process be killed, it is known to have been under way."""
        self._write("INSERT OR REPLACE INTO flying VALUES (?, ?)", (key, os.getpid()))

    def landed(self, key: str) -> None:
        """It came back without an answer."""
        self._write("DELETE FROM flying WHERE key = ? AND process = ?", (key, os.getpid()))

    def store(self, request: Request, answer: Answer) -> None:
        """It came back with an answer; a second one under the same key changes nothing."""
        row = (
            request.key, request.node, request.model, request.prompt, answer.text, answer.prompt_tokens,
            answer.completion_tokens, answer.finish, time.time(),
        )
        with self._telling():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
                self._db.execute("DELETE FROM flying WHERE key = ? AND process = ?", (request.key, os.getpid()))
                self._db.execute("COMMIT")
            except sqlite3.Error:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def lost(self) -> set[str]:
        """Keys of requests that were under way when their process died; they are forgotten by this."""
        with self._telling():
            rows = self._db.execute("SELECT key, process FROM flying").fetchall()
            dead = {process for _, process in rows if process == os.getpid() or not _alive(process)}
            for process in dead:
                self._db.execute("DELETE FROM flying WHERE process = ?", (process,))
        return {key for key, process in rows if process in dead}

    def __len__(self) -> int:
        with self._telling():
            return int(self._db.execute("SELECT count(*) FROM answers").fetchone()[0])

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        with self._telling():
            self._db.execute(statement, values)

    def _check_version(self) -> None:
        self._db.executescript(_TABLES)
        row = self._db.execute("SELECT version FROM meta").fetchone()
        if row is None:
            self._db.execute("INSERT INTO meta VALUES (?)", (VERSION,))
        elif row[0] != VERSION:
            raise UserError(
                f"{self.path} is a cache of version {row[0]}, this graphcl reads version {VERSION}; "
                "give another --cache"
            )

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            full = "full" in str(error)
            hint = "; the answers in it are kept, run again when there is space" if full else "; give another --cache"
            raise UserError(f"cannot use the cache {self.path}: {error}{hint}") from error


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
