"""What a fit returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.engine.training import Training


class Fitted:
    """What a fit returns: the trained parts and what they gave, as plain objects.

    Attributes:
        recipe: The recipe.
        task: The task, with its data.
        model: The parts, with the best parameters.
        embeddings: Node type -> [N, d] ("" for a homogeneous graph); of several processes only the first one's has any.
        metrics: Flat, as in ``metrics.json``; likewise.
        best_epoch: Epoch (1-based) whose parameters were kept.
        path: The run's folder, or None when nothing was written.
        notes: What a person should know of the data and the protocol, one sentence each (:func:`graphcl.fit`).
    """

    def __init__(self, training: Training, embeddings: dict[str, Tensor], metrics: dict[str, float]) -> None:
        self.recipe, self.task, self.model = training.recipe, training.task, training.model
        self.embeddings, self.metrics = embeddings, metrics
        self.best_epoch = training.progress.best_epoch
        self.path: Path | None = training.run.path if training.run else None
        self.notes: list[str] = []

    def embed(self, graph: Any = None, node_type: str | None = None) -> Tensor:
        """Embeddings [N, d] of the graph that was trained on, or of a new one.

        Args:
            graph: A new graph of any library (or several, for the task `graph`); it needs the features that were
                trained on.
            node_type: Which rows, where there are several types of nodes.

        Raises:
            UserError: a new graph without these features, or whose nodes the recipe cannot know; no such type.
        """
        from graphcl.engine.unseen import embed_unseen

        found = self.embeddings
        if graph is not None:
            found, _ = embed_unseen(self.model, self.task.data, given=graph)  # type: ignore[attr-defined]
        if node_type is None and len(found) == 1:
            return next(iter(found.values()))
        if node_type not in found:
            raise UserError(f"node_type: {node_type!r}; this run embeds {', '.join(found)}")
        return found[node_type]
