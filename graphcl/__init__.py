"""graphcl: contrastive learning where everything is a graph.

>>> import graphcl
>>> recipe = graphcl.load("lightgcl", "train.epochs=20")  # doctest: +SKIP
>>> fitted = graphcl.fit(recipe)  # doctest: +SKIP
>>> fitted.metrics["test/ndcg@10"], fitted.embeddings["user"].shape  # doctest: +SKIP

A graph of your own, of torch_geometric, networkx or DGL:

>>> import networkx as nx
>>> run = graphcl.fit("grace", data=nx.karate_club_graph(), train={"epochs": 2})  # doctest: +SKIP
>>> run.embed().shape  # doctest: +SKIP
torch.Size([34, 128])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from graphcl.core.config.recipe import Recipe
    from graphcl.core.registry import register
    from graphcl.engine.fit import resume
    from graphcl.engine.fitted import Fitted
    from graphcl.engine.library import fit
    from graphcl.graph import as_graph
    from graphcl.objective.kernels import contrast, log_partition, positive_logit, row_extreme
    from graphcl.rca.neural_granger import NeuralGranger
    from graphcl.serve.opened import open_run
    from graphcl.serve.recommender import Recommender

#: Public name -> module that holds it; imported when first asked for.
_PUBLIC = {
    "NeuralGranger": "graphcl.rca.neural_granger",
    "Recommender": "graphcl.serve.recommender",
    "open_run": "graphcl.serve.opened",
    "as_graph": "graphcl.graph",
    "Recipe": "graphcl.core.config.recipe",
    "Fitted": "graphcl.engine.fitted",
    "fit": "graphcl.engine.library",
    "resume": "graphcl.engine.fit",
    "register": "graphcl.core.registry",
    "contrast": "graphcl.objective.kernels",
    "log_partition": "graphcl.objective.kernels",
    "positive_logit": "graphcl.objective.kernels",
    "row_extreme": "graphcl.objective.kernels",
}

__all__ = [
    "Fitted", "NeuralGranger", "Recipe", "Recommender", "as_graph", "contrast", "fit", "load", "log_partition",
    "open_run", "positive_logit", "register", "resume", "row_extreme",
]


def load(name: str, *overrides: str, allow_plugins: bool = False, **settings: Any) -> Recipe:
    """A recipe by name or path, with settings as Python values or as ``key=value`` text, checked.

    >>> load("lightgcl", "train.lr=1e-2")["train.lr"], load("lightgcl", train={"lr": 0.01})["train.lr"]
    (0.01, 0.01)

    Raises:
        ConfigError: all problems at once, each with file, line and the nearest key.
    """
    from graphcl.core.config.recipe import load_recipe

    return load_recipe(name, overrides, settings=settings, allow_plugins=allow_plugins)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'graphcl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
