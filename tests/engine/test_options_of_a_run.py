"""Options of ``train`` and ``embed`` that change what a whole run computes."""

from __future__ import annotations

import torch

import graphcl

KARATE = ("train.threads=1", "train.epochs=3", "eval.baselines=[]", "encoder.dim=16")


def test_half_precision_stays_close_and_its_weights_are_whole() -> None:
    """bf16 is used (values differ), parameters stay float32, and the loss is that of float32 to bf16's rounding."""
    whole = graphcl.fit(graphcl.load("grace", *KARATE))
    half = graphcl.fit(graphcl.load("grace", *KARATE, "train.precision=bf16"))
    assert {parameter.dtype for parameter in half.model.parameters()} == {torch.float32}
    assert not torch.equal(whole.embeddings[""], half.embeddings[""])
    relative = (whole.embeddings[""] - half.embeddings[""]).norm() / whole.embeddings[""].norm()
    assert float(relative) < 0.1
    assert torch.isfinite(half.embeddings[""]).all()


def test_half_precision_of_a_recommender_keeps_its_metrics() -> None:
    options = ("data=generated", "train.threads=1", "train.epochs=3", "train.batch_size=256", "eval.baselines=[]")
    runs = [graphcl.fit(graphcl.load("lightgcl", *options, f"train.precision={p}")) for p in ("float32", "bf16")]
    ndcg = [run.metrics["test/ndcg@10"] for run in runs]
    assert not torch.equal(runs[0].embeddings["user"], runs[1].embeddings["user"])
    assert abs(ndcg[0] - ndcg[1]) < 0.05


def test_the_embedded_view_is_the_one_that_is_named() -> None:
    """``embed.view``: what leaves the recipe is that view, drawn as in the first step, of the trained tower."""
    clean = graphcl.fit(graphcl.load("grace", *KARATE))
    named = graphcl.fit(graphcl.load("grace", *KARATE, "embed.view=a"))
    assert all(torch.equal(x, y) for x, y in zip(clean.model.parameters(), named.model.parameters(), strict=True))
    assert not torch.equal(clean.embeddings[""], named.embeddings[""])
    again = graphcl.fit(graphcl.load("grace", *KARATE, "embed.view=a"))
    assert torch.equal(named.embeddings[""], again.embeddings[""])


def test_scaled_embeddings_have_unit_length() -> None:
    run = graphcl.fit(graphcl.load("grace", *KARATE, "embed.normalize=true"))
    lengths = run.embeddings[""].norm(dim=1)
    assert torch.allclose(lengths, torch.ones_like(lengths), atol=1e-6)
