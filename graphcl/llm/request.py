"""One question about one node, and the key under which its answer is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Part of every key: raise it when what a key stands for changes.
KEY_VERSION = 1

#: (role, content) of each message.
Messages = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """What is asked. Immutable, so that its key, computed once, is true for ever.

    Attributes:
        node: The user's id of the node.
        model: Who is asked; see :class:`graphcl.llm.backends.Backend`.
        prompt: Hash of the prompt's template.
        messages: What is sent.
        params: Sampling parameters, as ``temperature`` and ``max_tokens``.
        key: SHA-256 of all but the node: two nodes with equal texts and neighbours share one answer.
    """

    node: str
    model: str
    prompt: str
    messages: Messages
    params: tuple[tuple[str, Any], ...] = ()
    key: str = field(init=False)

    def __post_init__(self) -> None:
        said = [KEY_VERSION, self.model, self.prompt, self.messages, sorted(self.params)]
        object.__setattr__(self, "key", hashlib.sha256(json.dumps(said).encode()).hexdigest())

    @property
    def tokens(self) -> int:
        """An estimate of the prompt's length: a token for 4 bytes, and 4 for each message's frame."""
        return sum(len(content.encode()) // 4 + 4 for _, content in self.messages)


def frozen(params: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Parameters in the form that a request takes."""
    return tuple(sorted(params.items()))
