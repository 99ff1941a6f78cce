"""The experts of GAugLLM as questions to a language model: one request for a node and an expert.

Source: Fang, Fan, Zha, Tan, "GAugLLM: Improving Graph Contrastive Learning for Text-Attributed Graphs with Large
Language Models", KDD 2024; the prompts are our own (``configs/prompts``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphcl.llm.prompts import Prompt
from graphcl.llm.request import Request, frozen

#: The expert that asks nobody.
RAW = "raw"
#: Experts with a packed prompt.
ASKED = ("independent", "summary", "reasoning")
#: What goes into a prompt: letters of the node's own text, letters of each neighbour's, and neighbours.
OWN_LETTERS, NEIGHBOUR_LETTERS, MAX_NEIGHBOURS = 6_000, 600, 10

_KINDS = {
    RAW: "the original text of the node",
    "independent": "an explanation of the node's likely class, from its own text alone",
    "summary": "a summary of the node in the light of its neighbours",
    "reasoning": "an explanation of the node's likely class, from its text and its neighbours",
}


def expert_requests(
    prompt: Prompt,
    texts: Sequence[str],
    neighbours: Sequence[Sequence[int]],
    ids: Sequence[str],
    *,
    model: str,
    params: Mapping[str, Any],
    class_names: Sequence[str] = (),
) -> Iterator[Request]:
    """A request for each node, called ``EXPERT/ID`` and made when it is needed.

    Args:
        prompt: Of the expert, whose name it has.
        texts: Of the nodes; long ones are cut.
        neighbours: Of each node, places of those it is linked to; the first 10 are read.
        ids: The user's ids.
        model: Who is asked.
        params: Sampling parameters.
        class_names: Told to prompts that speak of them; empty: not told.
    """
    settings = frozen(params)
    for node, text in enumerate(texts):
        around = [texts[other][:NEIGHBOUR_LETTERS] for other in neighbours[node][:MAX_NEIGHBOURS]]
        messages = prompt.render(
            text=text[:OWN_LETTERS], neighbours=around, classes=list(class_names), degree=len(neighbours[node])
        )
        yield Request(f"{prompt.name}/{ids[node]}", model, prompt.hash, messages, settings)


def context_texts(expert: str, degrees: Sequence[int]) -> list[str]:
    """What kind of text an expert's is, and how well each node is linked: the selector's context ``C^i``.

    A node is a head where its degree is at least the 80th percentile, a tail where it is at most the 40th, else in
    between.
    """
    low, high = np.percentile(degrees, [40, 80]) if len(degrees) else (0, 0)
    kind = _KINDS.get(expert, f"what the expert {expert} says of the node")

    def band(degree: int) -> str:
        return "tail" if degree <= low else "head" if degree >= high else "mid"

    return [f"This is {kind}. The node has degree {degree}: it is a {band(degree)} node." for degree in degrees]
