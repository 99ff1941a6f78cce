"""What a run over an endpoint came to, while it runs and after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from graphcl.core.words import counted
from graphcl.llm.cache import AnswerCache
from graphcl.llm.limits import Limits
from graphcl.llm.request import Request


@dataclass
class Outcome:
    """Counts, and the answers.

    Attributes:
        answers: Node -> text.
        missing: Node -> what its last attempt failed of; such nodes have no answer.
        asked: Requests for which somebody was asked in this run; equal ones count once.
        kept: Requests whose answer was in the cache.
        sent: Attempts.
        cut: Answers that ended where they had their greatest length.
        again: Requests that were under way when an earlier run was killed, and were sent again.
        faults: Kind -> attempts that ended so.
        tokens_in: Prompt tokens, as the endpoint counts them; of a time-out, as we estimate them.
        tokens_out: Answer tokens.
        cost: Money for them.
        stopped: Why nothing more was sent; "" where all were.
        seconds: So far.
    """

    answers: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    kept: int = 0
    sent: int = 0
    cut: int = 0
    again: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    stopped: str = ""
    seconds: float = 0.0

    def line(self) -> str:
        """Where it stands, in one line without a text."""
        parts = [f"{len(self.answers):,} answers", f"{self.kept:,} of them kept from before"] if self.kept else [
            f"{len(self.answers):,} answers"
        ]
        if self.seconds and self.sent:
            parts.append(f"{self.sent / self.seconds:.1f} requests/s")
        parts.append(f"{self.tokens_in + self.tokens_out:,} tokens")
        if self.cost:
            parts.append(f"cost {self.cost:.4f}")
        if self.cut:
            parts.append(f"{self.cut:,} of them cut at their greatest length")
        if self.again:
            parts.append(f"{counted(self.again, 'request')} sent again after a kill")
        if self.faults:
            kinds = ", ".join(f"{kind} {number:,}" for kind, number in sorted(self.faults.items()))
            parts.append(f"{counted(self.faults.total(), 'fault')} ({kinds})")
        if self.missing:
            parts.append(f"{counted(len(self.missing), 'node')} without an answer")
        return ", ".join(parts)


@dataclass(frozen=True)
class Estimate:
    """What a run would take.

    Attributes:
        requests: Different ones.
        kept: Of these, answered already.
        tokens_in: Prompt tokens of the others, about.
        tokens_out: Their answers' greatest length.
        cost: Money, at most about.
    """

    requests: int
    kept: int
    tokens_in: int
    tokens_out: int
    cost: float

    def line(self) -> str:
        """In one line."""
        unpriced = self.tokens_in and not self.cost
        money = "no price is given (--price-in, --price-out)" if unpriced else f"cost {self.cost:.4f}"
        return (
            f"{counted(self.requests, 'request')}, {self.kept:,} of them answered already; the others take about "
            f"{self.tokens_in:,} tokens of prompts and at most {self.tokens_out:,} of answers: {money}"
        )


def estimate(requests: Iterable[Request], cache: AnswerCache | None, limits: Limits) -> Estimate:
    """What :func:`graphcl.llm.engine.run_requests` would take; nothing is sent."""
    seen: set[str] = set()
    kept = tokens_in = tokens_out = 0
    for request in requests:
        if request.key in seen:
            continue
        seen.add(request.key)
        if cache is not None and cache.get(request.key) is not None:
            kept += 1
            continue
        tokens_in += request.tokens
        tokens_out += longest(request)
    return Estimate(len(seen), kept, tokens_in, tokens_out, limits.cost(tokens_in, tokens_out))


def longest(request: Request) -> int:
    """Tokens that the answer may have."""
    params = dict(request.params)
    return int(params.get("max_tokens") or params.get("max_completion_tokens") or 0)
