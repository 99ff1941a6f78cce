"""What ``augment`` checks before it asks a language model, and says when it has asked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphcl.core.errors import UserError

if TYPE_CHECKING:
    from graphcl.cli.output import Output
    from graphcl.llm.cache import AnswerCache
    from graphcl.llm.limits import Limits
    from graphcl.llm.outcome import Outcome
    from graphcl.llm.prompts import Prompt


def refuse_unread(backend: str, given: Mapping[str, Any]) -> None:
    """An option that the backend would not read was meant for another one.

    Args:
        backend: Its name.
        given: Option -> value; an empty one was not given.

    Raises:
        UserError: one that is not read was given.
    """
    unread = {"offline": tuple(given), "transformers": ("--base-url", "--param")}.get(backend, ())
    if names := [name for name in unread if given.get(name)]:
        whom = "the offline experts, the default, ask nobody" if backend == "offline" else "a local model reads none"
        raise UserError(f"{', '.join(names)}: {whom}; --backend openai asks an endpoint")


def checked(*, max_tokens: int, timeout: float, **values: float) -> Limits:
    """The limits of a run; options are named as on the command line.

    Raises:
        UserError: a value is out of range.
    """
    from pydantic import TypeAdapter, ValidationError

    from graphcl.llm.limits import Limits

    for name, value, least in (("--max-tokens", max_tokens, 1), ("--timeout", timeout, 1e-3)):
        if not least <= value < float("inf"):
            raise UserError(f"{name}: must be at least {least:g}, got {value:g}")
    try:
        return TypeAdapter(Limits).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}, got {first['input']}") from error


def sampling(max_tokens: int, given: Sequence[str]) -> dict[str, Any]:
    """Parameters of a request: greedy answers of so many tokens, with what is given laid over them.

    >>> sampling(300, ["temperature=", "top_p=0.9", "reasoning_effort=low"])
    {'max_tokens': 300, 'top_p': 0.9, 'reasoning_effort': 'low'}

    Raises:
        UserError: no NAME=VALUE, or the name of what is not a parameter.
    """
    params: dict[str, Any] = {"max_tokens": max_tokens, "temperature": 0}
    for assignment in given:
        name, equals, text = assignment.partition("=")
        if not equals or not name.isidentifier():
            raise UserError(f"--param: {assignment!r} is not NAME=VALUE")
        if name in ("model", "messages", "stream", "n"):
            raise UserError(f"--param: {name} is not one to set here")
        params.pop(name, None)
        if text:
            params[name] = _value(text)
    return params


def _value(text: str) -> Any:
    """As JSON reads it, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def own_prompts(folder: Path | None, used: Sequence[Prompt]) -> list[str]:
    """Which files of the user's folder speak, and which do not.

    Raises:
        UserError: none of them does.
    """
    if folder is None:
        return []
    read = [prompt.path.name for prompt in used if prompt.path.parent == folder]
    left = sorted({path.name for path in folder.glob("*.j2")} - set(read))
    if not read:
        has = f"it has {', '.join(left)}, and --experts names who is asked" if left else "it has no file .j2"
        raise UserError(f"--prompts: {folder} has none of {', '.join(prompt.path.name for prompt in used)}; {has}")
    return [f"prompts of {folder}: {', '.join(read)}" + (f"; not asked: {', '.join(left)}" if left else "")]


def require_answers(outcome: Outcome) -> None:
    """Views of experts who said nothing at all would be the texts themselves under other names.

    Raises:
        UserError: nobody answered anything; nothing is written.
    """
    if not outcome.missing or outcome.answers:
        return
    why = max(Counter(outcome.missing.values()).items(), key=lambda item: item[1])[0]
    raise UserError(
        f"no question was answered ({why}), and no views are written"
        + ("; a larger --budget lets the first request be sent" if outcome.stopped and not outcome.sent else "")
    )


@contextmanager
def interruptible(output: Output, answers: AnswerCache) -> Iterator[None]:
    """Say what an interrupted run leaves, and how it goes on."""
    try:
        yield
    except KeyboardInterrupt:
        output.say(f"interrupted; {len(answers):,} answers are kept in {answers.path}, and the same command goes on")
        raise


def told(outcome: Outcome) -> str:
    """Where a run ended, and how a stopped one goes on."""
    if not outcome.stopped:
        return outcome.line()
    return f"{outcome.line()}; stopped: {outcome.stopped} (answers are kept: --overwrite and a larger --budget go on)"
