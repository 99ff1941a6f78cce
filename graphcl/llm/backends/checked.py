"""A backend whose answers must have a form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphcl.llm.backends.base import Answer, Backend, Fault
from graphcl.llm.request import Messages


class CheckedBackend:
    """Passes on what another one answers; an answer of another form is unusable, and is asked for again.

    Args:
        backend: Who answers.
        accepts: (messages, answer) -> whether the answer has the form.
    """

    def __init__(self, backend: Backend, accepts: Callable[[Messages, str], bool]) -> None:
        self._backend, self._accepts = backend, accepts
        self.model, self.where = backend.model, backend.where

    async def ask(self, messages: Messages, params: Mapping[str, Any]) -> Answer:
        """See :class:`~graphcl.llm.backends.base.Backend`."""
        answer = await self._backend.ask(messages, params)
        if not self._accepts(messages, answer.text):
            raise Fault("malformed", "unusable", tokens=(answer.prompt_tokens, answer.completion_tokens))
        return answer

    async def close(self) -> None:
        """Let the other one close."""
        await self._backend.close()
