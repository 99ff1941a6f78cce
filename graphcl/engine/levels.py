"""What the rows of a level are: nodes, graphs, or rows of a latent's own."""

from __future__ import annotations

from graphcl.core.config import levels
from graphcl.engine.model import Model


class Levels:
    """The levels of a recipe's towers: what each gives itself, and the heads and latents that stand on that."""

    def __init__(self, model: Model) -> None:
        self._tree, self._latents = model.recipe.tree, model.latents

    def of(self, level: str) -> str:
        """What the head or latent ``level`` is applied to; "" for a level of the tower itself."""
        return levels.of(self._tree, level)

    def pooled(self, level: str) -> bool:
        """Whether rows are graphs: of ``graphs``, and of heads on them."""
        return "graphs" in self._chain(level)

    def makes_rows(self, level: str) -> bool:
        """Whether rows are neither nodes nor graphs: of a latent that makes rows of its own, and of heads on it."""
        latents = self._latents
        return any(name in latents and getattr(latents[name], "own_rows", False) for name in self._chain(level))

    def whole(self, level: str) -> bool:
        """Whether a level has the rows of all ranks although records are divided: latents do, and heads on them."""
        return any(name in self._latents for name in self._chain(level))

    def _chain(self, level: str) -> tuple[str, ...]:
        """A level, and what it stands on."""
        return level, *levels.stands_on(self._tree, level)
