"""Images under the graph task: parts that the data gives, lazy graphs, and recipes end to end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import normalize

import graphcl
from graphcl.augment.images import crop_images
from graphcl.cli.main import run as command
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.images.image_set import ImagesData, ImageSet
from graphcl.encode.base import View
from graphcl.engine.fit import fit
from graphcl.engine.observe import Observer
from graphcl.tasks.baselines.graph import FlatFeatures
from graphcl.tasks.graph import GraphTask
from graphcl.tasks.graph_folds import given_fold


def stripes(path: Path, sizes: dict[str, int], label: bool = True) -> Path:
    """Stripes across (0) and down (1), at random places, with noise."""
    rng, arrays = np.random.default_rng(0), {}
    for part, count in sizes.items():
        kinds = np.arange(count) % 2
        line = (np.arange(12)[None] + rng.integers(0, 4, (count, 1))) % 4 < 2
        images = np.where(kinds[:, None, None] == 0, line[:, :, None], line[:, None, :]) * 200.0
        arrays[f"{part}_images"] = (images + rng.uniform(0, 55, images.shape)).astype(np.uint8)
        if label:
            arrays[f"{part}_labels"] = kinds
    np.savez(path, **arrays)
    return path


@pytest.fixture
def parted(tmp_path: Path) -> ImageSet:
    return ImagesData(path=str(stripes(tmp_path / "a.npz", {"train": 20, "val": 6, "test": 10}))).load(seed=0)


def test_training_sees_no_image_of_the_test_part(parted: ImageSet) -> None:
    task = GraphTask(data=parted, baselines=["flat_features"], probe="linear")
    batches = list(task.batches(8, generator=generator(0)))
    assert len(batches) == task.num_batches(8) == 4
    assert sorted(torch.cat([batch.ids for batch in batches]).tolist()) == list(range(26))
    assert sorted(torch.cat([batch.ids for batch in task.training_examples(7)]).tolist()) == list(range(26))
    assert torch.cat([batch.ids for batch in task.examples("test")]).tolist() == list(range(36))
    assert batches[0].graphs["graph"].num_graphs == 8
    assert task.graphs["graph"].num_graphs == 16, "a sample; others are made when they are read"
    assert "20 train, 6 that choose its settings, 10 test" in task.describe()["protocol"]
    whole = GraphTask(data=parted, split="folds", folds=3, baselines=["flat_features"])
    assert whole.num_batches(36) == 1
    assert "3-fold" in whole.describe()["protocol"]


def test_the_probe_is_fitted_on_train_chosen_on_valid_and_judged_on_test(parted: ImageSet) -> None:
    fold = given_fold(parted.labels, parted.split, 0)  # type: ignore[arg-type]
    judged, before = fold.judged(), fold.before()
    assert [part.tolist() for part in (judged.train, judged.valid, judged.test)] == [
        list(range(20)), list(range(20, 26)), list(range(26, 36)),
    ]  # fmt: skip
    assert (before.train.tolist(), before.test.tolist()) == (list(range(20)), list(range(20, 26)))


def test_without_a_validation_part_settings_are_chosen_within_train(tmp_path: Path) -> None:
    data = ImagesData(path=str(stripes(tmp_path / "a.npz", {"train": 20, "test": 10}))).load(seed=0)
    fold = given_fold(data.labels, data.split, 0)  # type: ignore[arg-type]
    assert fold.judged().train.tolist() == list(range(20))
    assert not fold.judged().valid.numel()
    before = fold.before()
    assert sorted([*before.train.tolist(), *before.test.tolist()]) == list(range(20))
    assert before.test.numel() == 4
    bare = ImagesData(path=str(stripes(tmp_path / "b.npz", {"train": 20, "test": 10}, label=False))).load(seed=0)
    assert not GraphTask(data=bare).judges
    with pytest.raises(UserError, match="the test part of the data has no labels"):
        given_fold(torch.where(torch.arange(30) < 20, data.labels, -1), data.split, 0)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"eval\.split: digits has no training and test part"):
        GraphTask(data=ImagesData(limit=40).load(seed=0), split="given")


def test_flat_features_are_the_pixels(parted: ImageSet) -> None:
    ((_, rows),) = FlatFeatures().embeddings(parted.packed.batch(), seed=0)
    pixels = parted.packed.pixels.flatten(1).float() / 255
    assert rows.shape == pixels.shape == (36, 144)
    assert torch.equal(rows.sort(1).values, pixels.sort(1).values)


QUICK = ["train.epochs=2", "encoder.dim=8", "train.batch_size=16", "eval.probe_options={grid: [1.0]}"]


@pytest.mark.parametrize("name", ["simclr_patches", "byol_patches", "barlow_patches", "swav_patches", "slotcon"])
def test_recipes_train_and_their_runs_embed_and_evaluate(name: str, tmp_path: Path) -> None:
    path = stripes(tmp_path / "a.npz", {"train": 40, "test": 16})
    out, run = tmp_path / "images.parquet", tmp_path / "run"
    fitted = fit(graphcl.load(name, f"data.path={path}", "data.edges=both", *QUICK), out=run)
    assert fitted.embeddings["graph"].shape == (56, 16 * 16), "two layers of 8, in 4 x 4 regions"
    assert {"test/accuracy", "baseline/flat_features/accuracy", "baseline/random_encoder/accuracy"} <= set(
        fitted.metrics
    )
    assert command(["embed", str(run), "--out", str(out), "--quiet"]) == 0
    assert len(pd.read_parquet(out)) == 56
    assert command(["evaluate", str(run), "--probe", "knn", "--quiet"]) == 0


class Sizes(Observer):
    """How many examples each epoch had."""

    def __init__(self) -> None:
        self.of: dict[int, list[int]] = {}

    def stepped(self, *, epoch: int, batch: int, terms: Mapping[str, float], examples: int) -> None:
        self.of.setdefault(epoch, []).append(examples)


def test_pseudo_classes_are_kept_apart_once_they_are_found(tmp_path: Path) -> None:
    path = stripes(tmp_path / "a.npz", {"train": 40, "test": 16})
    turns = ["phases.autoencoder.stop=1", "phases.contrast.start=1", "states.pseudo.start=1", "states.pseudo.k=6"]
    quick = [*turns, *QUICK[:2], "train.batch_size=5", "eval.baselines=[]"]
    recipe = graphcl.load("g_simclr", f"data.path={path}", *quick)
    sizes = Sizes()
    state: Any = fit(recipe, observers=[sizes]).model.states["pseudo"]
    counts = torch.bincount(state.assignment[:40])
    assert (len(counts), int(counts.sum())) == (6, 40)
    assert sizes.of[1] == [5] * 8, "before there are classes"
    assert sum(sizes.of[2]) == int(counts.clamp_max(8).sum())
    with pytest.raises(UserError, match=r"train\.apart: examples here are in no batches .*; set train\.batch_size"):
        fit(recipe.with_settings({"train.batch_size": 0}))
    with pytest.raises(UserError, match=r"'state\.pseudo\.centroids' is no table of whole numbers"):
        fit(recipe.with_settings({"train.apart": "state.pseudo.centroids"}))


#: What a recipe needs to be one of seconds, on images of few groups.
FEW = {
    "simclr_patches": [],
    "swav_patches": ["heads.codes.k=8"],
    "slotcon": ["heads.codes.k=8", "states.center.dim=8"],
    "g_simclr": ["phases.autoencoder.stop=1", "phases.contrast.start=1", "states.pseudo.start=1"],
}


@torch.no_grad()
def found_again(fitted: Any) -> float:
    """How often, of 200 digits, the nearest to a crop is another crop of the same one."""
    tower, graphs = fitted.model.eval().towers["main"], fitted.task.data.packed.batch(torch.arange(200, 400))
    crops = [tower(View(crop_images(graphs, 0.6, generator=generator(number)))).graphs for number in (1, 2)]
    a, b = (normalize(rows - rows.mean(0), dim=1) for rows in crops)
    return float(((a @ b.T).argmax(1) == torch.arange(200)).double().mean())


def of_few_digits(name: str, lr: float) -> tuple[float, float]:
    """The accuracy of a recipe on 400 digits after 12 epochs, and :func:`found_again`."""
    cheap = ["eval.random_encoder=false", "eval.baselines=[]", "eval.folds=3", "eval.probe_options.grid=[0.03]"]
    small = ["data.limit=400", "data.patch=2", "encoder.dim=16", "encoder.regions=2", "train.batch_size=50"]
    fitted = fit(graphcl.load(name, *small, *cheap, "train.epochs=12", f"train.lr={lr}", *FEW[name]))
    return fitted.metrics["test/accuracy"], found_again(fitted)


@pytest.fixture(scope="module")
def unmoved() -> tuple[float, float]:
    """An encoder that has seen the batches, so that its batch normalisation knows them, and learned nothing."""
    return of_few_digits("simclr_patches", 1e-9)


@pytest.mark.parametrize("name", FEW)
def test_contrast_learns_what_is_the_same_in_two_crops(name: str, unmoved: tuple[float, float]) -> None:
    accuracy, again = of_few_digits(name, 5e-3)
    assert accuracy > unmoved[0] + 0.02
    assert again > unmoved[1] + 0.06


@pytest.mark.parametrize("level", [0, 128])
def test_images_of_one_colour_are_judged_as_the_most_frequent_class(tmp_path: Path, level: int) -> None:
    np.savez(tmp_path / "a.npz", images=np.full((12, 8, 8), level, dtype=np.uint8), labels=[0, 1, 1] * 4)
    data = ImagesData(path=str(tmp_path / "a.npz")).load(seed=0)
    task = GraphTask("linear", folds=3, baselines=["majority_graph", "flat_features"], data=data)
    found = task.baselines(seed=0)
    assert found["flat_features"]["accuracy"] == found["majority_graph"]["accuracy"] == pytest.approx(2 / 3)
