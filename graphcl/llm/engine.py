"""Many requests against an endpoint that is slow, paid and fails: each is answered once, or counted as missing.

There are ``concurrency`` slots. A slot takes a request whose wait is over, else a new one; a request that must wait
leaves its slot to others. An answer is on disk before anybody sees it.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from graphcl.core.errors import UserError
from graphcl.llm.backends.base import Answer, Backend, Fault
from graphcl.llm.cache import AnswerCache
from graphcl.llm.limits import Limits, Pace
from graphcl.llm.outcome import Outcome, longest
from graphcl.llm.patience import Patience
from graphcl.llm.request import Request
from graphcl.llm.run_to_end import raise_first, run_to_end

#: Seconds after which it is looked again whether another run, which asks the same, has an answer; and after which the
#: question is put all the same, be it twice.
ELSEWHERE, LONGEST_ELSEWHERE = 0.5, 300.0


@dataclass
class _Job:
    request: Request
    attempts: int = 0
    unusable: int = 0
    limited: int = 0
    elsewhere: float = 0.0


def run_requests(
    requests: Iterable[Request],
    backend: Backend,
    cache: AnswerCache,
    limits: Limits = Limits(),
    *,
    watch: Callable[[Outcome], None] = lambda outcome: None,
    seed: int = 0,
) -> Outcome:
    """Ask what the cache does not know, and give the answers by node.

    Args:
        requests: Read as they are needed.
        backend: Who is asked; closed at the end.
        cache: Where answers are kept; requests that were under way when a process died are counted as sent again.
        limits: At once, a minute, in money.
        watch: Called after every answer and fault.
        seed: Of the uneven waits.

    Raises:
        UserError: nobody answers, the key is wrong, the model is unknown, the quota is used up, or the cache cannot be
            written. What was answered is kept.
    """
    run = _Run(requests, backend, cache, limits, watch, seed)
    return run_to_end(run.all)


class _Run:
    def __init__(
        self, requests: Iterable[Request], backend: Backend, cache: AnswerCache, limits: Limits,
        watch: Callable[[Outcome], None], seed: int,
    ) -> None:
        self._fresh, self._backend, self._cache, self._limits = iter(requests), backend, cache, limits
        self._watch, self._draw = watch, random.Random(seed)
        self._pace = Pace(limits.requests_per_minute)
        self._token_pace = Pace(limits.tokens_per_minute)
        self._waiting: list[tuple[float, int, _Job]] = []  # by the time at which their wait is over
        self._held: list[_Job] = []  # that the budget allows only if others cost less than they may
        self._nodes: dict[str, list[str]] = {}
        self._flying = self._number = 0
        self._reserved = 0.0
        self._patience = Patience(backend.where, limits.attempts, limits.concurrency)
        self._lost: set[str] = set()
        self._changed = asyncio.Event()
        self._began = time.monotonic()
        self.outcome = Outcome()

    async def all(self) -> Outcome:
        """Every slot until nothing is left."""
        self._lost = self._cache.lost()
        try:
            async with asyncio.TaskGroup() as slots:
                for _ in range(self._limits.concurrency):
                    slots.create_task(self._slot())
        except BaseExceptionGroup as group:
            raise_first(group)
        finally:
            with contextlib.suppress(Exception):
                await self._backend.close()
        self._leave_the_rest()
        self.outcome.seconds = time.monotonic() - self._began
        return self.outcome

    async def _slot(self) -> None:
        while (job := await self._next()) is not None:
            try:
                await self._serve(job)
            finally:
                self._flying -= 1
                self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _next(self) -> _Job | None:
        """The next job to send, counted as under way; None when there will be none."""
        while not self.outcome.stopped:
            job = (self._held.pop() if self._held else None) or self._due() or self._new()
            if job is not None:
                if self._over_budget(job):
                    self._held.append(job)
                    if self._flying:  # may cost less than was set aside for them
                        await self._changed.wait()
                        continue
                    self.outcome.stopped = "the budget is spent"
                    self._wake()
                    return None
                self._flying += 1
                return job
            if not self._waiting and not self._flying:
                return None
            pause = self._waiting[0][0] - time.monotonic() if self._waiting else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), pause)
        return None

    def _due(self) -> _Job | None:
        if self._waiting and self._waiting[0][0] <= time.monotonic():
            return heapq.heappop(self._waiting)[2]
        return None

    def _new(self) -> _Job | None:
        """The next request that nobody has answered and nobody is asked."""
        for request in self._fresh:
            nodes = self._nodes.setdefault(request.key, [])
            nodes.append(request.node)
            if len(nodes) > 1:  # the first of these nodes asks, or has asked, for all of them
                if (known := self.outcome.answers.get(nodes[0])) is not None:
                    self.outcome.answers[request.node] = known
                elif (why := self.outcome.missing.get(nodes[0])) is not None:
                    self.outcome.missing[request.node] = why
                continue
            if (text := self._cache.get(request.key)) is not None:
                self.outcome.kept += 1
                self._answer(request.key, text)
                continue
            self.outcome.asked += 1
            self.outcome.again += request.key in self._lost
            return _Job(request)
        return None

    def _over_budget(self, job: _Job) -> bool:
        budget = self._limits.budget
        return bool(budget) and self.outcome.cost + self._reserved + self._expected(job.request) > budget

    def _expected(self, request: Request) -> float:
        return self._limits.cost(request.tokens, longest(request))

    async def _serve(self, job: _Job) -> None:
        request, expected = job.request, self._expected(job.request)
        self._reserved += expected
        try:
            if self._left_to_another(job):
                return
            await self._pace.turn()
            await self._token_pace.turn(request.tokens + longest(request))
            if self._left_to_another(job):  # which was faster
                return
            self._cache.sending(request.key)
            self.outcome.sent += 1
            job.attempts += 1
            answer = await self._backend.ask(request.messages, dict(request.params))
        except Fault as fault:
            self._cache.landed(request.key)
            self._failed(job, fault)
        else:
            self._cache.store(request, answer)
            self._patience.answer()
            self.outcome.cut += answer.finish == "length"
            self._spent(answer.prompt_tokens, answer.completion_tokens)
            self._answer(request.key, self._first_stored(request, answer))
        finally:
            self._reserved -= expected
        self.outcome.seconds = time.monotonic() - self._began
        self._watch(self.outcome)

    def _first_stored(self, request: Request, answer: Answer) -> str:
        """What the cache holds: another run may have stored its answer first, and both shall go on with one."""
        return self._cache.get(request.key) or answer.text

    def _answer(self, key: str, text: str) -> None:
        for node in self._nodes[key]:
            self.outcome.answers[node] = text

    def _spent(self, tokens_in: int, tokens_out: int) -> None:
        self.outcome.tokens_in += tokens_in
        self.outcome.tokens_out += tokens_out
        self.outcome.cost = self._limits.cost(self.outcome.tokens_in, self.outcome.tokens_out)

    def _left_to_another(self, job: _Job) -> bool:
        """Whether another run has answered by now, or asks: then it is looked again when that may have an answer."""
        key = job.request.key
        if (text := self._cache.get(key)) is not None:
            self.outcome.asked -= 1
            self.outcome.again -= key in self._lost
            self.outcome.kept += 1
            self._answer(key, text)
            return True
        if job.elsewhere >= LONGEST_ELSEWHERE or not self._cache.elsewhere(key):
            return False
        job.elsewhere += ELSEWHERE
        self._number += 1
        heapq.heappush(self._waiting, (time.monotonic() + ELSEWHERE, self._number, job))
        return True

    def _failed(self, job: _Job, fault: Fault) -> None:
        """Count it; the job waits for its next attempt, or is given up.

        Raises:
            UserError: the run is given up; says why, and that what was answered is kept.
        """
        self.outcome.faults[fault.kind] += 1
        # A server that was too slow, or was cut off, may have done the work.
        unseen = fault.kind in ("time-out", "connection")
        self._spent(*((job.request.tokens, 0) if unseen and self._patience.answered else fault.tokens))
        job.unusable += fault.verdict == "unusable"
        job.limited += fault.kind == "rate limit"
        try:
            again = self._patience.again(fault, job.attempts, job.unusable, job.limited)
        except UserError as error:
            raise UserError(f"{error}; {len(self._cache):,} answers are kept in {self._cache.path}") from None
        if not again:
            self._give_up(job, fault.kind)
            return
        # Growing waits keep their length at the 10th attempt: 2 ** 40 seconds are no number of anything.
        due = time.monotonic() + self._limits.wait(min(job.attempts, 10), fault.after, self._draw)
        self._number += 1
        heapq.heappush(self._waiting, (due, self._number, job))

    def _leave_the_rest(self) -> None:
        """What a run that stopped did not come to has no answer, unless the cache has it."""
        left = [*self._held, *(job for _, _, job in self._waiting)]
        while (job := self._new()) is not None:
            self.outcome.asked -= 1
            left.append(job)
        for job in left:
            self._give_up(job, self.outcome.stopped)

    def _give_up(self, job: _Job, why: str) -> None:
        for node in self._nodes[job.request.key]:
            self.outcome.missing[node] = why
