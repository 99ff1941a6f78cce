"""When to ask again, when to give up a request, and when to give up the run."""

from __future__ import annotations

from graphcl.core.errors import UserError
from graphcl.llm.backends.base import Fault

#: Attempts for an answer that came and is none; three would lose some of 2,000 nodes where one in fifteen is of no use.
UNUSABLE_ATTEMPTS = 5
#: As long as nobody has answered anything: attempts to connect or to wait for an answer, requests whose attempts were
#: in vain, requests refused one by one, and requests whose answers were of no use, after which it is not the request.
FIRST_ATTEMPTS, FIRST_IN_VAIN, FIRST_REFUSED, FIRST_USELESS = 3, 3, 5, 10
_HINTS = {
    "time-out": "; a slow model needs a longer --timeout",
    "empty": "; a model that thinks before it answers needs a larger --max-tokens",
    "malformed": "; does the address end in /v1, and does the model keep to the form that is asked for?",
}
#: So many refusals for the rate count as one attempt at a request: they say nothing of it.
RATE_LIMITED = 4
#: Faults in a row, for each slot, after which an endpoint that did answer counts as gone.
GONE = 25


class Patience:
    """Judges faults by what came before them.

    Args:
        where: The endpoint, for messages.
        attempts: For one request.
        slots: Requests under way at once.
    """

    def __init__(self, where: str, attempts: int, slots: int) -> None:
        self.where, self.attempts, self.slots = where, attempts, slots
        self.answered = False
        self._refused = self._silent = self._in_vain = self._useless = 0

    def answer(self) -> None:
        """Somebody answered."""
        self.answered, self._silent = True, 0

    def again(self, fault: Fault, attempts: int, unusable: int, limited: int = 0) -> bool:
        """Whether a request is worth another attempt.

        Args:
            fault: What its last attempt ended with.
            attempts: So far.
            unusable: Of these, with an answer that is none.
            limited: Of these, refused for their rate.

        Raises:
            UserError: no request would fare better; says why.
        """
        self._silent += 1
        self._refused += fault.verdict == "request"
        if fault.verdict == "run":
            raise UserError(f"{fault.advice} ({fault.kind})")
        if self.answered and self._silent >= GONE * self.slots:
            raise UserError(f"{self.where} failed {self._silent:,} times in a row ({fault.kind})")
        if not self.answered and fault.kind == "connection" and attempts >= FIRST_ATTEMPTS:
            raise UserError(f"{self.where} does not answer: no connection after {attempts} attempts")
        if not self.answered and self._refused >= FIRST_REFUSED:
            raise UserError(f"{self.where} refuses every request ({fault.kind}); is it a chat model?")
        self._useless += unusable >= UNUSABLE_ATTEMPTS
        if not self.answered and self._useless >= FIRST_USELESS:
            raise UserError(
                f"{self.where}: of {self._useless} questions none has an answer that can be used ({fault.kind})"
                + _HINTS.get(fault.kind, "")
            )
        self._in_vain += fault.verdict == "retry" and attempts >= (
            FIRST_ATTEMPTS if fault.kind == "time-out" else self.attempts
        )
        if not self.answered and self._in_vain >= FIRST_IN_VAIN:
            raise UserError(
                f"{self.where} has answered nothing: attempt after attempt ended with a {fault.kind}"
                + _HINTS.get(fault.kind, "")
            )
        counted = attempts - limited + limited // RATE_LIMITED
        return fault.verdict != "request" and unusable < UNUSABLE_ATTEMPTS and counted < self.attempts
