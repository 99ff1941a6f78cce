"""The request engine over a function: what is asked, in which slots, and when it stops."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from graphcl.core.errors import UserError
from graphcl.llm.backends import Answer, DoubleBackend, Fault
from graphcl.llm.cache import AnswerCache
from graphcl.llm.engine import run_requests
from graphcl.llm.limits import Limits, Pace
from graphcl.llm.outcome import Outcome, estimate
from graphcl.llm.request import Messages, Request

PARAMS = (("max_tokens", 100),)


def request(text: str, node: str = "", model: str = "double", prompt: str = "p") -> Request:
    return Request(node or text, model, prompt, (("user", text),), PARAMS)


class Script:
    """Answers ``said TEXT`` after the faults that are listed for a text."""

    def __init__(self, faults: Mapping[str, list[Fault]] | None = None) -> None:
        self.faults = {text: list(listed) for text, listed in (faults or {}).items()}
        self.calls: Counter[str] = Counter()
        self.order: list[str] = []

    def __call__(self, messages: Messages, params: Mapping[str, Any]) -> str:
        text = messages[-1][1]
        self.calls[text] += 1
        self.order.append(text)
        if self.faults.get(text):
            raise self.faults[text].pop(0)
        return f"said {text}"


@pytest.fixture
def cache(tmp_path: Path) -> AnswerCache:
    return AnswerCache(tmp_path / "answers.sqlite")


def ran(texts: list[str], cache: AnswerCache, script: Script, limits: Limits = Limits(), delay: float = 0.0) -> Outcome:
    return run_requests(map(request, texts), DoubleBackend(script, delay=delay), cache, limits)


def test_answers_belong_to_nodes_in_whatever_order_they_are_asked(cache: AnswerCache) -> None:
    texts = [f"t{i}" for i in range(50)]
    assert ran(texts, cache, Script()).answers == {text: f"said {text}" for text in texts}
    again = Script()
    outcome = ran(texts[::-1], cache, again)
    assert outcome.answers == {text: f"said {text}" for text in texts}
    assert (outcome.kept, outcome.asked, outcome.sent, again.calls.total()) == (50, 0, 0, 0)


def test_equal_questions_are_asked_once_and_answer_all_their_nodes(cache: AnswerCache) -> None:
    script = Script({"bad": [Fault("status 400", "request")]})
    requests = [request("same", f"n{i}") for i in range(9)] + [request("bad", "b1"), request("bad", "b2")]
    outcome = run_requests(requests, DoubleBackend(script, delay=0.01), cache, Limits(concurrency=3))
    assert outcome.answers == {f"n{i}": "said same" for i in range(9)}
    assert outcome.missing == {"b1": "status 400", "b2": "status 400"}
    assert script.calls == {"same": 1, "bad": 1}


def test_the_key_is_of_model_prompt_messages_and_parameters() -> None:
    same = Request("other node", "double", "p", (("user", "x"),), PARAMS)
    assert same.key == request("x").key
    others = [request("y"), request("x", model="m"), request("x", prompt="q"),
              Request("x", "double", "p", (("system", "x"),), PARAMS),
              Request("x", "double", "p", (("user", "x"),), (("max_tokens", 1),))]
    assert len({request("x").key, *(other.key for other in others)}) == 6
    # Written down: a cache outlives a process and a version.
    assert request("x").key == "d420c9185e4ba09885a91ce8f282ab6551ac62741ed14a04047c9ebcb8c959cd"


def test_a_request_that_waits_holds_no_slot(cache: AnswerCache) -> None:
    script = Script({"first": [Fault("rate limit", "retry", after=0.4)]})
    begin = time.monotonic()
    outcome = ran(["first", *(f"t{i}" for i in range(10))], cache, script, Limits(concurrency=1), delay=0.02)
    assert script.order[0] == script.order[-1] == "first"
    assert len(outcome.answers) == 11
    assert 0.4 <= time.monotonic() - begin < 0.4 + 12 * 0.02 + 2


def test_no_more_than_the_slots_are_under_way(cache: AnswerCache) -> None:
    now: list[int] = [0, 0]

    class Counting(DoubleBackend):
        async def ask(self, messages: Messages, params: Mapping[str, Any]) -> Any:
            now[0] += 1
            now[1] = max(now)
            answer = await super().ask(messages, params)
            now[0] -= 1
            return answer

    run_requests(map(request, "abcdefghijklmnop"), Counting(Script(), delay=0.01), cache, Limits(concurrency=3))
    assert now == [0, 3]


def test_what_cannot_be_answered_is_counted_not_filled_in(cache: AnswerCache) -> None:
    faults = {
        "never": [Fault("server error", "retry", after=0.0)] * 99,
        "refused": [Fault("refused", "unusable", after=0.0)] * 99,
        "once": [Fault("empty", "unusable", after=0.0)],
    }
    script = Script(faults)
    outcome = ran(["ok", "never", "refused", "once"], cache, script, Limits(attempts=7))
    assert outcome.answers == {"ok": "said ok", "once": "said once"}
    assert outcome.missing == {"never": "server error", "refused": "refused"}
    assert script.calls == {"ok": 1, "never": 7, "refused": 5, "once": 2}
    assert outcome.faults == {"server error": 7, "refused": 5, "empty": 1}
    assert "2 nodes without an answer" in outcome.line()
    assert len(cache) == 2


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("status 401", "run", "refuses the key; see KEY"), r"refuses the key; see KEY \(status 401\); 0 answers"),
        (Fault("connection", "retry", after=0.0), "in this process does not answer: no connection after 3 attempts"),
        (Fault("status 400", "request"), "refuses every request"),
    ],
)
def test_a_run_that_is_hopeless_ends(cache: AnswerCache, fault: Fault, message: str) -> None:
    texts = [f"t{i}" for i in range(200)]
    script = Script({text: [fault] * 99 for text in texts})
    with pytest.raises(UserError, match=message):
        ran(texts, cache, script)
    assert script.calls.total() <= 3 * 8 + 8


def test_an_endpoint_that_dies_later_ends_the_run_and_keeps_what_it_said(cache: AnswerCache) -> None:
    texts = [f"t{i}" for i in range(1_000)]
    script = Script({text: [Fault("time-out", "retry", after=0.0)] * 99 for text in texts[10:]})
    with pytest.raises(UserError, match=r"failed 50 times in a row \(time-out\); 10 answers are kept"):
        ran(texts, cache, script, Limits(concurrency=2))


def test_the_budget_stops_cleanly_and_is_kept(cache: AnswerCache) -> None:
    limits = Limits(budget=0.045, price_in=10.0, price_out=100.0, concurrency=4)
    texts = [f"t{i}" for i in range(100)]
    longest = DoubleBackend(lambda *_: "x" * 400, delay=0.002)  # of 0.01 each, as long as they may be
    outcome = run_requests(map(request, texts), longest, cache, limits)
    assert outcome.stopped == "the budget is spent"
    assert 0 < len(outcome.answers) < 100
    assert 0.03 < outcome.cost <= 0.045
    assert len(outcome.missing) + len(outcome.answers) == 100
    assert len(cache) == len(outcome.answers)
    assert set(outcome.missing.values()) == {"the budget is spent"}
    more = run_requests(map(request, texts), longest, cache, limits)
    assert more.kept == len(outcome.answers)


@pytest.mark.parametrize(
    ("fault", "attempts", "message"),
    [("time-out", 3, "ended with a time-out; a slow model needs a longer --timeout"), ("server error", 5, "server err"),
     ("rate limit", 5, "answered nothing: attempt after attempt ended with a rate limit; 0 answers")],
)
def test_an_endpoint_that_never_answers_ends_the_run(
    cache: AnswerCache, fault: str, attempts: int, message: str
) -> None:
    texts = [f"t{i}" for i in range(1000)]
    script = Script({text: [Fault(fault, "retry", after=0.0)] * 999 for text in texts})
    with pytest.raises(UserError, match=message):
        ran(texts, cache, script, Limits(concurrency=4, attempts=5))
    assert attempts <= max(script.calls.values()) <= attempts + 1
    assert script.calls.total() <= 4 * attempts + 4


def test_half_a_character_is_stored_and_answers_that_were_cut_are_counted(cache: AnswerCache) -> None:
    class Cut(DoubleBackend):
        async def ask(self, messages: Messages, params: Mapping[str, Any]) -> Answer:
            return Answer("half \ud83d", 1, 1, "length" if messages[-1][1] == "a" else "stop")

    outcome = run_requests(map(request, "ab"), Cut(Script()), cache)
    assert outcome.answers == {"a": "half ?", "b": "half ?"}
    assert "2 answers, " in outcome.line()
    assert "1 of them cut at their greatest length" in outcome.line()


def test_what_another_run_asks_is_not_asked_twice(cache: AnswerCache, monkeypatch: pytest.MonkeyPatch) -> None:
    other = AnswerCache(cache.path)
    here, parent = os.getpid(), os.getppid()

    def flies(text: str, process: int) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: process)
            other.sending(request(text).key)

    flies("b", parent)  # a process that is alive
    flies("c", 2**22 + 1)  # one that is not
    script = Script()

    def answers(messages: Messages, params: Mapping[str, Any]) -> str:
        if messages[-1][1] == "a":  # meanwhile the other run has its answer
            other.store(request("b"), Answer("said by the other run"))
        return script(messages, params)

    monkeypatch.setattr("graphcl.llm.engine.ELSEWHERE", 0.05)
    outcome = run_requests(map(request, "bac"), DoubleBackend(answers), cache, Limits(concurrency=1))
    assert outcome.answers == {"a": "said a", "b": "said by the other run", "c": "said c"}
    assert script.order == ["a", "c"]
    assert (outcome.asked, outcome.kept, outcome.sent) == (2, 1, 2)
    assert here == os.getpid()
    flies("d", parent)  # and never answers: it may hang, or its number may be another process's by now
    monkeypatch.setattr("graphcl.llm.engine.LONGEST_ELSEWHERE", 0.1)
    assert ran(["d"], cache, Script()).answers == {"d": "said d"}


def test_answers_that_can_never_be_used_are_not_paid_for_to_the_end(cache: AnswerCache) -> None:
    texts = [f"t{i}" for i in range(1000)]
    script = Script({text: [Fault("empty", "unusable", after=0.0)] * 9 for text in texts})
    with pytest.raises(UserError, match=r"of 10 questions none has an answer that can be used \(empty\); a model that"):
        ran(texts, cache, script, Limits(concurrency=4))
    assert script.calls.total() <= 5 * 14


def test_refusals_for_the_rate_are_patiently_waited_for(cache: AnswerCache) -> None:
    script = Script({"often": [Fault("rate limit", "retry", after=0.0)] * 15})
    assert ran(["first", "often"], cache, script, Limits(attempts=5)).missing == {}
    for_ever = Script({"for ever": [Fault("rate limit", "retry", after=0.0)] * 99})
    assert ran(["x", "for ever"], cache, for_ever, Limits(attempts=5)).missing == {"for ever": "rate limit"}
    assert for_ever.calls["for ever"] == 20


def test_a_budget_is_spent_although_answers_may_be_longer_than_they_are(cache: AnswerCache) -> None:
    # An answer may cost 0.001 and costs 0.0001: eight under way at once set aside far more than they take.
    requests = [Request(f"t{i}", "double", "p", (("user", f"t{i}"),), (("max_tokens", 1000),)) for i in range(100)]
    limits = Limits(budget=0.004, price_out=1.0, concurrency=8)
    outcome = run_requests(requests, DoubleBackend(lambda *_: "x" * 400, delay=0.002), cache, limits)
    assert outcome.stopped == "the budget is spent"
    assert 0.003 < outcome.cost <= 0.004
    assert len(outcome.answers) == round(outcome.cost / 0.0001)
    assert len(outcome.answers) + len(outcome.missing) == 100


def test_the_estimate_sends_nothing_and_knows_the_cache(cache: AnswerCache) -> None:
    limits = Limits(price_in=1.0, price_out=2.0)
    ran(["a" * 400], cache, Script())
    found = estimate(map(request, ["a" * 400, "b" * 400, "b" * 400]), cache, limits)
    assert (found.requests, found.kept, found.tokens_in, found.tokens_out) == (2, 1, 104, 100)
    assert found.cost == pytest.approx((104 + 200) / 1e6)
    assert "2 requests, 1 of them answered already" in found.line()


@pytest.mark.parametrize("limits", [Limits(requests_per_minute=1200), Limits(tokens_per_minute=1200 * 104)])
def test_the_rate_is_kept(cache: AnswerCache, limits: Limits) -> None:
    begin = time.monotonic()
    ran([f"{i}" for i in range(8)], cache, Script(), limits)
    assert time.monotonic() - begin > 6 * 0.05


def test_turns_are_even() -> None:
    at = [0.0]
    pace, slept = Pace(60, clock=lambda: at[0]), []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def turns() -> None:
        original, asyncio.sleep = asyncio.sleep, sleep  # type: ignore[assignment]
        try:
            for _ in range(3):
                await pace.turn()
            at[0] = 10.0
            await pace.turn(2)
            await pace.turn()
        finally:
            asyncio.sleep = original  # type: ignore[assignment]

    asyncio.run(turns())
    assert slept == [1.0, 2.0, 2.0]


def test_waits_grow_are_uneven_and_capped() -> None:
    import random

    limits, draw = Limits(max_wait=5.0), random.Random(0)
    waits = [limits.wait(attempt, None, draw) for attempt in (1, 1, 2, 3, 9)]
    assert 0.25 <= waits[0] <= 0.75
    assert waits[0] != waits[1]
    assert 0.5 <= waits[2] <= 1.5
    assert waits[4] == 5.0
    assert limits.wait(1, 90.0, draw) == 5.0
    assert limits.wait(1, 2.0, draw) == 2.0


def test_it_runs_where_a_loop_is_running(cache: AnswerCache) -> None:
    async def notebook() -> Outcome:
        return ran(["a"], AnswerCache(cache.path.with_name("other.sqlite")), Script())

    assert asyncio.run(notebook()).answers == {"a": "said a"}


def test_a_bug_in_a_backend_is_not_hidden(cache: AnswerCache) -> None:
    def broken(messages: Messages, params: Mapping[str, Any]) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_requests([request("a")], DoubleBackend(broken), cache)


def test_asking_needs_no_torch() -> None:
    modules = "engine, offline, backends, prompts, experts"
    code = f"import sys; from graphcl.llm import {modules}; sys.exit('torch' in sys.modules or 'openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
