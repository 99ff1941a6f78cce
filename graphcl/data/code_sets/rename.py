"""The same program with other names, as text: the test of robustness of Liu et al. (ContraBERT, ICSE 2023)."""

from __future__ import annotations

import string

import torch

from graphcl.data.code_sets.languages import language_named
from graphcl.data.code_sets.parse import Reading, parse

_LETTERS = 6


def rename_variables(code: str, language: str, count: int, *, generator: torch.Generator) -> str:
    """Give ``count`` of the names that a program declares new ones of random letters, wherever they are used.

    Which names a program declares, see :class:`graphcl.data.code_sets.parse.Tree`; ``main`` and members stay.

    Args:
        code: The program.
        language: Its language.
        count: How many names; all of them where there are fewer.
        generator: Source of the draws.

    Returns:
        The program, otherwise to the letter as it was.

    Raises:
        UserError: no such language.
    """
    text = code.encode()
    (tree,) = parse(text, language_named(language), Reading(nodes=1 << 30))
    chosen = torch.randperm(tree.own, generator=generator)[:count].tolist()
    new = {number: _word(generator).encode() for number in chosen}
    pieces, done = [], 0
    for name, (start, stop) in zip(tree.names, tree.spans, strict=True):
        if name in new:
            pieces += [text[done:start], new[name]]
            done = stop
    return b"".join([*pieces, text[done:]]).decode()


def _word(generator: torch.Generator) -> str:
    draw = torch.randint(len(string.ascii_lowercase), (_LETTERS,), generator=generator)
    return "".join(string.ascii_lowercase[letter] for letter in draw.tolist())
