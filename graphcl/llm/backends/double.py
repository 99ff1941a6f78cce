"""A function in the place of a model: for tests, and for rules of one's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from graphcl.llm.backends.base import Answer
from graphcl.llm.request import Messages


class DoubleBackend:
    """Answers by a function, which may raise :class:`~graphcl.llm.backends.base.Fault`.

    Args:
        answer: (messages, params) -> text.
        model: Name in keys.
        delay: Seconds before each answer.
    """

    def __init__(
        self, answer: Callable[[Messages, Mapping[str, Any]], str], model: str = "double", delay: float = 0.0
    ) -> None:
        self.answer, self.model, self.delay, self.where = answer, model, delay, "in this process"

    async def ask(self, messages: Messages, params: Mapping[str, Any]) -> Answer:
        """See :class:`~graphcl.llm.backends.base.Backend`; a token for 4 letters."""
        await asyncio.sleep(self.delay)
        text = self.answer(messages, params)
        return Answer(text, sum(len(content) // 4 for _, content in messages), len(text) // 4, "stop")

    async def close(self) -> None:
        """Nothing is held."""
