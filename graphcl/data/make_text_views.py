"""From a graph of texts to views of them, by a language model or by the offline experts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.data.graphs.labelled import NodeGraph
from graphcl.data.text_encoders import TextOptions, fit_text_encoder
from graphcl.data.text_views import TextViews, graph_digests
from graphcl.llm.backends.base import Backend
from graphcl.llm.cache import AnswerCache
from graphcl.llm.engine import run_requests
from graphcl.llm.experts import RAW, expert_requests
from graphcl.llm.limits import Limits
from graphcl.llm.offline import offline_texts
from graphcl.llm.outcome import Estimate, Outcome, estimate
from graphcl.llm.prompts import Prompt
from graphcl.llm.request import Request


@dataclass(frozen=True)
class Asked:
    """How a language model is asked.

    Attributes:
        prompts: One for each expert that asks, whose name it has.
        params: Sampling parameters.
        limits: Of the run.
    """

    prompts: Sequence[Prompt]
    params: Mapping[str, Any] = field(default_factory=lambda: {"max_tokens": 300, "temperature": 0})
    limits: Limits = field(default_factory=Limits)


def node_texts(data: NodeGraph) -> tuple[list[str], list[list[int]], list[str]]:
    """Texts, neighbours (ascending, of the edges that training sees) and ids of the nodes.

    Raises:
        UserError: the nodes have no texts.
    """
    if "text" not in data.graph:
        raise UserError(
            f"{data.report.source}: the nodes have no texts; a table of nodes has them in the "
            "column 'text', and data=python-stdlib is a graph of texts"
        )
    texts: list[str] = data.graph.text
    around: list[set[int]] = [set() for _ in texts]
    for source, target in data.graph.edge_index.t().tolist():
        around[source].add(target)
        around[target].add(source)
    return texts, [sorted(others) for others in around], data.ids or [str(node) for node in range(len(texts))]


def told_names(data: NodeGraph, class_names: bool) -> list[str]:
    """The names of the classes, where they shall be told.

    Raises:
        UserError: there are none to tell.
    """
    if class_names and not data.class_names:
        raise UserError(f"{data.report.source}: class names shall be told, and the nodes have no labels with names")
    return data.class_names if class_names else []


def offline_views(
    data: NodeGraph,
    *,
    experts: Sequence[str] | None = None,
    class_names: bool = False,
    watch: Callable[[str, int, int], None] = lambda expert, done, total: None,
) -> TextViews:
    """Views by extracts, without a model; see :func:`graphcl.llm.offline.offline_texts`.

    Args:
        data: Whose texts are read.
        experts: Which; None: all that can speak.
        class_names: Whether the names of the classes are told, which is knowledge of the labels.
        watch: Called as nodes are done.

    Raises:
        UserError: no texts, or an expert that cannot speak.
    """
    texts, neighbours, _ = node_texts(data)
    names = told_names(data, class_names)
    said = offline_texts(texts, neighbours, class_names=names, experts=experts, watch=watch)
    about = {"backend": "offline", "model": "offline extracts (TextRank, TF-IDF)", "prompts": {}}
    return _views(data, said, {**about, "missing": {}}, bool(names) and "independent" in said)


def asked_requests(data: NodeGraph, asked: Asked, model: str, class_names: bool = False) -> Iterator[Request]:
    """The requests of :func:`asked_views`, in its order."""
    texts, neighbours, ids = node_texts(data)
    names = told_names(data, class_names)
    return chain.from_iterable(
        expert_requests(prompt, texts, neighbours, ids, model=model, params=asked.params, class_names=names)
        for prompt in asked.prompts
    )


def estimated(
    data: NodeGraph,
    asked: Asked,
    model: str,
    cache: AnswerCache | None,
    class_names: bool = False,
    more: Iterable[Request] = (),
) -> Estimate:
    """What :func:`asked_views`, and ``more`` requests, would take; nothing is sent."""
    return estimate(chain(asked_requests(data, asked, model, class_names), more), cache, asked.limits)


def asked_views(
    data: NodeGraph,
    backend: Backend,
    cache: AnswerCache,
    asked: Asked,
    *,
    class_names: bool = False,
    watch: Callable[[Outcome], None] = lambda outcome: None,
) -> tuple[TextViews, Outcome]:
    """Views by a language model. A node without an answer keeps its own text, and is counted.

    Args:
        data: Whose texts are sent.
        backend: Who is asked.
        cache: Where answers are kept.
        asked: Prompts, parameters, limits.
        class_names: Whether the names of the classes are told, which is knowledge of the labels.
        watch: Called after each answer.

    Raises:
        UserError: no texts, or see :func:`graphcl.llm.engine.run_requests`.
    """
    texts, _, ids = node_texts(data)
    requests = asked_requests(data, asked, backend.model, class_names)
    outcome = run_requests(requests, backend, cache, asked.limits, watch=watch)
    said, missing = {RAW: texts}, {}
    for prompt in asked.prompts:
        answers = [outcome.answers.get(f"{prompt.name}/{name}") for name in ids]
        said[prompt.name] = [text if answer is None else answer for answer, text in zip(answers, texts, strict=True)]
        missing[prompt.name] = sum(answer is None for answer in answers)
    told = class_names and bool(data.class_names) and any("classes" in prompt.variables for prompt in asked.prompts)
    about = {
        "backend": type(backend).__name__.removesuffix("Backend").lower(),
        "model": backend.model,
        "prompts": {prompt.name: prompt.hash for prompt in asked.prompts},
        "params": dict(asked.params),
        "missing": missing,
        "requests": {"asked": outcome.asked, "kept": outcome.kept, "sent": outcome.sent, "faults": outcome.faults},
        "tokens": [outcome.tokens_in, outcome.tokens_out],
        "cost": outcome.cost,
    }
    return _views(data, said, about, told), outcome


def _views(data: NodeGraph, said: Mapping[str, list[str]], about: Mapping[str, Any], labels: bool) -> TextViews:
    encoder = data.text_encoder or fit_text_encoder(data.graph.text, TextOptions())
    embeddings: dict[str, Tensor] = {expert: encoder.encode(texts) for expert, texts in said.items()}
    provenance = {
        **about,
        "label_knowledge": labels,
        "data": data.report.source,
        "nodes": len(data.graph.text),
        "graph": graph_digests(data.graph),
        "encoder": {"is": encoder.told, **asdict(encoder.options)},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return TextViews(dict(said), embeddings, provenance)
