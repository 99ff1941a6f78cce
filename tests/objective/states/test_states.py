"""Rules of the states against values worked by hand; empty, half full, full; restored from a state_dict."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch_geometric.data import Data

from graphcl.core.errors import NonFiniteError, UserError
from graphcl.encode.base import View
from graphcl.encode.features import GCN
from graphcl.encode.heads import LinearHead
from graphcl.graph.bipartite import build_bipartite
from graphcl.objective.base import Rows
from graphcl.objective.states.ema import EMA, follow, momentum_at
from graphcl.objective.states.kmeans import KMeans, cluster
from graphcl.objective.states.queue import Queue
from graphcl.objective.states.table import Table


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def restored(state: nn.Module, fresh: nn.Module) -> nn.Module:
    """What a checkpoint does: buffers take the stored shapes, then the stored values."""
    for name, tensor in state.state_dict().items():
        if name in dict(fresh.named_buffers()):
            setattr(fresh, name, torch.empty_like(tensor))
    fresh.load_state_dict(copy.deepcopy(state.state_dict()))
    return fresh


class TestQueue:
    def push(self, queue: Queue, *keys: float) -> list[float]:
        queue.update({"rows": Rows(torch.tensor(keys).view(-1, 1))}, generator=seeded())
        return sorted(queue.field("keys").view(-1).tolist())

    def test_first_in_first_out(self):
        queue = Queue("a.proj[batch]", dim=1, size=5)
        assert queue.field("keys").shape == (0, 1)
        assert self.push(queue, 1, 2, 3) == [1, 2, 3]
        assert self.push(queue, 4, 5) == [1, 2, 3, 4, 5]
        assert self.push(queue, 6, 7) == [3, 4, 5, 6, 7]
        assert self.push(queue) == [3, 4, 5, 6, 7]
        assert self.push(queue, *range(10, 18)) == [13, 14, 15, 16, 17]
        assert self.push(queue, 20) == [14, 15, 16, 17, 20]

    def test_it_is_as_wide_as_its_rows_unless_a_width_is_given(self):
        widths = {"a.proj": 3, "b.proj": 5}
        assert Queue("b.proj", size=2, width_of=widths.__getitem__).ring.shape == (2, 5)
        assert Queue(["a.proj", "b.proj"], size=2, width_of=widths.__getitem__).ring.shape == (2, 3)
        assert Queue("b.proj", dim=7, size=2, width_of=widths.__getitem__).ring.shape == (2, 7)
        with pytest.raises(UserError, match="set dim"):
            Queue("b.proj", size=2)

    def test_restored_queue_goes_on_at_the_same_place(self):
        queue = Queue("a.proj[batch]", dim=1, size=4)
        self.push(queue, 1, 2, 3)
        twin = restored(queue, Queue("a.proj[batch]", dim=1, size=4))
        assert self.push(queue, 4, 5) == self.push(twin, 4, 5) == [2, 3, 4, 5]

    def test_keys_carry_no_gradient_and_old_graphs_stay_valid(self):
        queue = Queue("a.proj[batch]", dim=2, size=4)
        x = torch.ones(3, 2, requires_grad=True)
        queue.update({"rows": Rows(x * 2)}, generator=seeded())
        loss = (x * queue.field("keys")).sum()
        assert not queue.field("keys").requires_grad
        queue.update({"rows": Rows(x * 3)}, generator=seeded())
        loss.backward()
        assert torch.equal(x.grad, torch.full((3, 2), 2.0))

    def test_mistakes(self):
        queue = Queue("a.proj[batch]", dim=2, size=4)
        with pytest.raises(UserError, match="set dim=3"):
            queue.update({"rows": Rows(torch.ones(1, 3))}, generator=seeded())
        with pytest.raises(UserError, match="'keys'"):
            queue.field("rows")


class TestEMA:
    def parts(self) -> tuple[Data, nn.ModuleDict]:
        graph = Data(x=torch.randn(6, 3, generator=seeded()), edge_index=torch.tensor([[0, 1], [1, 0]]))
        tower = GCN(dim=2, batch_norm=True, graph=graph, generator=seeded())
        return graph, nn.ModuleDict({"main": tower, "proj": LinearHead(dim=2, in_dim=2, generator=seeded())})

    def test_equals_the_student_then_follows_it(self):
        graph, student = self.parts()
        teacher = EMA(["main", "proj"], momentum=0.9, module=student)
        torch.testing.assert_close(teacher(View(graph)).nodes, student["main"](View(graph)).nodes)
        before = {name: p.clone() for name, p in student.named_parameters()}
        with torch.no_grad():
            for p in student.parameters():
                p.add_(1.0)
        student["main"](View(graph))  # moves its running statistics on
        teacher.update({}, generator=seeded())
        for name, p in teacher.copies.named_parameters():
            torch.testing.assert_close(p, 0.9 * before[name] + 0.1 * (before[name] + 1.0))
            assert not p.requires_grad
        buffers = dict(student.named_buffers())
        assert all(torch.equal(b, buffers[name]) for name, b in teacher.copies.named_buffers())
        assert int(buffers["main.layers.0.norm.num_batches_tracked"]) == 2

    def test_the_student_is_no_part_of_the_teacher(self):
        _, student = self.parts()
        teacher = EMA("main", module=student)
        assert len(teacher.state_dict()) == len(student.state_dict()) + 1
        assert all(p.requires_grad for p in student.parameters())
        assert teacher.reads == {}

    def test_cosine_schedule(self):
        assert momentum_at(0, 0.9, "cosine", 10) == pytest.approx(0.9)
        assert momentum_at(5, 0.9, "cosine", 10) == pytest.approx(0.95)
        assert momentum_at(10, 0.9, "cosine", 10) == momentum_at(99, 0.9, "cosine", 10) == 1.0
        assert momentum_at(99, 0.9, "constant", 10) == 0.9
        with pytest.raises(UserError, match="total_updates"):
            EMA("main", schedule="cosine", module=self.parts()[1])
        student = self.parts()[1]
        assert EMA("main", schedule="cosine", every=4, module=student, steps=10).total_updates == 3
        assert EMA("main", schedule="cosine", total_updates=7, module=student, steps=10).total_updates == 7

    def test_momentum_of_the_rule_is_that_of_the_schedule(self):
        _, student = self.parts()
        teacher = EMA("main", momentum=0.0, schedule="cosine", total_updates=2, module=student)
        with torch.no_grad():
            for p in student.parameters():
                p.fill_(8.0)
        expected = copy.deepcopy(student)
        teacher.update({}, generator=seeded())  # momentum 0: the student
        with torch.no_grad():
            for p in student.parameters():
                p.fill_(4.0)
        follow(expected, student, 0.5)
        teacher.update({}, generator=seeded())
        for mine, theirs in zip(teacher.copies.parameters(), expected.parameters(), strict=True):
            assert torch.equal(mine, theirs)
            assert torch.equal(mine, torch.full_like(mine, 6.0))


class HasGraphs:
    def __init__(self) -> None:
        self.graphs = {"graph": build_bipartite(torch.tensor([0]), torch.tensor([0]), 4, 3)}


class HasRecords:
    def __init__(self) -> None:
        self.graphs = {"text": Data(x=torch.ones(6, 2))}

    def examples(self, split: str) -> None: ...


class TestTable:
    def test_values_move_by_the_momentum(self):
        table = Table("main.score[batch]", size=5, init=1.0, momentum=0.75)
        assert table.field("values").tolist() == [1.0] * 5
        rows = Rows(torch.tensor([[5.0], [9.0]]), None, torch.tensor([3, 0]))
        table.update({"": rows}, generator=seeded())
        assert table.field("values").tolist() == [3.0, 1.0, 1.0, 2.0, 1.0]

    def test_an_example_seen_twice_enters_its_mean(self):
        table = Table("main.score[batch]", size=3, init=0.0)
        table.update({"": Rows(torch.tensor([2.0, 4.0, 7.0]), None, torch.tensor([1, 1, 2]))}, generator=seeded())
        assert table.field("values").tolist() == [0.0, 3.0, 7.0]

    def test_a_memory_bank_for_each_type_has_the_size_of_the_graph(self):
        bank = Table("main.nodes[*][batch]", dim=2, init=0.0, each=["user", "item"], task=HasGraphs())
        assert bank.reads == {"user": "main.nodes[user][batch]", "item": "main.nodes[item][batch]"}
        assert bank.field("values", "user").shape == (4, 2)
        rows = {
            "user": Rows(torch.ones(1, 2), None, torch.tensor([3])),
            "item": Rows(torch.ones(0, 2), None, torch.tensor([]).long()),
        }
        bank.update(rows, generator=seeded())
        assert bank.field("values", "user").sum(1).tolist() == [0.0, 0.0, 0.0, 2.0]
        assert bank.field("values", "item").sum() == 0.0

    def test_mistakes(self):
        with pytest.raises(UserError, match="set size"):
            Table("main.score[batch]", task=HasGraphs())
        with pytest.raises(UserError, match="set size"):
            Table("main.score[batch]", task=HasRecords())
        table = Table("main.score[batch]", size=2)
        ids = torch.tensor([0])
        with pytest.raises(UserError, match="no ids"):
            table.update({"": Rows(torch.ones(1))}, generator=seeded())
        with pytest.raises(UserError, match="set dim=3"):
            table.update({"": Rows(torch.ones(1, 3), None, ids)}, generator=seeded())
        with pytest.raises(UserError, match="example 7 is beyond its size 2"):
            table.update({"": Rows(torch.ones(1), None, ids + 7)}, generator=seeded())


class TestKMeans:
    def blobs(self) -> tuple[torch.Tensor, torch.Tensor]:
        centres = torch.tensor([[10.0, 0.0], [0.0, 10.0], [-10.0, -10.0]])
        truth = torch.arange(60) % 3
        return centres[truth] + 0.1 * torch.randn(60, 2, generator=seeded(1)), truth

    @pytest.mark.parametrize("mini_batch", [0, 16])
    @pytest.mark.parametrize("spherical", [False, True])
    def test_finds_the_blobs(self, spherical, mini_batch):
        x, truth = self.blobs()
        centroids, found = cluster(x, 3, spherical=spherical, mini_batch=mini_batch, generator=seeded())
        assert all(len(found[truth == t].unique()) == 1 for t in range(3))
        assert len(found.unique()) == 3
        for t in range(3):
            mine = x[truth == t]
            mine = torch.nn.functional.normalize(mine, dim=1) if spherical else mine
            torch.testing.assert_close(centroids[found[truth == t][0]], mine.mean(0), atol=0.05, rtol=0)
        if spherical:
            torch.testing.assert_close(centroids.norm(dim=1), torch.ones(3))

    def test_equal_generators_give_equal_bits(self):
        x = torch.randn(3000, 16, generator=seeded())
        runs = [cluster(x, 20, generator=seeded(seed)) for seed in (0, 0, 1)]
        assert torch.equal(runs[0][0], runs[1][0])
        assert torch.equal(runs[0][1], runs[1][1])
        assert not torch.equal(runs[0][1], runs[2][1])

    def test_few_equal_and_no_rows(self):
        assert cluster(torch.ones(2, 3), 5, generator=seeded())[0].shape == (2, 3)
        assert cluster(torch.ones(9, 3), 5, generator=seeded())[0].shape == (5, 3)
        centroids, assignment = cluster(torch.ones(0, 3), 5, generator=seeded())
        assert (centroids.shape, assignment.shape) == ((0, 3), (0,))
        with pytest.raises(NonFiniteError):
            cluster(torch.full((4, 2), float("nan")), 2, generator=seeded())

    def test_each_type_by_itself_from_a_warm_up_on(self):
        state = KMeans("main.layers[0][*]", k=3, each=["user", "item"], start=20)
        assert state.reads == {"user": "main.layers[0][user]", "item": "main.layers[0][item]"}
        assert state.field("centroids", "user").shape == (0, 0)
        assert state.field("assignment", "item").shape == (0,)
        assert [state.due(epoch, 0) for epoch in (0, 19, 20, 21)] == [False, False, True, True]
        x, _ = self.blobs()
        state.update({"user": Rows(x), "item": Rows(x[:8])}, generator=seeded())
        assert state.field("centroids", "user").shape == (3, 2)
        assert state.field("assignment", "item").shape == (8,)
        twin = restored(state, KMeans("main.layers[0][*]", k=3, each=["user", "item"], start=20))
        assert torch.equal(twin.field("assignment", "user"), state.field("assignment", "user"))
        with pytest.raises(UserError, match="no field"):
            state.field("centroids", "tag")
