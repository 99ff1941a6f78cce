from __future__ import annotations

from pathlib import Path

import pytest

from .node_runs import gain_over_raw, losses


def test_without_centrality_it_is_grace_at_its_rates() -> None:
    same = ("views.a.augment.drop_edges.p=0.2", "views.a.augment.mask_features.p=0.2",
            "views.b.augment.drop_edges.p=0.2", "views.b.augment.mask_features.p=0.2",
            "train.lr=1e-3", "terms.info_nce.temperature=0.5", "encoder.dim=16", "heads.proj.dim=16")
    grace = losses("grace", *same)
    assert losses("gca", *same, "views.*.augment.*.centrality=none") == grace
    assert losses("gca", *same) != grace


def test_each_switch_changes_the_loss() -> None:
    small = ("encoder.dim=16", "heads.proj.dim=16", "views.*.augment.*.p=0.4")
    runs = {
        change: tuple(losses("gca", *small, *change.split()))
        for change in (
            "", "views.*.augment.*.centrality=pagerank", "views.*.augment.*.centrality=eigenvector",
            "views.*.augment.drop_edges.centrality=none", "views.*.augment.mask_features.centrality=none",
            "views.*.augment.*.max_p=0.45", "views.*.augment.drop_edges.symmetric=false",
        )
    }
    assert len(set(runs.values())) == len(runs)


@pytest.mark.parametrize("seed", [0, 1])
def test_it_learns_on_cora(shared_data: Path, seed: int) -> None:
    small = ("encoder.dim=64", "heads.proj.dim=64", "terms.info_nce.temperature=0.4", "train.lr=2e-3")
    assert gain_over_raw(shared_data, "gca", *small, "train.epochs=25", f"train.seed={seed}") > 0.05
