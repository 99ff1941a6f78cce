"""RecBole 1.2.1 as a peer for tests and benchmarks: its split, its loaders and its evaluator."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from graphcl.data.interactions import HeldOut, Ids, Interactions, Pairs

#: ItemCoverage is not among them: its evaluation ends in "'int' object has no attribute 'cpu'" in 1.2.1.
METRICS = ["Recall", "MRR", "NDCG", "Hit", "Precision", "MAP"]


def require_recbole() -> None:
    """Skip where RecBole is not installed."""
    pytest.importorskip("recbole.config", reason="RecBole is not installed: pip install 'graphcl[recbole]'")


@contextmanager
def _no_arguments() -> Iterator[None]:
    """RecBole's Config reads ``sys.argv``."""
    arguments, sys.argv = sys.argv, sys.argv[:1]
    try:
        yield
    finally:
        sys.argv = arguments


def make_config(model: str = "BPR", dataset: str = "ml-100k", **settings: Any) -> Any:
    """A RecBole Config on the CPU, with the names that numpy 2 removed put back first."""
    for name, value in {"float_": np.float64, "complex_": np.complex128, "unicode_": np.str_}.items():
        if not hasattr(np, name):
            setattr(np, name, value)
    from recbole.config import Config

    defaults = {
        "use_gpu": False,
        "metrics": METRICS,
        "topk": [10, 20, 40],
        "metric_decimal_place": 10,
        "eval_batch_size": 40_000_000,
        "show_progress": False,
        "state": "ERROR",
        "seed": 2020,
        "reproducibility": True,
    }
    with _no_arguments():
        return Config(model=model, dataset=dataset, config_dict=defaults | settings)


def repair_dok_matrix() -> None:
    """Put back the private method of scipy's dok_matrix that RecBole's LightGCN, NGCF and NCL use."""
    import scipy.sparse as sp

    if not hasattr(sp.dok_matrix, "_update"):
        sp.dok_matrix._update = lambda self, entries: self._dict.update(entries)


def load(config: Any) -> tuple[Any, Any, Any, Any]:
    """The dataset, and the loaders of train, validation and test."""
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import init_seed

    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    return dataset, *data_preparation(config, dataset)


def to_interactions(dataset: Any, train: Any, valid: Any, test: Any) -> Interactions:
    """The same split as ours. RecBole's position 0 is padding: ours are one less."""
    user, item = dataset.uid_field, dataset.iid_field

    def pairs(loader: Any) -> Pairs:
        rows = loader._dataset.inter_feat
        return Pairs(rows[user].numpy().astype(np.int64) - 1, rows[item].numpy().astype(np.int64) - 1)

    def ids(field: str) -> Ids:
        return Ids.of([str(token) for token in dataset.field2id_token[field][1:]])

    return Interactions(ids(user), ids(item), pairs(train), HeldOut(pairs(valid), pairs(test)))


class Scores(nn.Module):
    """A model that gives RecBole the scores of any scorer of ours (positions one less)."""

    def __init__(self, score_block: Callable[[Tensor], Tensor], user_field: str) -> None:
        super().__init__()
        self.score_block, self.user_field = score_block, user_field
        self.unused = nn.Parameter(torch.zeros(1))

    def full_sort_predict(self, interaction: Any) -> Tensor:
        scores = self.score_block(interaction[self.user_field] - 1)
        return torch.nn.functional.pad(scores, (1, 0))


def evaluate(config: Any, model: nn.Module, loader: Any) -> Mapping[str, float]:
    """RecBole's own ``Trainer.evaluate`` of a model that has ``full_sort_predict``."""
    from recbole.trainer import Trainer

    trainer = Trainer(config, model)
    return trainer.evaluate(loader, load_best_model=False)


def write_atomic(folder: Path, name: str, parts: Mapping[str, Pairs]) -> dict[str, Any]:
    """Write pairs as RecBole's atomic files; the settings that make RecBole read them as they are split."""
    (folder / name).mkdir(parents=True)
    for part, pairs in parts.items():
        with (folder / name / f"{name}.{part}.inter").open("w") as file:
            file.write("user_id:token\titem_id:token\n")
            np.savetxt(file, np.stack([pairs.users, pairs.items], axis=1), fmt="%d", delimiter="\t")
    return {
        "data_path": str(folder),
        "benchmark_filename": list(parts),
        "load_col": {"inter": ["user_id", "item_id"]},
    }
