"""RecBole with graphcl's models: its package, and a slice of ml-100k under another name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("recbole", reason="RecBole is not installed: pip install 'graphcl[recbole]'")
import recbole

from graphcl.recbole import compat

#: Data set -> its users, the first of ml-100k.
USERS = {"small": 150, "tiny": 6}
SETTINGS: dict[str, Any] = {
    "epochs": 1, "eval_batch_size": 40_000_000, "show_progress": False, "state": "ERROR", "use_gpu": False,
    "metrics": ["NDCG", "Recall"], "topk": [10], "valid_metric": "NDCG@10", "embedding_size": 16,
    "load_col": {"inter": ["user_id", "item_id", "rating", "timestamp"]},
}  # fmt: skip
#: Of sequence models, by RecBole's names and ours.
SMALL = {"MAX_ITEM_LIST_LENGTH": 10, "hidden_size": 16, "inner_size": 16, "n_layers": 1, "n_heads": 1,
         "train_neg_sample_args": None}  # fmt: skip

Run = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """RecBole writes where it stands, and reads the command line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["test"])
    compat.apply()
    yield
    compat.apply()


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Settings with which RecBole finds the data sets."""
    folder = tmp_path_factory.mktemp("recbole-data")
    source = Path(recbole.__file__).parent / "dataset_example" / "ml-100k" / "ml-100k.inter"
    head, *lines = source.read_text().splitlines()
    rows = sorted((line.split("\t") for line in lines), key=lambda row: int(row[3]))
    lines = ["\t".join([*row[:3], str(place)]) for place, row in enumerate(rows)]  # no two of one time
    for name, users in USERS.items():
        kept = [head, *(line for line in lines if int(line.split("\t")[0]) <= users)]
        (folder / name).mkdir()
        (folder / name / f"{name}.inter").write_text("\n".join(kept) + "\n")
    return {"data_path": str(folder), **SETTINGS}


@pytest.fixture
def run(dataset: dict[str, Any]) -> Run:
    """``run_recbole`` on one of them."""
    from recbole.quick_start import run_recbole

    def run(model: str, data: str = "small", saved: bool = False, **settings: Any) -> dict[str, Any]:
        return run_recbole(model=model, dataset=data, config_dict=dataset | settings, saved=saved)

    return run


@dataclass
class Made:
    """What ``run_recbole`` makes before it trains."""

    config: Any
    model: Any
    trainer: Any
    train: Any
    valid: Any
    test: Any


@pytest.fixture
def make(dataset: dict[str, Any]) -> Callable[..., Made]:
    """The parts of a run of RecBole."""
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    def make(model: str, data: str = "small", **settings: Any) -> Made:
        config = Config(model=model, dataset=data, config_dict=dataset | settings)
        init_seed(config["seed"], config["reproducibility"])
        loaders = data_preparation(config, create_dataset(config))
        made = get_model(config["model"])(config, loaders[0]._dataset).to(config["device"])
        return Made(config, made, get_trainer(config["MODEL_TYPE"], config["model"])(config, made), *loaders)

    return make
