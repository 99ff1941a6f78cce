"""What a person says of code, in the form that code has: a root and a node for each word."""

from __future__ import annotations

from collections.abc import Sequence

from graphcl.data.code_sets.forest import Forest
from graphcl.data.code_sets.parse import Reading, Tree
from graphcl.data.code_sets.subtokens import hashed

#: Kinds of the nodes of a text: no grammar calls its own so.
TEXT, WORD = "a text", "a word"


def text_tree(text: str, how: Reading) -> Tree:
    """A chain of words below one root; hashed as the words of code are, so that ``csv`` is ``csv`` in both.

    >>> text_tree("Read aCsvFile.", Reading(words=3)).parents
    [0, 0, 0]
    """
    words = [found for word in text.split()[: how.nodes - 1] if (found := hashed(word, how.buckets, how.words))]
    count = len(words)
    kinds, none = [TEXT, *[WORD] * count], [-1] * (count + 1)
    return Tree(kinds, [0] * (count + 1), [[], *words], none, spans=[(0, 0)] * (count + 1))


def text_forest(texts: Sequence[str], how: Reading) -> Forest:
    """The trees of texts, one each."""
    return Forest.of([(number, text_tree(text, how)) for number, text in enumerate(texts)], {})
