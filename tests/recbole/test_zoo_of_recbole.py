"""RecBole's own models train an epoch and are evaluated, with current packages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.recbole.conftest import SMALL, Run

SEQUENCE = SMALL | {"hidden_dropout_prob": 0.1, "attn_dropout_prob": 0.1}
MODELS: dict[str, dict[str, Any]] = {
    "BPR": {}, "LightGCN": {}, "NGCF": {"hidden_size_list": [16]}, "SGL": {},
    "NCL": {"warm_up_step": 0, "num_clusters": 5}, "SimpleX": {}, "MultiVAE": {"train_neg_sample_args": None},
    "EASE": {}, "ItemKNN": {}, "SASRec": SEQUENCE, "BERT4Rec": SEQUENCE, "GRU4Rec": {**SEQUENCE, "num_layers": 1},
}  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_trains_and_is_evaluated(run: Run, model: str) -> None:
    result = run(model, saved=True, **MODELS[model])
    assert 0 < result["test_result"]["recall@10"] <= 1
    assert 0 < result["best_valid_score"] <= 1
