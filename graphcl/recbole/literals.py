"""Settings as RecBole reads them: it ``eval``s strings, so what is more than a literal or a plain text is refused."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from graphcl.core.errors import ConfigError, UserError

#: What ``eval`` sees beside the builtins: names of RecBole's module, and of the method it stands in.
_SEEN = {*dir(builtins), "re", "os", "sys", "yaml", "self", "config_dict", "key", "param", "getLogger", "Literal",
         "Config", "Enum", "EvaluatorType", "ModelType", "InputType", "get_model", "set_color", "value",
         "metric_types", "smaller_metrics", "general_arguments", "training_arguments", "evaluation_arguments",
         "dataset_arguments"}  # fmt: skip
_RUNS = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.NamedExpr, ast.JoinedStr, ast.Await,
         ast.Yield, ast.YieldFrom)  # fmt: skip


def refuse_computed(settings: Mapping[str, Any], where: str) -> None:
    """Refuse settings with a string that RecBole would compute.

    Args:
        settings: Key -> value; values may be nested.
        where: What they were read from, for the message.

    Raises:
        ConfigError: a line for each of them.
    """
    problems = [
        f"{where}: {key}: {text!r} would be run as Python by RecBole; write the value itself"
        for key, value in settings.items()
        for text in _strings(value)
        if is_computed(text)
    ]
    if problems:
        raise ConfigError(problems)


def read_plain(file: str) -> dict[str, Any]:
    """The settings in a YAML file, without tags that make objects.

    Raises:
        UserError: it cannot be read, or is no mapping of keys.
    """
    try:
        with open(file, encoding="utf-8") as text:
            found = yaml.safe_load(text) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"cannot read {file}: {error}") from error
    if not isinstance(found, dict):
        raise UserError(f"{file}: expected KEY: VALUE in each line, got {found!r}")
    return found


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _strings(part)


def is_computed(text: str) -> bool:
    """Whether ``eval`` makes more of a string than a literal, and does not end at an unknown name before that.

    >>> [is_computed(text) for text in ("[1, 2]", "ml-100k", "saved/BPR.pth", "MRR@10", "max")]
    [False, False, False, False, False]
    >>> [is_computed(text) for text in ("os.system('ls')", "2**3", "[x for x in 'ab']", "().__class__")]
    [True, True, True, True]
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        ast.literal_eval(tree)
        return False
    except SyntaxError:
        return False
    except (ValueError, TypeError, MemoryError, RecursionError):
        pass
    if isinstance(tree, ast.Name):
        return False  # a function or a type, of which RecBole keeps the text
    nodes = list(ast.walk(tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    if not names or names & _SEEN or any(isinstance(node, _RUNS) for node in nodes):
        return True
    return any(_runs_first(node) for node in nodes)


def _runs_first(node: ast.AST) -> bool:
    """Whether something is computed that no unknown name stands before."""
    if isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        return not _begins_unknown(node)
    return isinstance(node, ast.BinOp) and not _begins_unknown(node)


def _begins_unknown(node: ast.AST) -> bool:
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.BinOp):
            node = node.left
        else:
            return False
    return True
