"""Two kills of a run over a real server: every node is answered once, and hardly anything is asked twice."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="the extra llm is not installed")

from tests.llm.fault_server import FaultServer

NODES, SLOTS = 80, 8
CLIENT = """
import sys
from pathlib import Path
from graphcl.llm.backends import OpenAIBackend
from graphcl.llm.cache import AnswerCache
from graphcl.llm.engine import run_requests
from graphcl.llm.limits import Limits
from graphcl.llm.request import Request

requests = [Request(f"n{i}", "m", "p", (("user", f"text {i}"),)) for i in range(int(sys.argv[3]))]
backend, cache = OpenAIBackend("m", sys.argv[1]), AnswerCache(Path(sys.argv[2]))
outcome = run_requests(requests, backend, cache, Limits(int(sys.argv[4])))
print(len(outcome.answers), outcome.again, outcome.kept)
print(outcome.line())
"""


def start(url: str, cache: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CLIENT, url, str(cache), str(NODES), str(SLOTS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_kills_cost_at_most_the_requests_under_way(tmp_path: Path) -> None:
    cache = tmp_path / "answers.sqlite"
    with FaultServer(delay=0.1) as server:
        for kill, share in enumerate((0.25, 0.6)):
            process = start(server.url, cache)
            deadline = time.monotonic() + 120
            while len(server.calls) < share * NODES:
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert server.calls.total() - len(server.calls) <= SLOTS * kill
        last = start(server.url, cache)
        said, _ = last.communicate(timeout=120)
    answered, again, kept = map(int, said.splitlines()[0].split())
    assert answered == NODES
    assert kept > 0.3 * NODES
    twice = server.calls.total() - NODES
    assert twice <= 2 * SLOTS
    assert 0 < again <= SLOTS
    assert f"{again} requests sent again after a kill" in said or again == 1
    with sqlite3.connect(cache) as db:
        rows = db.execute("SELECT node, text FROM answers").fetchall()
    assert sorted(rows) == sorted((f"n{i}", f"answer to text {i}") for i in range(NODES))
