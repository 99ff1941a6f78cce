"""How the name of a column splits into a service and a metric."""

from __future__ import annotations

import re
from collections.abc import Sequence

from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.data.telemetry.base import Column

#: The service is what stands before the first underscore.
DEFAULT = "{service}_{metric}"


def split_names(names: Sequence[str], pattern: str = "") -> tuple[list[Column], str]:
    """The columns, and a sentence that says how their names were split.

    A name that the pattern does not fit is a service of its own.

    >>> split_names(["cart_cpu", "cart_p90_latency"])[0][1]
    Column(service='cart', metric='p90_latency', name='cart_p90_latency', same=())

    Args:
        names: Of the columns.
        pattern: A template such as ``{service}_{metric}`` or ``{metric}:{service}`` (what comes first is as short as
            possible), or a regular expression with the groups ``service`` and ``metric``; "" is :data:`DEFAULT`.

    Raises:
        UserError: a pattern without the two groups, or one that fits no name.
    """
    shown = pattern or DEFAULT
    expression = compile_pattern(shown)
    columns, whole = [], []
    for name in names:
        found = expression.fullmatch(name)
        if found is None or not (found["service"] and found["metric"]):
            whole.append(name)
            columns.append(Column(name, name, name))
        else:
            columns.append(Column(found["service"], found["metric"], name))
    if pattern and len(whole) == len(names):
        raise UserError(f"--names {pattern!r} fits no column, such as {names[0]!r}")
    services = counted(len({column.service for column in columns}), "service")
    fit = next((column for column in columns if column.name not in whole), None)
    example = f", so {fit.name!r} is {fit.metric!r} of {fit.service!r}" if fit else ""
    rest = f"; {counted(len(whole), 'column')} not of this form (such as {whole[0]!r}) stand alone" if whole else ""
    mark = next((one for one in ".:/-" if one in whole[0]), "") if len(whole) == len(names) else ""
    rest += f": say --names '{{service}}{mark}{{metric}}' if they are that" if mark else ""
    return columns, f"names read as {shown}{example}; {services}{rest}"


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The regular expression of a template, or the one that was given.

    Raises:
        UserError: see :func:`split_names`.
    """
    if "(?P<" not in pattern:
        if sorted(re.findall(r"\{(\w*)\}", pattern)) != ["metric", "service"]:
            raise UserError(f"--names {pattern!r}: give {{service}} and {{metric}} once each, as in {DEFAULT!r}")
        first, second = re.findall(r"\{(\w+)\}", pattern)
        text = re.escape(pattern)
        text = text.replace(rf"\{{{first}\}}", f"(?P<{first}>.+?)").replace(rf"\{{{second}\}}", f"(?P<{second}>.+)")
        return re.compile(text, re.DOTALL)
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UserError(f"--names {pattern!r} is no regular expression: {error}") from error
    if missing := {"service", "metric"} - set(compiled.groupindex):
        raise UserError(f"--names {pattern!r} has no group (?P<{min(missing)}>...)")
    return compiled
