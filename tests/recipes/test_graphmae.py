from __future__ import annotations

from pathlib import Path

import pytest

import graphcl
from graphcl.core.errors import ConfigError

from .node_runs import Values, gain_over_raw, losses

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


def test_whole_graphs_are_encoded_by_what_their_hidden_nodes_teach() -> None:
    settings = ("train.threads=1", "train.epochs=3", "train.lr=5e-3", "encoder.dim=8", "encoder.num_layers=2")
    values = Values()
    recipe = graphcl.load("graphmae_graph", *settings)
    fitted = graphcl.fit(recipe, observers=[values])
    means = [sum(seen["reconstruction"] for seen in part) / len(part) for part in _thirds(values.seen)]
    assert means[2] < means[0]
    (embeddings,) = fitted.embeddings.values()
    assert embeddings.shape[1] == 8
    assert "test/accuracy" in fitted.metrics
    other = Values()
    graphcl.fit(recipe.override("encoder.mask_token=false"), observers=[other])
    assert other.seen != values.seen


def _thirds(seen: list[dict[str, float]]) -> list[list[dict[str, float]]]:
    size = len(seen) // 3
    return [seen[:size], seen[size : 2 * size], seen[2 * size :]]
