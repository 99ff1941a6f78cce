from __future__ import annotations

from pathlib import Path

import pytest

import graphcl
from graphcl.core.errors import ConfigError

from .node_runs import gain_over_raw, losses

SMALL = ("encoder.dim=16", "encoder.heads=2")


def test_each_switch_changes_the_loss() -> None:
    changes = (
        "", "views.a.augment.mask_nodes.p=0.25", "views.a.augment.mask_nodes.replace=0.5",
        "terms.reconstruction.error=squared", "terms.reconstruction.gamma=1", "heads.decoder.masked_again=false",
        "heads.decoder.layer=gcn", "encoder.mask_token=false", "encoder.dropout=0", "encoder.attention_dropout=0",
        "heads.decoder.dropout=0", "terms.reconstruction.x=a.decoder", "terms.reconstruction.x=a.decoder[batch]",
    )
    runs = {change: tuple(losses("graphmae", *SMALL, *change.split(), epochs=3)) for change in changes}
    same = runs.pop("terms.reconstruction.x=a.decoder[batch]")
    assert same == runs["terms.reconstruction.x=a.decoder"]  # a batch is all nodes
    assert len(set(runs.values())) == len(runs)


def test_the_loss_falls() -> None:
    values = losses("graphmae", *SMALL, "train.lr=1e-2", epochs=60)
    assert sum(values[-5:]) < 0.8 * sum(values[:5])


def test_masked_rows_exist_only_where_nodes_are_hidden() -> None:
    with pytest.raises(ConfigError, match=r"address 'a\.decoder\[masked\]': no row set 'masked'"):
        graphcl.load("graphmae", "~views.a.augment=mask_nodes")


@pytest.mark.parametrize("seed", [0, 1])
def test_it_learns_on_cora(shared_data: Path, seed: int) -> None:
    small = ("encoder.dim=64", "train.lr=5e-3", "train.epochs=30", f"train.seed={seed}")
    assert gain_over_raw(shared_data, "graphmae", *small) > 0.03
