"""From a graph of texts and its candidates to a language model's decisions about links: one question a node."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import torch

from graphcl.data.edge_answers import EdgeAnswers
from graphcl.data.edge_candidates import candidates
from graphcl.data.graphs.labelled import NodeGraph
from graphcl.data.make_text_views import node_texts
from graphcl.data.text_views import graph_digests
from graphcl.llm.backends.base import Backend
from graphcl.llm.backends.checked import CheckedBackend
from graphcl.llm.cache import AnswerCache
from graphcl.llm.engine import run_requests
from graphcl.llm.experts import NEIGHBOUR_LETTERS, OWN_LETTERS
from graphcl.llm.limits import Limits
from graphcl.llm.outcome import Outcome
from graphcl.llm.prompts import Prompt
from graphcl.llm.request import Messages, Request, frozen

#: The prompt that asks.
EDGES = "edges"
_LIST = re.compile(r"\[\s*([01](?:\s*,\s*[01])*)\s*\]")


def zeros_and_ones(answer: str, count: int) -> list[bool] | None:
    """The decisions of an answer: of its only list of 0 and 1, which must have as many entries as were asked for.

    >>> zeros_and_ones("Sure: [1, 0]", 2)
    [True, False]
    >>> zeros_and_ones("[1, 0]", 3) is zeros_and_ones("1 and 0, perhaps", 2) is None
    True
    """
    found = _LIST.findall(answer)
    if len(found) != 1:
        return None
    digits = [digit.strip() == "1" for digit in found[0].split(",")]
    return digits if len(digits) == count else None


class EdgeQuestions:
    """The questions about the candidates of every node that has some, in node order.

    Args:
        data: Whose texts are sent, and whose candidates are in question.
        model: Who is asked.
        prompt: Asks for a 0 or 1 for each candidate.
        params: Sampling parameters.
    """

    def __init__(self, data: NodeGraph, model: str, prompt: Prompt, params: Mapping[str, Any]) -> None:
        self._texts, self._neighbours, self._ids = node_texts(data)
        every = torch.cat(candidates(data), dim=1).tolist()
        self._others = {node: found for node, row in enumerate(every) if (found := [at for at in row if at >= 0])}
        self._prompt, self._model, self._params = prompt, model, frozen(params)
        self._counts: dict[int, int] = {}

    def __iter__(self) -> Iterator[Request]:
        for node, others in self._others.items():
            messages = self._prompt.render(
                text=self._texts[node][:OWN_LETTERS],
                candidates=[self._texts[other][:NEIGHBOUR_LETTERS] for other in others],
                degree=len(self._neighbours[node]),
            )
            self._counts[hash(messages)] = len(others)
            yield Request(f"{EDGES}/{self._ids[node]}", self._model, self._prompt.hash, messages, self._params)

    def accepts(self, messages: Messages, answer: str) -> bool:
        """Whether it answers each candidate of a question that was put."""
        return zeros_and_ones(answer, self._counts[hash(messages)]) is not None

    def read(self, answers: Mapping[str, str]) -> tuple[list[tuple[int, int, bool]], int]:
        """(node, candidate, approved) of every answer, and the nodes without one."""
        rows, without = [], 0
        for node, others in self._others.items():
            said = zeros_and_ones(answers.get(f"{EDGES}/{self._ids[node]}", ""), len(others))
            without += said is None
            rows += [(node, other, yes) for other, yes in zip(others, said or [], strict=False)]
        return rows, without


def asked_edges(
    data: NodeGraph,
    backend: Backend,
    cache: AnswerCache,
    prompt: Prompt,
    params: Mapping[str, Any],
    limits: Limits = Limits(),
    watch: Callable[[Outcome], None] = lambda outcome: None,
) -> tuple[EdgeAnswers, Outcome]:
    """A model's decisions. Candidates of a node without a well-formed answer are left as they are, and are counted.

    Args:
        data: Whose texts are sent, and whose candidates are in question.
        backend: Who is asked.
        cache: Where answers are kept.
        prompt: Asks for a 0 or 1 for each candidate.
        params: Sampling parameters.
        limits: Of the run.
        watch: Called after each answer.

    Raises:
        UserError: see :func:`graphcl.llm.engine.run_requests`.
    """
    questions = EdgeQuestions(data, backend.model, prompt, params)
    outcome = run_requests(questions, CheckedBackend(backend, questions.accepts), cache, limits, watch=watch)
    rows, without = questions.read(outcome.answers)
    columns = torch.tensor(rows, dtype=torch.int64).reshape(-1, 3)
    about = {
        "backend": type(backend).__name__.removesuffix("Backend").lower(),
        "model": backend.model,
        "prompt": prompt.hash,
        "params": dict(params),
        "unanswered": without,
        "tokens": [outcome.tokens_in, outcome.tokens_out],
        "cost": outcome.cost,
        "graph": graph_digests(data.graph),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return EdgeAnswers(columns[:, 0], columns[:, 1], columns[:, 2].bool(), about), outcome
