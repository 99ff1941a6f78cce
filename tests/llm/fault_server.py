"""A loopback endpoint that speaks enough of OpenAI's API, slow and faulty as told."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: What a call may meet; each but ``ok`` is a way to fail.
FAULTS = (
    "retry_after", "rate_limit", "server_error", "hang", "cut", "truncated", "no_choices", "null", "blank", "refusal",
    "filtered", "not_openai",
)


#: What a server may refuse to be sent; it answers requests without.
PARAMETERS = ("temperature", "max_tokens")


class FaultServer:
    """Serves until the block ends.

    Args:
        choose: (text of the last message, how often it was asked, counting from 1) -> "ok", one of :data:`FAULTS` or
            :data:`PARAMETERS`, or a status such as "401".
        delay: Seconds of a normal answer.
    """

    def __init__(self, choose: Callable[[str, int], str] = lambda text, time: "ok", delay: float = 0.0) -> None:
        self.choose, self.delay = choose, delay
        self.calls: Counter[str] = Counter()
        self.served: Counter[str] = Counter()
        self.seconds = 0.0
        self.headers: list[str] = []
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def __enter__(self) -> FaultServer:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _handler(outer) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_: object) -> None:
                """Silence."""

            def do_POST(self) -> None:
                begin = time.monotonic()
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                text = body["messages"][-1]["content"]
                with outer.lock:
                    outer.calls[text] += 1
                    outer.headers.append(self.headers.get("Authorization", ""))
                    count = outer.calls[text]
                fault = outer.choose(text, count)
                if fault in PARAMETERS and fault not in body:
                    fault = "ok"
                try:
                    outer._serve(self, fault, text)
                except OSError:
                    pass  # the client hung up
                finally:
                    with outer.lock:
                        outer.served[fault] += 1
                        outer.seconds += time.monotonic() - begin

        return Handler

    def _serve(self, handler: Any, fault: str, text: str) -> None:
        time.sleep(self.delay)
        message: dict[str, Any] = {"role": "assistant", "content": f"answer to {text}"}
        finish = "stop"
        if fault.isdigit():
            code = {"429": "insufficient_quota"}.get(fault)
            return _reply(handler, int(fault), {"error": {"message": f"wrong key sk-secret; {text}", "code": code}})
        if fault in PARAMETERS:
            said = {"message": f"unsupported; {text}", "param": fault, "code": "unsupported_value"}
            return _reply(handler, 400, {"error": said})
        if fault == "retry_after":
            return _reply(handler, 429, {"error": {"message": "slow down"}}, {"Retry-After": "0.3"})
        if fault == "rate_limit":
            return _reply(handler, 429, {"error": {"message": "slow down"}})
        if fault == "server_error":
            return _reply(handler, 503, {"error": {"message": "overloaded"}})
        if fault == "hang":
            time.sleep(2.5)
        if fault == "cut":
            handler.close_connection = True
            handler.connection.shutdown(2)
            return None
        if fault == "truncated":
            return _reply(handler, 200, b'{"id": "x", "choices": [{"mess')
        if fault == "not_openai":
            return _reply(handler, 200, ["hello"])
        if fault == "refusal":
            message = {"role": "assistant", "content": None, "refusal": "no"}
        if fault == "filtered":
            finish = "content_filter"
        if fault in ("null", "blank"):
            message["content"] = None if fault == "null" else "  "
        choices = [] if fault == "no_choices" else [{"index": 0, "message": message, "finish_reason": finish}]
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        return _reply(handler, 200, {"id": "x", "object": "chat.completion", "created": 0, "model": "m",
                                     "choices": choices, "usage": usage})


def _reply(handler: Any, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(data)))
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(data)
