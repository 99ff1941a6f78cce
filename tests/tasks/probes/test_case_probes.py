"""Probes that are no classifiers: clusters, episodes, links; and what a test label may touch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score, average_precision_score, normalized_mutual_info_score, roc_auc_score
from torch import Tensor

from graphcl.core.build import build
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.graphs.links import HeldOutLinks, Links, hold_out_links
from graphcl.data.graphs.splits import NodeSplit, random_split
from graphcl.tasks.probes import linear as linear_module
from graphcl.tasks.probes.base import ClassCase, LinkCase
from graphcl.tasks.probes.few_shot import FewShot, logistic, nearest_centroid
from graphcl.tasks.probes.kmeans import KMeans, cluster, cluster_accuracy, cluster_metrics
from graphcl.tasks.probes.link import Link, link_metrics


def case(count: int = 300, classes: int = 5, spread: float = 0.1, seed: int = 0, dim: int = 8) -> ClassCase:
    """Classes around the axes, a third of the rows in every part."""
    draw = generator(seed)
    y = torch.arange(count) % classes
    x = torch.eye(classes, dim)[y] + spread * torch.randn(count, dim, generator=draw)
    parts = random_split(y, [1 / 3, 1 / 3, 1 / 3], stratified=True, generator=draw)
    return ClassCase(x, y, parts)


# --- k-means -----------------------------------------------------------------------------------------


def test_planted_clusters_are_found() -> None:
    assert KMeans().judge(case(), "test", seed=0) == {"nmi": 1.0, "ari": 1.0, "cluster_accuracy": 1.0}


def test_names_of_clusters_do_not_matter() -> None:
    truth = torch.arange(60) % 4
    for order in permutations(range(4)):
        assert cluster_metrics(torch.tensor(order)[truth], truth) == pytest.approx(
            {"nmi": 1.0, "ari": 1.0, "cluster_accuracy": 1.0}
        )


def test_cluster_metrics_equal_their_definitions() -> None:
    draw = generator(3)
    truth, found = torch.randint(3, (50,), generator=draw), torch.randint(3, (50,), generator=draw)
    best = max(float((torch.tensor(order)[found] == truth).double().mean()) for order in permutations(range(3)))
    assert cluster_accuracy(found, truth) == pytest.approx(best)
    metrics = cluster_metrics(found, truth)
    joint = np.histogram2d(truth.numpy(), found.numpy(), bins=[range(4)] * 2)[0] / 50
    rows, columns = joint.sum(1), joint.sum(0)
    mutual = sum(
        joint[i, j] * np.log(joint[i, j] / (rows[i] * columns[j])) for i in range(3) for j in range(3) if joint[i, j]
    )
    entropies = [-(p[p > 0] * np.log(p[p > 0])).sum() for p in (rows, columns)]
    assert metrics["nmi"] == pytest.approx(mutual / np.mean(entropies))
    assert metrics["nmi"] == pytest.approx(normalized_mutual_info_score(truth, found))
    assert metrics["ari"] == pytest.approx(adjusted_rand_score(truth, found))


def test_more_clusters_than_classes_are_matched_one_to_one() -> None:
    assert cluster_accuracy(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 0, 1, 1])) == 0.75


def test_clustering_sees_no_label_and_repeats() -> None:
    given = case(spread=0.6)
    found = cluster(given.x, 5, seed=1)
    assert torch.equal(found, cluster(given.x, 5, seed=1))
    shuffled = replace(given, y=given.y[torch.randperm(300, generator=generator(9))])
    before, after = (KMeans().judge(c, "test", seed=1)["nmi"] for c in (given, shuffled))
    assert before > 0.3 > 0.2 > after


def test_all_labelled_rows_are_judged_only_in_the_end_and_only_where_asked() -> None:
    given = case(spread=0.6)
    found = cluster(given.x, 5, seed=0)
    for judged, split, rows in (
        ("all", "test", torch.arange(300)),
        ("all", "valid", given.parts.valid),
        ("test", "test", given.parts.test),
    ):
        expected = cluster_metrics(found[rows], given.y[rows])
        assert KMeans(judged=judged).judge(given, split, seed=0) == expected  # type: ignore[arg-type]


def test_constant_embeddings_are_one_cluster() -> None:
    flat = replace(case(), x=torch.ones(300, 8))
    assert KMeans().judge(flat, "test", seed=0)["nmi"] == pytest.approx(0.0, abs=1e-9)


# --- few shots ---------------------------------------------------------------------------------------


def test_planted_classes_need_one_example() -> None:
    metrics = FewShot(k_shot=1, episodes=20).judge(case(), "test", seed=0)
    assert metrics == {"accuracy": 1.0, "accuracy/ci95": 0.0}


@pytest.mark.parametrize("ways", [2, 5])
@pytest.mark.parametrize("classifier", ["centroid", "logistic"])
def test_random_embeddings_are_at_chance(ways: int, classifier: Any) -> None:
    noise = replace(case(count=1500), x=torch.randn(1500, 8, generator=generator(4)))
    metrics = FewShot(ways, episodes=150, classifier=classifier).judge(noise, "test", seed=0)
    assert metrics["accuracy"] == pytest.approx(1 / ways, abs=0.03)
    assert 0.0 < metrics["accuracy/ci95"] < 0.03


def test_the_interval_shrinks_with_the_root_of_the_episodes() -> None:
    given = case(spread=0.8)
    few, many = (FewShot(episodes=n).judge(given, "test", seed=0)["accuracy/ci95"] for n in (50, 800))
    assert few / many == pytest.approx(4.0, rel=0.35)


def test_more_examples_help() -> None:
    given = case(count=600, spread=0.8)
    one, ten = (FewShot(k_shot=k, episodes=100).judge(given, "test", seed=0)["accuracy"] for k in (1, 10))
    assert ten > one + 0.05


def test_classifiers_by_hand() -> None:
    shown = np.array([[[0.0, 0.0], [2.0, 0.0]], [[0.0, 4.0], [2.0, 4.0]]])  # means (1, 0) and (1, 4)
    hidden = np.array([[1.0, 1.9], [1.0, 2.1], [9.0, 0.0]])
    assert nearest_centroid(shown, hidden).tolist() == [0, 1, 0]
    model = LogisticRegression(max_iter=1000).fit(shown.reshape(-1, 2), [0, 0, 1, 1])
    assert logistic(shown, hidden).tolist() == model.predict(hidden).tolist()


def test_too_few_examples_are_said_with_the_counts() -> None:
    message = r"0 classes have 50 training and 10 test examples, n_way is 5; lower n_way, k_shot or query"
    with pytest.raises(UserError, match=message):
        FewShot(k_shot=50).judge(case(), "test", seed=0)


# --- links -------------------------------------------------------------------------------------------


def blocks(seed: int = 0) -> Tensor:
    """[2, E] undirected: 120 nodes in six groups, dense inside, nothing between."""
    group = torch.arange(120) % 6
    linked = (torch.rand(120, 120, generator=generator(seed)) < 0.8) & (group[:, None] == group)
    pairs = linked.triu(1).nonzero().t()
    both = torch.cat([pairs, pairs.flip(0)], dim=1)
    return both[:, (both[0] * 120 + both[1]).argsort()]


def link_case(x: Tensor) -> LinkCase:
    edge_index, held_out = hold_out_links(blocks(), 120, [0.1, 0.2], generator=generator(1))
    return LinkCase(x, edge_index, held_out)


@pytest.mark.parametrize("decoder", ["cosine", "inner", "logistic"])
def test_auc_is_high_on_planted_groups_and_one_half_on_noise(decoder: Any) -> None:
    planted = torch.nn.functional.one_hot(torch.arange(120) % 6).float()
    found = Link(decoder).judge(link_case(planted + 0.05), "test", seed=0)
    assert found["auc"] > 0.95
    assert found["ap"] > 0.9
    noise = [link_case(torch.randn(120, 16, generator=generator(seed))) for seed in range(8)]
    assert np.mean([Link(decoder).judge(case, "test", seed=0)["auc"] for case in noise]) == pytest.approx(0.5, abs=0.05)
    assert Link("inner").judge(link_case(torch.ones(120, 2)), "test", seed=0) == {"auc": 0.5, "ap": 0.5}


def test_link_metrics_equal_scikit_learn_and_counting() -> None:
    edges, none = torch.tensor([0.9, 0.4, 0.4]), torch.tensor([0.4, 0.1])
    # of the 6 pairs: 4 right, 2 ties
    assert link_metrics(edges, none)["auc"] == pytest.approx((4 + 2 / 2) / 6)
    truth, scores = [1, 1, 1, 0, 0], torch.cat([edges, none])
    assert link_metrics(edges, none)["auc"] == pytest.approx(roc_auc_score(truth, scores))
    assert link_metrics(edges, none)["ap"] == pytest.approx(average_precision_score(truth, scores))


def test_decoders_score_the_pairs_they_say() -> None:
    x = torch.randn(120, 5, generator=generator(2))
    given = link_case(x)
    links = given.held_out.valid
    gram = x @ x.t()
    cosine = gram / (x.norm(dim=1)[:, None] * x.norm(dim=1))
    for decoder, scores in (("inner", gram), ("cosine", cosine)):
        expected = link_metrics(scores[tuple(links.edges)], scores[tuple(links.non_edges)])
        assert Link(decoder).judge(given, "valid", seed=0) == pytest.approx(expected, abs=1e-3)  # type: ignore[arg-type]


# --- no test label reaches a fit ---------------------------------------------------------------------


def perturbed(given: ClassCase | LinkCase) -> ClassCase | LinkCase:
    """Another truth on the test part, the same everywhere else."""
    if isinstance(given, LinkCase):
        test = given.held_out.test
        return replace(given, held_out=HeldOutLinks(given.held_out.valid, Links(test.non_edges, test.edges)))
    y = given.y.clone()
    y[given.parts.test] = (y[given.parts.test] + 1) % 5
    return replace(given, y=y)


@pytest.fixture
def coefficients(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[np.ndarray]]:
    """Of every logistic regression that is fitted."""
    seen: list[np.ndarray] = []
    fit = linear_module._fit

    def spy(model: LogisticRegression, x: np.ndarray, y: np.ndarray) -> None:
        fit(model, x, y)
        seen.append(model.coef_.copy())

    monkeypatch.setattr(linear_module, "_fit", spy)
    return seen


@pytest.mark.parametrize(("name", "options"), [("linear", {}), ("link", {"decoder": "logistic"})])
def test_the_fitted_model_is_the_same_whatever_the_test_labels(
    name: str, options: dict[str, str], coefficients: list[np.ndarray]
) -> None:
    given = link_case(torch.randn(120, 6, generator=generator(5))) if name == "link" else case(spread=0.8)
    results = [build("probe", name, options).judge(c, "test", seed=0) for c in (given, perturbed(given))]
    half = len(coefficients) // 2
    assert half > 0
    for before, after in zip(coefficients[:half], coefficients[half:], strict=True):
        assert np.array_equal(before, after)
    assert results[0] != results[1]


@pytest.mark.parametrize("name", ["linear", "knn", "kmeans", "few_shot", "link"])
def test_validation_does_not_depend_on_the_test_labels(name: str) -> None:
    given = link_case(torch.randn(120, 6, generator=generator(5))) if name == "link" else case(spread=0.8)
    first, second = (build("probe", name, {}).judge(c, "valid", seed=0) for c in (given, perturbed(given)))
    assert first == second


def test_a_part_holds_its_own_rows() -> None:
    parts = NodeSplit(torch.tensor([4, 5]), torch.tensor([0]), torch.tensor([1, 2]))
    given = ClassCase(torch.arange(6.0).unsqueeze(1), torch.tensor([0, 1, 2, 3, 4, 5]), parts)
    assert given.part("train").y.tolist() == [4, 5]
    assert given.part("valid").y.tolist() == [0]
    assert given.part("test").x.flatten().tolist() == [1, 2]
