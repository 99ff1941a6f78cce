"""How well a few examples of a class suffice."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field
from sklearn.linear_model import LogisticRegression

from graphcl.core.errors import UserError
from graphcl.core.options import Count
from graphcl.core.registry import register
from graphcl.core.seeds import derive
from graphcl.core.threads import one_thread
from graphcl.tasks.base import Split
from graphcl.tasks.probes.base import ClassCase, Needs, rows_of

#: class -> rows
Members = dict[int, np.ndarray]


@register("probe", "few_shot", example={"n_way": 2, "k_shot": 1, "query": 2, "episodes": 4}, monitor="accuracy")
class FewShot:
    """Episodes of ``n_way`` classes: ``k_shot`` examples of each are given, ``query`` others of each are classified.

    The examples come from the training part and the queries from the part that is judged, so no class of the latter
    reaches a fit. A guess is right once in ``n_way``. Metrics: ``accuracy`` over the episodes, and ``accuracy/ci95``,
    half of its 95 % interval (normal). Protocol after Snell et al. (NeurIPS 2017), but every class may occur: the
    embeddings were learned without any.
    """

    needs: ClassVar[Needs] = "classes"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)

    def __init__(
        self,
        n_way: Annotated[int, Field(ge=2)] = 5,
        k_shot: Count = 5,
        query: Count = 10,
        episodes: Count = 600,
        classifier: Literal["centroid", "logistic"] = "centroid",
        normalize: bool = True,
    ) -> None:
        """
        Args:
            n_way: Classes of an episode.
            k_shot: Given examples of each class.
            query: Examples of each class that are classified.
            episodes: Number of episodes.
            classifier: Nearest mean of the given examples, or logistic regression on them (C = 1).
            normalize: Whether rows are scaled to unit length first.
        """
        self.n_way, self.k_shot, self.query, self.episodes = n_way, k_shot, query, episodes
        self.classify = nearest_centroid if classifier == "centroid" else logistic
        self.normalize = normalize

    def judge(self, case: ClassCase, split: Split, *, seed: int) -> dict[str, float]:
        """Draw and judge the episodes.

        Raises:
            UserError: too few classes have enough examples in both parts.
        """
        given, asked = case.part("train"), case.part(split)
        x, x_asked = (rows_of(part.x, normalize=self.normalize) for part in (given, asked))
        support, queries = _members(given.y.cpu().numpy()), _members(asked.y.cpu().numpy())
        classes = [c for c in support if len(support[c]) >= self.k_shot and len(queries.get(c, ())) >= self.query]
        if len(classes) < self.n_way:
            raise UserError(
                f"probe 'few_shot': {len(classes)} classes have {self.k_shot} training and {self.query} {split} "
                f"examples, n_way is {self.n_way}; lower n_way, k_shot or query (eval.probe_options)"
            )
        draw = np.random.default_rng(derive(seed, "few_shot"))
        right = np.empty(self.episodes)
        for episode in range(self.episodes):
            chosen = draw.choice(classes, self.n_way, replace=False)
            shown = [x[draw.choice(support[c], self.k_shot, replace=False)] for c in chosen]
            hidden = np.concatenate([x_asked[draw.choice(queries[c], self.query, replace=False)] for c in chosen])
            guess = self.classify(np.stack(shown), hidden)
            right[episode] = np.mean(guess == np.repeat(np.arange(self.n_way), self.query))
        spread = right.std(ddof=1) if self.episodes > 1 else 0.0
        return {"accuracy": float(right.mean()), "accuracy/ci95": float(1.96 * spread / np.sqrt(self.episodes))}


def nearest_centroid(shown: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """[ways, shots, d], [n, d] -> [n]: the class whose mean is nearest (Euclidean), of equals the first."""
    centres = shown.mean(axis=1)
    return (hidden @ centres.T - 0.5 * np.square(centres).sum(axis=1)).argmax(axis=1)


def logistic(shown: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """[ways, shots, d], [n, d] -> [n]: the most likely class under logistic regression."""
    ways, shots, dim = shown.shape
    with one_thread():
        model = LogisticRegression(max_iter=1000).fit(shown.reshape(-1, dim), np.repeat(np.arange(ways), shots))
        return model.predict(hidden)


def _members(y: np.ndarray) -> Members:
    return {int(label): np.flatnonzero(y == label) for label in np.unique(y)}
