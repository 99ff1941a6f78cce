"""RecBole with graphcl's models: its package, and a slice of ml-100k under another name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("recbole", reason="RecBole is not installed: pip install 'graphcl[recbole]'")
import recbole

from graphcl.recbole import compat

USERS = 150
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
    """Settings of a data set with the first users of ml-100k."""
    folder = tmp_path_factory.mktemp("recbole-data")
    source = Path(recbole.__file__).parent / "dataset_example" / "ml-100k" / "ml-100k.inter"
    lines = source.read_text().splitlines()
    kept = [lines[0], *(line for line in lines[1:] if int(line.split("\t")[0]) <= USERS)]
    (folder / "small").mkdir()
    (folder / "small" / "small.inter").write_text("\n".join(kept) + "\n")
    return {"data_path": str(folder), **SETTINGS}


@pytest.fixture
def run(dataset: dict[str, Any]) -> Run:
    """``run_recbole`` on the small data set."""
    from recbole.quick_start import run_recbole

    def run(model: str, saved: bool = False, **settings: Any) -> dict[str, Any]:
        return run_recbole(model=model, dataset="small", config_dict=dataset | settings, saved=saved)

    return run
