"""Which candidate edges a language model approves: one request for a node, one 0 or 1 for each of its candidates."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphcl.llm.experts import NEIGHBOUR_LETTERS, OWN_LETTERS
from graphcl.llm.prompts import Prompt
from graphcl.llm.request import Request, frozen

_LIST = re.compile(r"\[[\s01,]*\]")


def edge_requests(
    prompt: Prompt,
    texts: Sequence[str],
    candidates: Mapping[int, Sequence[int]],
    ids: Sequence[str],
    *,
    model: str,
    params: Mapping[str, Any],
) -> Iterator[Request]:
    """A request for each node that has candidates, called ``EXPERT/ID`` and made when it is needed.

    Args:
        prompt: That asks for decisions (``edges.j2``).
        texts: Of the nodes; long ones are cut.
        candidates: Node -> places of the nodes that it may be linked to, in the order of the answer.
        ids: The user's ids.
        model: Who is asked.
        params: Sampling parameters.
    """
    settings = frozen(params)
    for node, others in candidates.items():
        if others:
            shown = [texts[other][:NEIGHBOUR_LETTERS] for other in others]
            messages = prompt.render(text=texts[node][:OWN_LETTERS], candidates=shown, degree=len(others))
            yield Request(f"{prompt.name}/{ids[node]}", model, prompt.hash, messages, settings)


def parse_decisions(answer: str, count: int) -> list[bool] | None:
    """What an answer says of ``count`` candidates; None where it does not say it, which is not the same as no.

    The last JSON list of 0 and 1 of that length counts, wherever it stands in the answer.

    >>> parse_decisions("Candidate 2 fits: [0, 1]", 2)
    [False, True]
    """
    for found in reversed(_LIST.findall(answer)):
        try:
            values = json.loads(found)
        except ValueError:
            continue
        if len(values) == count and all(value in (0, 1) for value in values):
            return [bool(value) for value in values]
    return None
