"""The OpenAI client against a real server on loopback that fails in every way."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="the extra llm is not installed")

from graphcl.core.errors import UserError
from graphcl.llm.backends import OpenAIBackend
from graphcl.llm.backends.openai import retry_after
from graphcl.llm.cache import AnswerCache
from graphcl.llm.engine import run_requests
from graphcl.llm.outcome import Outcome
from graphcl.llm.request import Request
from tests.llm.fault_server import FAULTS, FaultServer

SECRET = "sk-secret-of-the-user"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)


def ran(server: FaultServer, folder: Path, texts: list[str], url: str = "", timeout: float = 60.0) -> Outcome:
    backend = OpenAIBackend("m", url or server.url, timeout=timeout)
    requests = [Request(text, "m", "p", (("user", text),), (("max_tokens", 9), ("temperature", 0))) for text in texts]
    return run_requests(requests, backend, AnswerCache(folder / "answers.sqlite"))


KINDS = {
    "retry_after": "rate limit", "rate_limit": "rate limit", "server_error": "server error",
    "cut": "connection", "truncated": "malformed", "no_choices": "empty", "null": "empty", "blank": "empty",
    "refusal": "refused", "filtered": "refused", "not_openai": "malformed",
}


def test_an_answer_that_takes_too_long_is_asked_for_again(tmp_path: Path) -> None:
    with FaultServer(lambda text, time: "hang" if text == "b" and time == 1 else "ok") as server:
        outcome = ran(server, tmp_path, ["a", "b", "c"], timeout=2.0)
    assert outcome.answers == {text: f"answer to {text}" for text in "abc"}
    assert set(outcome.faults) == {"time-out"}
    assert server.calls["b"] >= 2
    assert outcome.tokens_in >= 30


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "hang"])
def test_every_fault_is_named_and_got_over(tmp_path: Path, fault: str) -> None:
    with FaultServer(lambda text, time: fault if text == "b" and time == 1 else "ok") as server:
        outcome = ran(server, tmp_path, ["a", "b", "c"])
    assert outcome.answers == {text: f"answer to {text}" for text in "abc"}
    assert outcome.faults == {KINDS[fault]: 1}
    assert server.calls == {"a": 1, "b": 2, "c": 1}
    assert set(server.headers) == {f"Bearer {SECRET}"}


def test_the_server_says_how_long_to_wait(tmp_path: Path) -> None:
    with FaultServer(lambda text, time: "retry_after" if time == 1 else "ok") as server:
        begin = time.monotonic()
        ran(server, tmp_path, ["a"])
        assert time.monotonic() - begin >= 0.3


def test_both_forms_of_the_header() -> None:
    assert retry_after({"retry-after": "1.5"}) == 1.5
    assert retry_after({"retry-after": "-3"}) == 0
    later = retry_after({"retry-after": format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)})
    assert later is not None
    assert 25 < later <= 30
    assert retry_after({}) is None
    assert retry_after({"retry-after": "soon"}) is None


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("401", r"refuses the key; see OPENAI_API_KEY \(status 401\)"),
        ("403", r"refuses the key"),
        ("404", r"knows no model 'm'"),
        ("429", r"has no quota left"),
        ("400", r"refuses every request \(status 400\)"),
    ],
)
def test_hopeless_runs_end_without_key_or_text(
    tmp_path: Path, status: str, message: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    with FaultServer(lambda text, time: status) as server, pytest.raises(UserError, match=message) as caught:
        ran(server, tmp_path, [f"private text {i}" for i in range(50)])
    assert server.calls.total() <= 16
    out = str(caught.value) + caplog.text + "".join(capfd.readouterr())
    assert "private" not in out
    assert "sk-" not in out


def test_nothing_of_a_good_run_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with FaultServer(lambda text, time: "ok" if time > 1 else "server_error") as server:
        outcome = ran(server, tmp_path, ["private text"])
    assert "private" not in caplog.text + outcome.line()
    assert SECRET not in caplog.text + outcome.line()


def test_a_dead_endpoint_is_said_within_seconds(tmp_path: Path) -> None:
    with FaultServer() as server:
        url = server.url
    begin = time.monotonic()
    with pytest.raises(UserError, match=rf"{url} does not answer: no connection after 3 attempts"):
        ran(server, tmp_path, ["a", "b"], url=url)
    assert time.monotonic() - begin < 30


def test_no_key_for_the_hosted_endpoint_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(UserError, match="no key: set OPENAI_API_KEY in the environment, or --base-url"):
        OpenAIBackend("m")
    OpenAIBackend("m", "http://127.0.0.1:1/v1")
    with pytest.raises(UserError, match="name the model"):
        OpenAIBackend("", "http://127.0.0.1:1/v1")


def test_many_faults_at_once_and_every_node_once(tmp_path: Path) -> None:
    """Two in five first attempts fail, in every way but the slow one."""
    quick = [fault for fault in FAULTS if fault != "hang"]

    def choose(text: str, time: int) -> str:
        number = int(text)
        return quick[number % len(quick)] if number % 5 < 2 and time == 1 else "ok"

    with FaultServer(choose, delay=0.01) as server:
        outcome = ran(server, tmp_path, [str(i) for i in range(100)])
    assert outcome.answers == {str(i): f"answer to {i}" for i in range(100)}
    assert outcome.faults.total() == 40
    assert outcome.sent == 140


@pytest.mark.parametrize("key", ["schlüssel", "sk 1", "sk\n1"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(UserError, match="OPENAI_API_KEY holds a character that no key has") as caught:
        OpenAIBackend("m")
    assert key not in str(caught.value)


def test_an_address_without_v1_is_suspected(tmp_path: Path) -> None:
    with FaultServer(lambda *_: "404") as server:
        with pytest.raises(UserError, match=r"no chat API there; most addresses end in /v1 \(status 404\)"):
            ran(server, tmp_path, ["a"], server.url.removesuffix("/v1"))
        with pytest.raises(UserError, match=r"no chat API there \(status 404\)"):
            ran(server, tmp_path, ["a"])
