"""What the request engine needs of who answers, and how it is told what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from graphcl.llm.request import Messages

#: ``retry``: may work later. ``unusable``: an answer came that is none (empty, refused, malformed). ``request``: this
#: question will never be answered. ``run``: no question will.
Verdict = Literal["retry", "unusable", "request", "run"]


@dataclass(frozen=True)
class Answer:
    """Text, and the tokens it took (0 where the backend does not say)."""

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish: str = ""

    def __post_init__(self) -> None:
        # Half a character, which JSON can hold, can neither be stored nor embedded.
        object.__setattr__(self, "text", self.text.encode("utf-8", "replace").decode())


class Fault(Exception):
    """Why there is no answer. Holds nothing that was sent or received.

    Args:
        kind: In two words, for counting: ``rate limit``, ``server error``, ``time-out``, ``connection``, ...
        verdict: What follows.
        advice: For the user, where the verdict is ``run``.
        after: Seconds that the server asked to wait.
        tokens: Of prompt and completion that were spent all the same.
    """

    def __init__(
        self, kind: str, verdict: Verdict, advice: str = "", *, after: float | None = None,
        tokens: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__(kind)
        self.kind, self.verdict, self.advice, self.after, self.tokens = kind, verdict, advice, after, tokens


class Backend(Protocol):
    """Answers one request at a time, several at once."""

    #: Name of the model, part of every key.
    model: str
    #: Where it is, for messages.
    where: str

    async def ask(self, messages: Messages, params: Mapping[str, Any]) -> Answer:
        """The answer.

        Raises:
            Fault: there is none.
        """

    async def close(self) -> None:
        """Let go of connections."""
