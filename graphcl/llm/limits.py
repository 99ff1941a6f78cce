"""What a run over an endpoint may take: at once, a minute, and in money."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from graphcl.core.options import Count, NonNegative, Positive


@dataclass(frozen=True)
class Limits:
    """Limits of a run.

    Attributes:
        concurrency: Requests under way at once.
        requests_per_minute: 0: no limit.
        tokens_per_minute: Of prompts and of the answers' greatest length; 0: no limit.
        attempts: For one request, where faults pass; an unusable answer is asked for five times.
        max_wait: Seconds between two attempts at most, whatever a server asks for.
        budget: Money after which nothing more is sent; 0: no limit.
        price_in: Of a million prompt tokens.
        price_out: Of a million answer tokens.
    """

    concurrency: Count = 8
    requests_per_minute: NonNegative = 0.0
    tokens_per_minute: NonNegative = 0.0
    attempts: Count = 8
    max_wait: Positive = 60.0
    budget: NonNegative = 0.0
    price_in: NonNegative = 0.0
    price_out: NonNegative = 0.0

    def after(self, spent: float) -> Limits:
        """The limits that are left when so much money is spent."""
        # A budget of 0 would be none: a spent one lets nothing be sent.
        return replace(self, budget=max(self.budget - spent, 1e-12)) if self.budget else self

    def cost(self, tokens_in: float, tokens_out: float) -> float:
        """Money for so many tokens."""
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1e6

    def wait(self, attempt: int, after: float | None, draw: random.Random) -> float:
        """Seconds before the next attempt: what the server asked for, else half a second doubled each time and made
        uneven, so that requests that failed together do not return together."""
        seconds = 0.5 * 2 ** (attempt - 1) * (0.5 + draw.random()) if after is None else after
        return min(seconds, self.max_wait)


class Pace:
    """Lets things through at an even rate; who comes too early waits his turn.

    Args:
        per_minute: Units; 0 lets everything through.
        clock: Seconds, monotonic.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = 60.0 / per_minute if per_minute else 0.0
        self._clock, self._free = clock, 0.0

    async def turn(self, units: float = 1.0) -> None:
        """Wait for one's turn, and take it."""
        now = self._clock()
        at = max(now, self._free)
        self._free = at + units * self._seconds
        if at > now:
            await asyncio.sleep(at - now)
