"""What experts say of every node, as embeddings beside those of its contexts: what a selector mixes."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphcl.core.errors import UserError, suggestion
from graphcl.core.paths import cache_dir
from graphcl.core.tell import progress, tell
from graphcl.data.graphs.labelled import NodeGraph
from graphcl.data.make_text_views import node_texts, offline_views, told_names
from graphcl.data.text_encoders import TextEncoder
from graphcl.data.text_views import TextViews, graph_digests
from graphcl.llm.experts import context_texts


@dataclass(frozen=True)
class ExpertEmbeddings:
    """Of N nodes and m experts.

    Attributes:
        experts: Their names.
        content: [N, m, d] what each says.
        context: [N, m, d] the sentence on what kind of text that is, and how well the node is linked.
        about: Who spoke, and whether class names were told.
    """

    experts: tuple[str, ...]
    content: Tensor
    context: Tensor
    about: Mapping[str, Any]


def expert_embeddings(
    data: NodeGraph, *, folder: Path | None = None, experts: Sequence[str] | None = None, class_names: bool = False
) -> ExpertEmbeddings:
    """Read them from a folder of views, or let the offline experts speak.

    These repeat themselves, so what they say is kept in the cache.

    Args:
        data: Whose texts they read; its encoder embeds the contexts.
        folder: Of ``graphcl augment --out``; None: the offline experts.
        experts: Which of those that are there; None or none: all.
        class_names: Of offline experts, whether class names are told (knowledge of the labels).

    Raises:
        UserError: no texts; views of another graph, or without such an expert; embeddings of another space than the
            features.
    """
    experts = experts or None
    _, neighbours, _ = node_texts(data)
    encoder = data.text_encoder
    if encoder is None:
        raise UserError(
            f"{data.report.source}: the node features are not made of texts, and experts take their place: "
            "set data.features=text"
        )
    views = _kept_offline(data, class_names, experts) if folder is None else TextViews.load(folder, data.graph)
    names = _chosen(views, experts, folder)
    _require_one_space(views, encoder, folder)
    degrees = [len(around) for around in neighbours]
    context = torch.stack([_embedded(encoder, context_texts(name, degrees)) for name in names], dim=1)
    about = {
        "experts": list(names),
        **{key: views.about[key] for key in ("backend", "model", "label_knowledge", "missing")},
        "encoder": encoder.told,
        # an encoder of words may know none of a context's; such a context is like nothing
        "contexts_known": round(float((context != 0).any(dim=2).double().mean()), 4),
    }
    return ExpertEmbeddings(names, torch.stack([views.embeddings[name] for name in names], dim=1), context, about)


def _kept_offline(data: NodeGraph, class_names: bool, experts: Sequence[str] | None) -> TextViews:
    """All that can speak, or those named, from the cache or made now."""
    path = cache_dir() / "text-views" / _key(data, class_names, experts)
    if path.is_dir():
        try:
            return TextViews.load(path, data.graph)
        except UserError:  # of another version, or damaged: made anew
            shutil.rmtree(path, ignore_errors=True)
    count = len(data.graph.text)
    tell(f"the offline experts read {count:,} nodes, once: some 1,000 nodes a second")
    say, began = progress(), time.monotonic()
    views = offline_views(
        data, experts=experts, class_names=class_names,
        watch=lambda expert, done, total: say(lambda: f"{expert}: {done:,} of {total:,} nodes"),
    )
    tell(f"the offline experts took {time.monotonic() - began:.0f} s; {_kept(views, path, node_texts(data)[2])}")
    return views


def _kept(views: TextViews, path: Path, ids: list[str]) -> str:
    """Where they are kept, or why they are not, which is no reason to stop."""
    try:
        if not path.is_dir():
            views.save(path, ids)
    except UserError as error:
        if not path.is_dir():  # else another run was faster
            return f"not kept: {error}"
    return f"kept in {path}"


def _key(data: NodeGraph, class_names: bool, experts: Sequence[str] | None) -> str:
    encoder = data.text_encoder
    names = told_names(data, class_names)
    made_of: list[Any] = [graph_digests(data.graph), names, list(experts) if experts is not None else None]
    if encoder is not None:
        tensors, values = encoder.state()
        bits = [hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest() for tensor in tensors.values()]
        made_of += [asdict(encoder.options), encoder.told, bits, values]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:32]


def _chosen(views: TextViews, experts: Sequence[str] | None, folder: Path | None) -> tuple[str, ...]:
    if experts is None:
        return views.experts
    for name in experts:
        if name not in views.experts:
            raise UserError(f"{folder}: no expert {name!r} has spoken{suggestion(name, views.experts)}")
    return tuple(experts)


def _require_one_space(views: TextViews, encoder: TextEncoder, folder: Path | None) -> None:
    """Refuse embeddings that cannot take the place of the features, or be compared with contexts."""
    where = folder or "offline experts"
    if views.about["encoder"]["is"] != encoder.told:
        raise UserError(
            f"{where}: embedded by {views.about['encoder']['is']}, the features of this data by {encoder.told}; give "
            "both the same data.text"
        )


def _embedded(encoder: TextEncoder, texts: list[str]) -> Tensor:
    """[n, d]; equal texts are encoded once."""
    different = list(dict.fromkeys(texts))
    place = {text: row for row, text in enumerate(different)}
    return encoder.encode(different).index_select(0, torch.tensor([place[text] for text in texts]))


