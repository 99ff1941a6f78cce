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

    def maker(self, level: str) -> str:
        """The latent that makes the rows, where these are neither nodes nor graphs: of heads on it too; else ""."""
        latents = self._latents
        made = (name for name in self._chain(level) if name in latents and getattr(latents[name], "own_rows", False))
        return next(made, "")

    def whole(self, level: str) -> bool:
        """Whether a level has the rows of all ranks although records are divided: latents do, and heads on them."""
        return any(name in self._latents for name in self._chain(level))

    def _chain(self, level: str) -> tuple[str, ...]:
        """A level, and what it stands on."""
        return level, *levels.stands_on(self._tree, level)
