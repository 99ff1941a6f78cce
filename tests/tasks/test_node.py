from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch_geometric.data import Data

import graphcl.tasks.baselines.node
import graphcl.tasks.probes.knn
import graphcl.tasks.probes.linear
import graphcl.tasks.probes.majority  # noqa: F401  (registered)
from graphcl.core.errors import NonFiniteError, UserError
from graphcl.core.seeds import generator
from graphcl.data.graphs.node_graph import NodeGraph, NodeGraphData, NodeSplitOptions
from graphcl.data.graphs.splits import NodeSplits
from graphcl.data.report import DataReport
from graphcl.tasks.node import Node
from graphcl.tasks.probes.base import ClassProbe, Labelled, class_metrics

KARATE = NodeSplitOptions(ratios=[0.3, 0.2, 0.5], stratified=True)


@pytest.fixture(scope="module")
def karate() -> NodeGraph:
    return NodeGraphData(split=KARATE).load(seed=0)


def test_training_sees_no_label_and_no_split(karate: NodeGraph) -> None:
    graph = Node(data=karate).graphs["graph"]
    assert sorted(graph.keys()) == ["edge_index", "num_nodes", "x"]


def test_one_batch_holds_all_nodes_in_order(karate: NodeGraph) -> None:
    task = Node(data=karate)
    for size in (0, 34, 1000):
        (batch,) = task.batches(size, generator=generator(0))
        assert task.num_batches(size) == 1
        assert batch.ids.tolist() == list(range(34)) == batch.rows["all"].tolist() == batch.rows["batch"].tolist()
        assert batch.targets == 34


def test_mini_batches_are_a_partition_that_resumes(karate: NodeGraph) -> None:
    task = Node(data=karate)
    batches = list(task.batches(10, generator=generator(1)))
    assert task.num_batches(10) == len(batches) == 4
    assert sorted(torch.cat([b.ids for b in batches]).tolist()) == list(range(34))
    assert batches[0].ids.tolist() != list(range(10))
    for start in range(5):
        again = list(task.batches(10, generator=generator(1), start=start))
        assert [b.ids.tolist() for b in again] == [b.ids.tolist() for b in batches[start:]]
    assert all(len(b.rows["all"]) == 34 for b in batches)


class Spy(ClassProbe):
    """Predicts 0 and remembers which nodes it was shown; embeddings are the node numbers."""

    def __init__(self) -> None:
        self.seen: dict[str, list[int]] = {}

    def fit(self, *, train: Labelled, valid: Labelled, seed: int) -> Spy:
        self.seen |= {"train": train.x.flatten().tolist(), "valid": valid.x.flatten().tolist()}
        return self

    def predict(self, x: torch.Tensor) -> torch.Tensor:
        self.seen["judged"] = x.flatten().tolist()
        return torch.zeros(len(x), dtype=torch.long)


@pytest.mark.parametrize("split", ["valid", "test"])
def test_validation_chooses_and_the_named_split_judges(karate: NodeGraph, split: str) -> None:
    """PyGCL's and POT's scripts hand the parts over in the wrong order; here each arrives under its name."""
    task, spy = Node(data=karate), Spy()
    task.probe = spy
    task.evaluate({"": torch.arange(34.0).unsqueeze(1)}, split, seed=0)  # type: ignore[arg-type]
    nodes = karate.splits.at(0)
    assert spy.seen["train"] == nodes.train.tolist()
    assert spy.seen["valid"] == nodes.valid.tolist()
    assert spy.seen["judged"] == getattr(nodes, split).tolist()


def test_perfect_embeddings_and_the_mean_over_splits(karate: NodeGraph) -> None:
    perfect = torch.nn.functional.one_hot(karate.labels).float()
    metrics = Node(data=karate, splits=3).evaluate({"": perfect}, "test", seed=0)
    assert metrics == {f"{name}{of}": value for name in ("accuracy", "macro_f1", "auc")
                       for of, value in (("", 1.0), ("/std", 0.0))}
    noise = {"": torch.randn(34, 4, generator=generator(0))}
    several = Node(data=karate, splits=3).evaluate(noise, "test", seed=0)
    single = []
    for index in range(3):
        option = NodeSplitOptions(ratios=[0.3, 0.2, 0.5], stratified=True, index=index)
        data = NodeGraphData(split=option).load(seed=0)
        single.append(Node(data=data).evaluate(noise, "test", seed=0)["accuracy"])
    assert several["accuracy"] == pytest.approx(sum(single) / 3)
    assert several["accuracy/std"] == pytest.approx(float(torch.tensor(single).std()))


def test_probe_and_its_options(karate: NodeGraph) -> None:
    task = Node("knn", {"grid": [3]}, data=karate)
    assert task.evaluate({"": torch.nn.functional.one_hot(karate.labels).float()}, "valid", seed=0)["accuracy"] == 1.0
    with pytest.raises(UserError, match="unknown probe 'liner'; nearest: 'linear'"):
        Node("liner", data=karate)


def test_class_metrics_by_hand() -> None:
    truth, predicted = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 1, 0])
    # class 0: precision 2/3, recall 2/3; class 1: nothing right
    assert class_metrics(predicted, truth) == pytest.approx({"accuracy": 0.5, "macro_f1": (2 / 3 + 0) / 2})


def test_embeddings_that_cannot_be_judged(karate: NodeGraph) -> None:
    task = Node(data=karate)
    with pytest.raises(NonFiniteError):
        task.evaluate({"": torch.full((34, 2), float("nan"))}, "test", seed=0)
    with pytest.raises(ValueError, match="10 embeddings for 34 nodes"):
        task.evaluate({"": torch.zeros(10, 2)}, "test", seed=0)


def test_given_splits_run_out_before_training(karate: NodeGraph) -> None:
    masks = {part: torch.zeros(34, 1, dtype=torch.bool) for part in ("train", "valid", "test")}
    masks["train"][:20], masks["valid"][20:25], masks["test"][25:] = True, True, True
    splits = NodeSplits("given", karate.labels, masks, [], False, 0, 0)
    data = NodeGraph(karate.graph, karate.labels, splits)
    Node(data=data)
    with pytest.raises(UserError, match="comes with 1 split"):
        Node(splits=2, data=data)


def two_blocks(seed: int = 0) -> NodeGraph:
    """200 nodes in two blocks, linked mostly inside them; features carry no information."""
    draw = generator(seed)
    labels = torch.arange(200) % 2
    same = labels.unsqueeze(0) == labels.unsqueeze(1)
    linked = (torch.rand(200, 200, generator=draw) < torch.where(same, 0.08, 0.005)).triu(1)
    edges = linked.nonzero().t()
    graph = Data(
        x=torch.randn(200, 8, generator=draw) + 0.4 * labels.unsqueeze(1),
        edge_index=torch.cat([edges, edges.flip(0)], dim=1),
        num_nodes=200,
    )
    return NodeGraph(graph, labels, NodeSplits("random", labels, {}, [0.2, 0.2, 0.6], True, 0, seed))


def test_baselines_in_their_known_order() -> None:
    def task() -> Node:
        return Node(probe_options={"grid": [1.0, 100.0]}, splits=2, data=two_blocks())

    first = task()
    results = first.baselines(seed=0)
    assert results["majority_class"]["accuracy"] == pytest.approx(0.5, abs=0.02)
    assert results["raw_features"]["accuracy"] > 0.6
    assert results["propagated_features"]["accuracy"] > results["raw_features"]["accuracy"] + 0.1
    assert results == task().baselines(seed=0)
    record = first.describe()["baselines"]
    assert record["propagated_features"]["tried"] == 3


class NoiseThenTruth:
    """Two settings, of which the second is perfect; or the other way round."""

    probe = ""

    def __init__(self, *settings: torch.Tensor) -> None:
        self.settings = settings

    def embeddings(self, graph: Data, *, seed: int) -> Iterator[tuple[dict[str, int], torch.Tensor]]:
        for number, x in enumerate(self.settings):
            yield {"number": number}, x


def test_a_baseline_is_judged_in_its_best_setting(karate: NodeGraph) -> None:
    noise = torch.randn(34, 4, generator=generator(0))
    truth = torch.nn.functional.one_hot(karate.labels).float()
    for settings, best in (((noise, truth), 1), ((truth, noise), 0)):
        task = Node(baselines=[], data=karate)
        task._baselines = {"own": NoiseThenTruth(*settings)}
        assert task.baselines(seed=0)["own"]["accuracy"] == 1.0
        assert task.describe()["baselines"]["own"] == {"settings": {"number": best}, "valid_accuracy": 1.0, "tried": 2}


def test_the_majority_is_judged_by_its_own_probe_and_only_beside_the_same_metrics(karate: NodeGraph) -> None:
    knn = Node("knn", {"grid": [1]}, baselines=["majority_class"], data=karate)
    assert knn.baselines(seed=0)["majority_class"]["accuracy"] == pytest.approx(9 / 17)
    assert Node("kmeans", baselines=["majority_class"], data=karate).baselines(seed=0) == {}


def test_only_node_baselines(karate: NodeGraph) -> None:
    assert Node(baselines=[], data=karate).baselines(seed=0) == {}
    with pytest.raises(UserError, match="'popularity' is a baseline of the task 'recommend'"):
        Node(baselines=["popularity"], data=karate)


def test_describe_names_protocol_and_hashes(karate: NodeGraph) -> None:
    record = Node(data=karate, splits=2).describe()
    assert record["split"]["sizes"] == {"train": 10, "valid": 7, "test": 17}
    assert record["splits"][0]["hash"] == karate.report.split_hash != record["splits"][1]["hash"]


# --- the protocol ------------------------------------------------------------------------------------


def test_the_record_says_how_a_result_was_measured(karate: NodeGraph) -> None:
    record = Node("knn", {"grid": [1, 3]}, splits=2, data=karate).describe()
    assert (record["probe"], record["probe_options"], record["setting"]) == ("knn", {"grid": [1, 3]}, "transductive")
    assert Node("kmeans", data=karate).describe()["probe_options"] == {"inits": 10, "normalize": True, "judged": "test"}
    line = record["protocol"]
    digest = karate.splits.at(0).digest()[:12]
    for piece in ("probe knn (grid=[1,3])", "of 2 splits", "split random 10/7/17", digest, "seed 0", "transductive"):
        assert piece in line
    assert "\n" not in line


def masked(labels: torch.Tensor, splits: int = 1, **parts: slice) -> NodeGraph:
    masks = {part: torch.zeros(len(labels), splits, dtype=torch.bool) for part in ("train", "valid", "test")}
    for part, nodes in parts.items():
        masks[part][nodes] = True
    graph = Data(x=torch.eye(len(labels)), edge_index=torch.tensor([[0, 1], [1, 0]]), num_nodes=len(labels))
    return NodeGraph(graph, labels, NodeSplits("given", labels, masks, [0.1, 0.1, 0.8], False, 0, 0))


def test_all_given_splits_by_one_option() -> None:
    data = masked(torch.arange(30) % 2, splits=10, train=slice(10), valid=slice(10, 20), test=slice(20, 30))
    task = Node(splits=0, data=data)
    assert len(task.protocol.splits) == 10
    assert "mean and standard deviation of 10 splits" in task.describe()["protocol"]
    metrics = task.evaluate({"": torch.randn(30, 4, generator=generator(0))}, "test", seed=0)
    assert metrics["accuracy/std"] == pytest.approx(0.0, abs=1e-12)


def test_another_family_of_splits(karate: NodeGraph) -> None:
    labels = torch.arange(40) % 2
    given = masked(labels, train=slice(10), valid=slice(10, 20), test=slice(20, 40))
    drawn = given.with_split("random")
    assert drawn.report.split == {"by": "random", "index": 0, "sizes": {"train": 4, "valid": 4, "test": 32}}
    assert drawn.report.split_hash == drawn.splits.at(0).digest() != given.splits.at(0).digest()
    assert drawn.with_split("given").splits.at(0).digest() == given.splits.at(0).digest()
    with pytest.raises(UserError, match="comes without a split"):
        karate.with_split("public")


def test_a_class_without_training_nodes_is_named() -> None:
    labels = torch.tensor([0, 1, 0, 1, 0, 1, 2, 2])
    data = masked(labels, train=slice(2), valid=slice(2, 4), test=slice(4, 8))
    task = Node(probe_options={"grid": [100.0]}, data=data)
    said = "split 0: no training node of class 2; 2 test nodes cannot be predicted right"
    assert task.describe()["notes"][-1] == said
    metrics = task.evaluate({"": torch.nn.functional.one_hot(labels).float()}, "test", seed=0)
    assert metrics["accuracy"] == 0.5


@pytest.mark.parametrize("probe", ["linear", "kmeans", "few_shot"])
def test_without_labels_there_is_training_and_nothing_is_judged(probe: str, karate: NodeGraph) -> None:
    unknown = torch.full((34,), -1)
    splits = NodeSplits("random", unknown, {}, [0.1, 0.1, 0.8], False, 0, 0)
    task = Node(probe, data=NodeGraph(karate.graph, unknown, splits, report=DataReport(source="own")))
    assert not task.has_validation
    assert not task.random_encoder
    assert task.evaluate({"": torch.randn(34, 4)}, "test", seed=0) == {}
    assert task.baselines(seed=0) == {}
    assert "nothing is judged: the nodes have no labels" in task.describe()["notes"]
    assert len(list(task.batches(0, generator=generator(0)))) == 1


# --- links -------------------------------------------------------------------------------------------


def test_links_are_refused_where_training_saw_them(karate: NodeGraph) -> None:
    with pytest.raises(UserError, match=r"probe 'link' needs edges.*data\.split\.edges=\[0\.05,0\.1\]"):
        Node("link", data=karate)


def test_links_are_judged_without_labels_and_training_does_not_see_them() -> None:
    data = NodeGraphData(split=NodeSplitOptions(edges=[0.1, 0.2])).load(seed=0)
    assert data.links is not None
    seen = set(map(tuple, data.graph.edge_index.t().tolist()))
    for links in (data.links.valid, data.links.test):
        for a, b in links.edges.t().tolist():
            assert (a, b) not in seen
            assert (b, a) not in seen
    unlabelled = NodeGraph(data.graph, torch.full((34,), -1), data.splits, report=data.report, links=data.links)
    task = Node("link", data=unlabelled)
    assert task.has_validation
    metrics = task.evaluate({"": torch.randn(34, 4, generator=generator(0))}, "test", seed=0)
    assert set(metrics) == {"auc", "ap"}
    assert "edges held out 8/16" in task.describe()["protocol"]
    assert set(task.baselines(seed=0)) == {"raw_features", "propagated_features"}
