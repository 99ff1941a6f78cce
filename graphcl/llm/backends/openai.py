"""Any endpoint that speaks OpenAI's chat API: vLLM, Ollama, llama.cpp, hosted ones."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from graphcl.core.errors import UserError, require
from graphcl.llm.backends.base import Answer, Fault
from graphcl.llm.request import Messages

#: Parameters that some models refuse, and what to say of them. The endpoint's own words may repeat a text.
_ADVICE = {
    "max_tokens": "set another --max-tokens, or --param max_tokens= --param max_completion_tokens=2000",
    "temperature": "--param temperature= sends none",
}


class OpenAIBackend:
    """The maintained client, with its own retries off: there is one retry policy, the engine's.

    Args:
        model: As the endpoint names it.
        base_url: Of the endpoint, with ``/v1``; empty is OpenAI's own.
        key_variable: Environment variable that holds the key; an endpoint of one's own may need none.
        timeout: Seconds for a whole answer.
        sends: Whether it will be asked; an estimate needs no key.

    Raises:
        UserError: an address that is none, no key for OpenAI's own endpoint, or no model.
        MissingExtra: the package is not installed.
    """

    def __init__(
        self,
        model: str,
        base_url: str = "",
        *,
        key_variable: str = "OPENAI_API_KEY",
        timeout: float = 60.0,
        sends: bool = True,
    ) -> None:
        self._package = require("openai", "llm")
        if not model:
            raise UserError("--model: name the model, as the endpoint knows it")
        key = os.environ.get(key_variable, "").strip()
        if base_url and not base_url.startswith(("http://", "https://")):
            raise UserError(f"--base-url: {base_url!r} does not begin with http:// or https://")
        if not key and not base_url and sends:
            raise UserError(f"no key: set {key_variable} in the environment, or --base-url to an endpoint of your own")
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise UserError(f"{key_variable} holds a character that no key has, and cannot be sent; set it anew")
        self.model, self.where, self.timeout = model, base_url or "api.openai.com", timeout
        self._key_variable = key_variable
        self._client = self._package.AsyncOpenAI(
            api_key=key or "none", base_url=base_url or "https://api.openai.com/v1", max_retries=0, timeout=timeout
        )

    async def ask(self, messages: Messages, params: Mapping[str, Any]) -> Answer:
        """See :class:`~graphcl.llm.backends.base.Backend`."""
        try:
            # The client's own time-out is between two packets; this one is for the whole.
            async with asyncio.timeout(self.timeout):
                reply = await self._client.chat.completions.create(
                    model=self.model,
                    messages=[{"role": role, "content": content} for role, content in messages],
                    extra_body=dict(params),  # as they are: the client refuses those that it does not know
                )
            return _answer_of(reply)
        except (TimeoutError, self._package.APITimeoutError):
            raise Fault("time-out", "retry") from None
        except self._package.APIStatusError as error:
            raise self._status(error) from None
        except self._package.APIConnectionError:
            raise Fault("connection", "retry") from None
        except (ValueError, TypeError, AttributeError, KeyError, IndexError, self._package.APIError):
            raise Fault("malformed", "unusable") from None

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()

    def _status(self, error: Any) -> Fault:
        """The client's message is left out: it may repeat the key or the text."""
        code = int(error.status_code)
        if code in (401, 403):
            return Fault(f"status {code}", "run", f"{self.where} refuses the key; see {self._key_variable}")
        if code == 404:
            hint = "" if self.where.rstrip("/").endswith("/v1") else "; most addresses end in /v1"
            return Fault("status 404", "run", f"{self.where} knows no model {self.model!r}, or no chat API there{hint}")
        if code == 429 and getattr(error, "code", None) == "insufficient_quota":
            return Fault("no quota", "run", f"the account at {self.where} has no quota left")
        if code in (408, 409, 429) or code >= 500:
            kind = "rate limit" if code == 429 else "server error" if code >= 500 else f"status {code}"
            return Fault(kind, "retry", after=retry_after(error.response.headers))
        if (name := getattr(error, "param", None)) in _ADVICE and code in (400, 422):
            advice = f"{self.where} does not take {name} for {self.model!r}: {_ADVICE[name]}"
            return Fault(f"status {code} for {name}", "run", advice)
        return Fault(f"status {code}", "request")


def _answer_of(reply: Any) -> Answer:
    usage = getattr(reply, "usage", None)
    tokens = (int(getattr(usage, "prompt_tokens", 0) or 0), int(getattr(usage, "completion_tokens", 0) or 0))
    choice = reply.choices[0] if reply.choices else None
    if choice is None:
        raise Fault("empty", "unusable", tokens=tokens)
    if choice.finish_reason == "content_filter" or getattr(choice.message, "refusal", None):
        raise Fault("refused", "unusable", tokens=tokens)
    text = choice.message.content
    if not isinstance(text, str) or not text.strip():
        raise Fault("empty", "unusable", tokens=tokens)
    return Answer(text, *tokens, str(choice.finish_reason or ""))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait, in either form of the header; None where it does not say."""
    value = headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
