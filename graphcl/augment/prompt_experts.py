"""The augmenter of GAugLLM that puts a mixture of what experts say of a node in the place of its features."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from graphcl.augment.rebuild import map_tensors
from graphcl.augment.selector import Selector, mixed
from graphcl.core.errors import UserError
from graphcl.core.options import Positive, UserPath
from graphcl.core.registry import register
from graphcl.core.words import counted
from graphcl.data.expert_embeddings import expert_embeddings
from graphcl.data.graphs.labelled import NodeGraph
from graphcl.data.graphs.node_graph import NodeGraphData
from graphcl.data.text_views import of_graph, provenance_digest
from graphcl.encode.base import Graph

#: Of a graph that has been through it: how much each expert counts for each node [N, m], and the experts' names.
WEIGHTS, NAMES = "expert_weights", "expert_names"


def text_data(graph: Graph, task: Any = None) -> NodeGraph:
    """The data that an augmenter of texts reads: of the task, else of a graph alone.

    Raises:
        UserError: the graph has no texts, or batches see pieces of it.
    """
    data = getattr(task, "data", None)
    if isinstance(data, NodeGraph):
        if data.fanout:
            raise UserError("texts are read for the whole graph, and with data.fanout batches see pieces; leave it out")
        return data
    return NodeGraphData(given=graph, features="text").load(seed=0)


@register(
    "augmenter", "prompt_experts", example={}, level="graph", stochastic=False, edges="same", learned=True, needs="text"
)
class PromptExperts(nn.Module):
    """Mixes what experts say of each node into its features (Fang et al., KDD 2024).

    Of each node and expert there are two embeddings: of what it says, h_i, and of a sentence on what kind of text that
    is and how well the node is linked, c_i. The features become ``sum_i alpha_i h_i``; see
    :func:`graphcl.augment.selector.expert_weights`. It is trained with the encoder, and views with equal options share
    it. The regularizer `expert_entropy` reports the mean weights, and can keep them apart from 0.
    """

    content: Tensor
    context: Tensor

    def __init__(
        self,
        views: UserPath = "",
        experts: list[str] | None = None,
        mix: Literal["selector", "uniform"] = "selector",
        temperature: Positive = 0.2,
        class_names: bool = False,
        *,
        graph: Graph,
        task: Any = None,
        generator: torch.Generator,
    ) -> None:
        """
        Args:
            views: Folder of `graphcl augment --out`; empty: the offline experts, which need no model, read the texts
                now, and what they say is kept in the cache.
            experts: Which of raw, independent, summary, reasoning (or of your own prompts) are mixed; empty: all.
            mix: By the learned selector, or uniform, the mean, its control.
            temperature: Of the selector's softmax.
            class_names: Whether offline experts are told the names of the classes, which is knowledge of the labels
                and lets `independent` speak.
            graph: Whose texts are read (supplied).
            task: Gives the data that the graph is of (supplied).
            generator: Source of the selector's initial weights (supplied).

        Raises:
            UserError: no texts; views of another graph, or without such an expert; pieces of a graph.
        """
        super().__init__()
        self.folder, self.class_names, self.mix = Path(views) if views else None, class_names, mix
        data = text_data(graph, task)
        self._classes = data.class_names if class_names else []  # which new nodes, without labels, are compared with
        self._read(data, experts)
        size = len(self.experts), self.content.shape[2]
        self.selector = Selector(*size, temperature, generator=generator) if mix == "selector" else None

    def _read(self, data: NodeGraph, experts: Sequence[str] | None) -> None:
        found = expert_embeddings(data, folder=self.folder, experts=experts, class_names=self.class_names)
        self.experts, self.about = found.experts, {**found.about, "mix": self.mix}
        # Not in checkpoints: they are made again from the texts, or read again from the folder.
        self.register_buffer("content", found.content, persistent=False)
        self.register_buffer("context", found.context, persistent=False)

    def for_graph(self, graph: Graph, task: Any) -> PromptExperts:
        """The same experts and selector on the texts of another graph.

        Raises:
            UserError: its texts cannot be read by the same experts (views of a folder are of one graph).
        """
        other = copy.copy(self)
        other._buffers = dict(self._buffers)  # else both would read the texts of the other graph
        data = text_data(graph, task)
        if self.folder is not None and not of_graph(self.folder, data.graph):
            raise UserError(
                f"prompt_experts: the experts in {self.folder} have read the graph of this run, and new nodes need "
                "experts of their own: a run with views embeds only its own graph; train without views for new nodes"
            )
        other._read(replace(data, class_names=self._classes) if self.class_names else data, self.experts)
        return other.to(self.content.device)

    def weights(self) -> Tensor:
        """[N, m], how much each expert counts for each node."""
        if self.selector is None:
            return torch.full_like(self.content[..., 0], 1.0 / len(self.experts))
        return self.selector(self.content, self.context)

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph with the mixture as ``x`` and the weights beside it; nothing is drawn.

        Raises:
            UserError: a graph of other nodes.
        """
        if graph.num_nodes != len(self.content):
            raise UserError(
                f"prompt_experts: experts have read {len(self.content):,} nodes and the graph has {graph.num_nodes:,}; "
                "for_graph(...) lets them read another graph"
            )
        weights = self.weights()
        result = map_tensors(graph, lambda _, name, value: value if name == "x" else value.clone())
        result.x = mixed(self.content, weights)
        result[WEIGHTS], result[NAMES] = weights, list(self.experts)
        return result

    def made_of(self) -> str:
        """Digest of the views that are read; "" where the offline experts speak, who repeat themselves."""
        return "" if self.folder is None else provenance_digest(self.folder)

    def describe(self) -> dict[str, Any]:
        """Who spoke, and how much each counts on the mean, for the record of a run."""
        with torch.no_grad():
            means = [round(float(mean), 4) for mean in self.weights().double().mean(dim=0)]
        weights = dict(zip(self.experts, means, strict=True))
        return {"told": self._told(weights), **self.about, "mean_weights": weights}

    def _told(self, weights: dict[str, float]) -> str:
        """In one line, for the screen."""
        learned = ", ".join(f"{name} {weight:.2f}" for name, weight in weights.items())
        weighing = f"mixed by a learned selector ({learned})" if self.mix == "selector" else "in equal parts"
        labels = "; they know the names of the classes" if self.about["label_knowledge"] else ""
        missing = "".join(
            f"; {name}: {counted(count, 'node')} without an answer"
            for name, count in self.about["missing"].items() if count
        )
        return f"{', '.join(self.experts)} of {self.about['model']}, {weighing}{labels}{missing}"
