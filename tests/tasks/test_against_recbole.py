"""Metrics, masks and baselines beside RecBole's own, on the split it makes of MovieLens-100K."""

from __future__ import annotations

import pytest
import torch

from graphcl.core.seeds import generator
from graphcl.tasks.ranking import InnerProduct
from graphcl.tasks.recommend import Recommend
from tests import recbole_peer

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    """RecBole's config, its loaders, and the same split as ours."""
    recbole_peer.require_recbole()
    config = recbole_peer.make_config(checkpoint_dir=str(tmp_path_factory.mktemp("saved")))
    loaders = recbole_peer.load(config)
    return config, loaders, recbole_peer.to_interactions(*loaders)


@pytest.fixture
def in_tmp(tmp_path, monkeypatch):
    """RecBole writes log folders into the working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("split", "loader"), [("valid", 2), ("test", 3)])
def test_every_metric_agrees(peer, in_tmp, split, loader):
    config, loaders, data = peer
    draw = lambda rows: torch.randn(rows, 16, generator=generator(0, rows))  # noqa: E731
    embeddings = {"user": draw(len(data.users)), "item": draw(len(data.items))}
    ours = Recommend(k=(10, 20, 40), data=data).evaluate(embeddings, split, seed=0)
    model = recbole_peer.Scores(InnerProduct(embeddings["user"], embeddings["item"]), loaders[0].uid_field)
    theirs = recbole_peer.evaluate(config, model, loaders[loader])
    assert len(theirs) == 18
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(float(value), abs=1e-6), name


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        # Measured with RecBole 1.2.1, seed 2020. Its Pop is not here: it counts an item once per batch.
        ("ease", {"reg": [250.0]}, {"recall@10": 0.2805, "mrr@10": 0.5277, "ndcg@10": 0.3295, "hit@10": 0.8197}),
        (
            "itemknn",
            {"k": [100], "shrink": [0.0]},
            {"recall@10": 0.2469, "mrr@10": 0.4630, "ndcg@10": 0.2835, "hit@10": 0.7847},
        ),
    ],
)
def test_baselines_reach_recboles_figures(peer, name, options, expected):
    metrics = Recommend(k=(10,), baselines=({name: options},), data=peer[2]).baselines(seed=0)[name]
    for metric, value in expected.items():
        assert metrics[metric] == pytest.approx(value, abs=2e-4), metric
