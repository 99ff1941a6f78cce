"""The request engine against an endpoint that takes half a second and fails one call in ten.

``python -m benchmarks.request_engine``. 2,000 nodes, 8 at once, Retry-After 0.3 s, client time-out 2 s. The ideal is
the service time of all attempts, as the server measures it, over 8. The server runs in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.cells import ROOT, Cell, Suite, command

NODES, SLOTS, DELAY, SHARE, TIMEOUT = 2_000, 8, 0.5, 0.1, 2.0
SERVER = """
import json, random, sys
from tests.llm.fault_server import FAULTS, FaultServer

draw = random.Random(0)
choose = lambda text, time: draw.choice(FAULTS) if draw.random() < float(sys.argv[2]) else "ok"
with FaultServer(choose, delay=float(sys.argv[1])) as server:
    print(server.url, flush=True)
    sys.stdin.readline()
    print(json.dumps([server.seconds, server.calls.total(), len(server.calls), dict(server.served)]), flush=True)
"""


def measure(nodes: int = NODES) -> dict[str, Any]:
    """A run over a fresh cache."""
    from graphcl.llm.backends import OpenAIBackend
    from graphcl.llm.cache import AnswerCache
    from graphcl.llm.engine import run_requests
    from graphcl.llm.limits import Limits
    from graphcl.llm.request import Request

    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(DELAY), str(SHARE)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    text = "a text of some length " * 40
    requests = (Request(f"n{i}", "m", "p", (("user", f"{i}: {text}"),), (("max_tokens", 300),)) for i in range(nodes))
    with tempfile.TemporaryDirectory() as folder:
        cache = AnswerCache(Path(folder) / "answers.sqlite")
        backend = OpenAIBackend("m", url, timeout=TIMEOUT)
        began = time.perf_counter(), time.process_time()
        outcome = run_requests(requests, backend, cache, Limits(concurrency=SLOTS))
        wall, cpu = time.perf_counter(), time.process_time()
        stored = len(cache)
    said, _ = server.communicate("stop\n")
    seconds, calls, _, served = json.loads(said.splitlines()[-1])
    # The client hangs up after its time-out, while the server goes on for a while that is no service.
    seconds -= served.get("hang", 0) * max(0.0, DELAY + 2.5 - TIMEOUT)
    took = wall - began[0]
    return {
        "nodes": nodes, "stored": stored, "missing": len(outcome.missing), "attempts": calls,
        "seconds": round(took, 2), "ideal_seconds": round(seconds / SLOTS, 2),
        "share_of_ideal": round(seconds / SLOTS / took, 4),
        "cpu_ms_a_request": round(1e3 * (cpu - began[1]) / calls, 2),
        "faults": dict(outcome.faults),
    }


SUITE = Suite("request_engine", (Cell("delay-0.5-faults-0.1", "benchmarks.request_engine:measure"),))


def section() -> str:
    """The table of docs/benchmarks.md."""
    record = next(iter(SUITE.results().values()), {})
    keys = ("attempts", "stored", "missing", "seconds", "ideal_seconds", "share_of_ideal", "cpu_ms_a_request")
    row = [f"{record[key]:,}" if record else tables.NOT_RUN for key in keys]
    header = ("attempts", "answers stored", "missing", "seconds", "ideal", "share of it", "client CPU ms each", "aim")
    return tables.table(header, [[*row, f"at least 0.9: {tables.aim(record.get('share_of_ideal'), 0.9)}"]])


if __name__ == "__main__":
    command(SUITE)
