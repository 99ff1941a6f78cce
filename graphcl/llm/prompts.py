"""Prompts: Jinja files with a block ``system`` and a block ``user``, into which texts go as data.

Whatever a template puts out of a variable that is a text appears as a JSON string: in quotes, on one line, with every
quote and line end in it escaped. So no text can end where it stands, begin a message of its own, or be read as a
template; marks of chat formats (``<|...|>``, ``[INST]``) lose their first character to an escape too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, UndefinedError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

from graphcl.core.errors import UserError, nearest
from graphcl.core.paths import share
from graphcl.llm.request import Messages

#: First characters of marks of chat formats, and line ends that JSON lets through; each is written as its number.
_MARKS = re.compile(r"<|\[(?=/?INST)|[\x7f-\x9f\u2028\u2029]")

#: What a prompt may speak of.
VARIABLES = {
    "text": "the node's own text",
    "neighbours": "texts of the nodes it is linked to",
    "classes": "names of the classes; empty where they shall not be told",
    "candidates": "texts of the nodes that are asked about (edges.j2)",
    "degree": "number of neighbours",
}


@dataclass(frozen=True)
class Prompt:
    """A template.

    Attributes:
        name: Of the file, without its ending.
        hash: SHA-256 of the file.
        variables: Those of :data:`VARIABLES` that it uses.
    """

    name: str
    path: Path
    hash: str
    variables: frozenset[str]
    source: str

    def render(self, **values: Any) -> Messages:
        """The messages: the block ``system``, where it is not empty, and the block ``user``.

        Raises:
            UserError: the template asks for what is not there, or does what templates may not.
        """
        known = {**{name: () for name in ("neighbours", "classes", "candidates")}, "text": "", "degree": 0, **values}
        template = _compiled(self.source)
        try:
            context = template.new_context({name: _clean(value) for name, value in known.items()})
            parts = {block: "".join(make(context)).strip() for block, make in template.blocks.items()}
        except (TemplateError, SecurityError, TypeError, ValueError, ArithmeticError) as error:
            raise UserError(f"{self.path}: {_reason(error)}") from None  # the chain would show the text
        if not parts.get("user"):
            raise UserError(f"{self.path}: the block 'user' is empty for a node{_like(known)}; nothing would be asked")
        return tuple((role, parts[role]) for role in ("system", "user") if parts.get(role))


def prompt_names(folder: Path | None = None) -> list[str]:
    """Names of the packed prompts and of those in the folder."""
    files = [*_packed().glob("*.j2"), *(folder.glob("*.j2") if folder is not None else ())]
    return sorted({path.stem for path in files})


def load_prompt(name: str, folder: Path | None = None) -> Prompt:
    """A prompt of the folder, else the packed one of that name.

    Raises:
        UserError: there is none, it is no template, or it uses an unknown variable; names the file and line.
    """
    if folder is not None and not folder.is_dir():
        raise UserError(f"--prompts: {folder} is no folder")
    paths = [place / f"{name}.j2" for place in (folder, _packed()) if place is not None]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        match = nearest(name, prompt_names(folder))
        raise UserError(f"no prompt {name}.j2 in {' or '.join(str(p.parent) for p in paths)}"
                        + (f"; nearest: {match!r}" if match else ""))
    try:
        source = path.read_text(encoding="utf-8")
        tree = _environment().parse(source)
    except (OSError, UnicodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    except TemplateSyntaxError as error:
        raise UserError(f"{path}:{error.lineno}: {error.message}") from error
    used = meta.find_undeclared_variables(tree)
    if unknown := sorted(used - VARIABLES.keys()):
        raise UserError(_unknown(path, source, unknown[0]))
    blocks = _compiled(source).blocks
    if "user" not in blocks:
        raise UserError(f"{path}: no block 'user'; a prompt holds {{% block user %}} ... {{% endblock %}}")
    prompt = Prompt(name, path, hashlib.sha256(source.encode()).hexdigest(), frozenset(used), source)
    for others in ((), ("B", "C")):  # what cannot be filled in is found before anything is sent and paid for
        prompt.render(text="A", neighbours=others, candidates=others, degree=len(others))
    return prompt


def _packed() -> Path:
    return share("configs") / "prompts"


def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, finalize=as_data, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )


@cache
def _compiled(source: str) -> Template:
    return _environment().from_string(source)


def as_data(value: Any) -> Any:
    """A text as a JSON string without marks of chat formats, several as a JSON list; numbers as they are."""
    if isinstance(value, str):
        return _MARKS.sub(lambda found: f"\\u{ord(found.group()):04x}", json.dumps(value, ensure_ascii=False))
    if isinstance(value, Sequence):
        return "[" + ", ".join(str(as_data(part)) for part in value) + "]"
    if isinstance(value, Mapping):
        raise ValueError("a mapping is no part of a prompt")
    return value


def _clean(value: Any) -> Any:
    """Without halves of characters, which cannot be sent."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Sequence):
        return tuple(_clean(part) for part in value)
    return value


def _unknown(path: Path, source: str, name: str) -> str:
    line = next((number for number, text in enumerate(source.splitlines(), 1) if name in text), 1)
    match = nearest(name, VARIABLES)
    hint = f"; nearest: {match!r}" if match else f"; known: {', '.join(VARIABLES)}"
    return f"{path}:{line}: unknown variable {name!r}{hint}"


def _like(values: Mapping[str, Any]) -> str:
    """What may have emptied a block that has conditions; never the text."""
    return "" if values["neighbours"] or values["candidates"] else " without neighbours"


def _reason(error: Exception) -> str:
    if isinstance(error, SecurityError):
        return "the template does what templates may not (sandbox)"
    if isinstance(error, UndefinedError):
        return f"something is not there: {error.message}"
    return f"cannot be filled in ({type(error).__name__})"
