"""RecBole's tables with pandas 3: missing values, columns of lists, tensors of columns."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from graphcl.recbole import compat
from tests.recbole.conftest import Run

INTER = "user_id:token\titem_id:token\n" + "".join(f"u{user}\ti{item}\n" for user in range(4) for item in range(5))
ITEM = "item_id:token\tkind:token_seq\tprice:float\n" + "".join(
    f"i{item}\t{' '.join('abcde'[: item + 1])}\t{item}\n" for item in range(5)
)


@pytest.fixture
def shop(tmp_path: Path) -> dict[str, Any]:
    """Settings of a data set whose item ``i<n>`` is of ``n + 1`` kinds."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "shop.inter").write_text(INTER)
    (tmp_path / "shop" / "shop.item").write_text(ITEM)
    columns = {"inter": ["user_id", "item_id"], "item": ["item_id", "kind", "price"]}
    return {"data_path": str(tmp_path), "load_col": columns, "topk": [2], "valid_metric": "NDCG@2"}


def loaded(settings: dict[str, Any], model: str = "BPR") -> Any:
    from recbole.config import Config
    from recbole.data import create_dataset

    dataset = create_dataset(Config(model=model, dataset="shop", config_dict=settings))
    dataset._change_feat_format()
    return dataset


def test_missing_values_are_filled(tmp_path: Path) -> None:
    from recbole.data.dataset import dataset

    (tmp_path / "x.csv").write_text("a:token_seq\tb:float\nx y\t1\n\t2\n")
    frame = dataset.pd.read_csv(tmp_path / "x.csv", delimiter="\t")
    assert frame["a:token_seq"].tolist() == ["x y", ""]
    assert dataset.pd.DataFrame is pd.DataFrame


def test_a_column_of_lists_keeps_its_rows(shop: dict[str, Any]) -> None:
    dataset = loaded(shop)
    for item in range(5):
        row = dataset.item_feat["kind"][dataset.token2id("item_id", f"i{item}")]
        assert "".join(dataset.id2token("kind", row[row > 0])) == "abcde"[: item + 1]


def test_histories_of_benchmark_files_have_their_own_lengths(shop: dict[str, Any], tmp_path: Path) -> None:
    head = "user_id:token\titem_id_list:token_seq\titem_id:token\n"
    for part in ("train", "valid", "test"):
        (tmp_path / "shop" / f"shop.{part}.inter").write_text(f"{head}u1\ta b c\td\nu2\ta\tb\n")
    columns = {"inter": ["user_id", "item_id_list", "item_id"]}
    settings = {"benchmark_filename": ["train", "valid", "test"], "alias_of_item_id": ["item_id_list"]}
    dataset = loaded(shop | settings | {"load_col": columns, "train_neg_sample_args": None}, model="SASRec")
    assert dataset.inter_feat["item_length"].tolist() == [3, 1] * 3


def test_columns_become_tensors_without_a_word(shop: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        torch.set_warn_always(True)
        try:
            dataset = loaded(shop)
        finally:
            torch.set_warn_always(False)
    prices = dataset.item_feat["price"][dataset.token2id("item_id", [f"i{item}" for item in range(5)])]
    assert np.array_equal(prices, np.arange(5))


def test_a_length_elsewhere_is_that_of_python() -> None:
    from recbole.data.dataset import dataset

    assert vars(dataset)["len"]([1, 2]) == 2
    compat.undo()
    assert "len" not in vars(dataset)


@pytest.mark.parametrize("model", ["BPR", "SimGCL"])
def test_metrics_of_the_catalogue(run: Run, model: str) -> None:
    names = ["Recall", "ItemCoverage", "AveragePopularity", "ShannonEntropy", "GiniIndex", "TailPercentage"]
    found = run(model, data="tiny", metrics=names, topk=[5], valid_metric="ItemCoverage@5")
    assert 0 < found["test_result"]["itemcoverage@5"] <= 1
    assert found["test_result"]["averagepopularity@5"] > 0
