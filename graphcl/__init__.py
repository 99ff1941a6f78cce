"""graphcl: contrastive learning where everything is a graph.

>>> import graphcl
>>> recipe = graphcl.load("lightgcl", "train.epochs=20")  # doctest: +SKIP
>>> fitted = graphcl.fit(recipe)  # doctest: +SKIP
>>> fitted.metrics["test/ndcg@10"], fitted.embeddings["user"].shape  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from graphcl.core.config.recipe import Recipe
    from graphcl.core.registry import register
    from graphcl.engine.fit import Fitted, fit, resume
    from graphcl.objective.kernels import contrast, log_partition, positive_logit, row_extreme
    from graphcl.serve.recommender import Recommender

#: Public name -> module that holds it; imported when first asked for.
_PUBLIC = {
    "Recommender": "graphcl.serve.recommender",
    "Recipe": "graphcl.core.config.recipe",
    "Fitted": "graphcl.engine.fit",
    "fit": "graphcl.engine.fit",
    "resume": "graphcl.engine.fit",
    "register": "graphcl.core.registry",
    "contrast": "graphcl.objective.kernels",
    "log_partition": "graphcl.objective.kernels",
    "positive_logit": "graphcl.objective.kernels",
    "row_extreme": "graphcl.objective.kernels",
}

__all__ = [
    "Fitted", "Recipe", "Recommender", "contrast", "fit", "load", "log_partition", "positive_logit", "register",
    "resume", "row_extreme",
]


def load(name: str, *overrides: str, allow_plugins: bool = False) -> Recipe:
    """A recipe by name or path, with ``key=value`` overrides, checked.

    >>> load("lightgcl", "train.lr=1e-2")["train.lr"]
    0.01

    Raises:
        ConfigError: all problems at once, each with file, line and the nearest key.
    """
    from graphcl.core.config.recipe import load_recipe

    return load_recipe(name, overrides, allow_plugins=allow_plugins)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'graphcl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
