"""A small server on loopback that speaks Prometheus's range API, with faults on request."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

Series = tuple[dict[str, str], Callable[[float], float | str | None]]


class Server(ThreadingHTTPServer):
    """Answers of ``series``; ``fault`` sees a request's form and its number and may answer in its place."""

    daemon_threads = True

    def __init__(self, series: list[Series]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.series = series
        self.fault: Callable[[dict[str, str], int], tuple[int, str] | None] = lambda form, number: None
        self.warnings: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.authorization: str | None = None
        self.wanted = ""

    def handle_error(self, request: object, client_address: object) -> None:
        """Silent: a client that gives up waiting is meant."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, form: dict[str, str]) -> tuple[int, str]:
        start, end, step = float(form["start"]), float(form["end"]), float(form["step"])
        moments = [start + k * step for k in range(round((end - start) / step) + 1)]
        if len(moments) > 11_000:
            error = "exceeded maximum resolution of 11,000 points per timeseries"
            return 400, json.dumps({"status": "error", "errorType": "bad_data", "error": error})
        result = []
        for labels, value in self.series:
            values = [[moment, str(value(moment))] for moment in moments if value(moment) is not None]
            result.append({"metric": labels, "values": values})
        data = {"resultType": "matrix", "result": result}
        return 200, json.dumps({"status": "success", "data": data, "warnings": self.warnings})


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self.server.forms.append(form)
        self.server.authorization = self.headers.get("Authorization")
        code, text = 404, "not here"
        if self.server.wanted and self.server.authorization != self.server.wanted:
            code, text = 401, "Unauthorized"
        elif self.path.endswith("/api/v1/query_range"):
            code, text = self.server.fault(form, len(self.server.forms)) or self.server.answer(form)
        content = text.encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent."""


@contextmanager
def served(series: list[Series]) -> Iterator[Server]:
    server = Server(series)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def slow(seconds: float) -> Callable[[dict[str, str], int], None]:
    return lambda form, number: time.sleep(seconds)
