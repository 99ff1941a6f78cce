"""What the parts of the recipes without InfoNCE are worth."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import graphcl

from .node_runs import gain_over_raw, losses, on_cora

SMALL = ("encoder.dim=128", "eval.random_encoder=false")


@pytest.mark.parametrize("seed", [0, 1])
def test_cca_ssg_learns_on_cora(shared_data: Path, seed: int) -> None:
    assert gain_over_raw(shared_data, "cca_ssg", *SMALL, "train.epochs=30", f"train.seed={seed}") > 0.12


def test_without_decorrelation_the_columns_of_cca_ssg_become_one(shared_data: Path) -> None:
    """The effective rank falls to a fraction of what the term keeps."""
    runs = ((), ("terms.decorrelation.weight=0",))
    options = (*SMALL, "train.epochs=30", "train.lr=5e-3", "eval.baselines=[]")
    kept, collapsed = (on_cora(shared_data, "cca_ssg", *options, *run).metrics for run in runs)
    assert collapsed["test/effective_rank"] < 0.7 * kept["test/effective_rank"]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("cca_ssg", ["terms.alignment.normalize=rows", "terms.decorrelation.weight=1", "encoder.linear_last=false"]),
        ("gbt", ["terms.cross_correlation.off_diagonal=1", "encoder.batch_norm=false", "train.warmup_epochs=0"]),
        ("vicreg", ["terms.decorrelation.of=correlation", "terms.variance.target=0.5", "heads.proj.batch_norm=false"]),
        ("bgrl", ["states.teacher.momentum=0.5", "states.teacher.schedule=constant", "train.warmup_epochs=0"]),
        ("dgi", ["terms.discriminate.discriminator=dot", "terms.discriminate.readout=none", "encoder.pooling=max"]),
        ("mvgrl", ["views.diffused.augment.ppr.alpha=0.5", "towers.diffusion.norm=sym"]),
    ],
)
def test_each_switch_changes_the_loss(name: str, changes: list[str]) -> None:
    other = {"bgrl": "heads.pred.dim=8", "vicreg": "heads.proj.dim=8", "mvgrl": "towers.diffusion.dim=8"}
    small = ["encoder.dim=8", other.get(name, "encoder.dim=8")]
    # three epochs: a rate or a teacher that differs is seen from the second step on
    runs = [tuple(losses(name, *small, "train.lr=0.05", *change, epochs=3)) for change in ([], *([c] for c in changes))]
    assert len(set(runs)) == len(runs)


def test_the_teacher_of_bgrl_follows_and_is_not_the_student() -> None:
    recipe = graphcl.load(
        "bgrl", "data=karate", "encoder.dim=8", "heads.pred.dim=8", "train.epochs=5", "train.threads=1",
        "train.lr=0.05", "train.warmup_epochs=0", "states.teacher.momentum=0.9", "eval.baselines=[]",
    )
    fitted = graphcl.fit(recipe)
    start = graphcl.fit(recipe.override("train.epochs=1", "train.lr=1e-9"))
    tower, teacher = fitted.model.towers["main"], fitted.model.states["teacher"]
    first = dict(start.model.towers["main"].named_parameters())
    moved = 0
    for (name, student), copy in zip(tower.named_parameters(), teacher.copies["main"].parameters(), strict=True):
        travelled, behind = (copy - first[name]).norm(), (student - copy).norm()
        if (student - first[name]).norm() > 1e-3:
            moved += 1
            assert travelled > 0
            assert behind > travelled, name  # 5 updates of 0.1 or less
        assert not copy.requires_grad
    assert moved >= 4
    assert teacher.total_updates == int(teacher.updates) == 5


def test_bgrl_without_its_teacher_is_another_method() -> None:
    """Nor is a teacher that never moves, or that is the student of the last step."""
    same = ("data=karate", "encoder.dim=8", "heads.pred.dim=8", "train.lr=0.05", "train.warmup_epochs=0")
    follows = losses("bgrl", *same, epochs=6)
    frozen = losses("bgrl", *same, "states.teacher.momentum=1.0", epochs=6)
    copied = losses("bgrl", *same, "states.teacher.momentum=0.0", "states.teacher.schedule=constant", epochs=6)
    assert follows[:1] == frozen[:1] == copied[:1]
    assert len({tuple(follows), tuple(frozen), tuple(copied)}) == 3


def test_dgi_stops_by_its_loss_and_never_asks_validation() -> None:
    recipe = graphcl.load("dgi", "data=karate", "encoder.dim=8", "train.lr=0.05", "train.epochs=400",
                          "train.patience=5", "train.threads=1", "eval.baselines=[]")
    fitted = graphcl.fit(recipe)
    assert fitted.best_epoch < 395
    assert fitted.metrics["valid/accuracy"] > 0
    assert fitted.metrics["test/accuracy"] > 0.5


def test_mvgrl_embeds_the_sum_of_its_two_towers() -> None:
    recipe = graphcl.load("mvgrl", "data=karate", "towers.main.dim=8", "towers.diffusion.dim=8", "train.epochs=2",
                          "train.threads=1", "eval.baselines=[]")
    fitted = graphcl.fit(recipe)
    one = graphcl.fit(recipe.override("embed.latents=[main(graph).nodes]")).embeddings[""]
    other = graphcl.fit(recipe.override("embed.latents=[diffusion(diffused).nodes]")).embeddings[""]
    torch.testing.assert_close(fitted.embeddings[""], one + other)
