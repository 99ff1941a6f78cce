"""The parts of an operator by the kind of edge, against dense matrices."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.encode.base import View
from graphcl.graph.edge_kinds import kind_of_edges, kinds_of_edges
from graphcl.graph.operators import OperatorByKind, build_operator, parts_by_kind
from tests.contract.toys import plain_graph, program_graph

KINDS = ("a", "b", "never")


def kinded(*, weighted: bool = True) -> Data:
    """The plain graph with a second edge of another kind between the ends of its first, and a kind without edges."""
    graph = plain_graph()
    graph.edge_index = torch.cat([graph.edge_index, graph.edge_index[:, :1]], dim=1)
    weight = torch.cat([graph.edge_weight, torch.tensor([2.0])])
    kind = torch.randint(0, 2, (len(weight),), generator=generator(1), dtype=torch.uint8)
    kind[0], kind[-1] = 0, 1
    made = Data(x=graph.x, edge_index=graph.edge_index, edge_kind=kind, edge_kinds=KINDS, num_nodes=graph.num_nodes)
    if weighted:
        made.edge_weight = weight
    return made


def dense(graph: Data, norm: str) -> Tensor:
    """[K, N, N], normalised by the degrees over all kinds."""
    weight = graph.get("edge_weight")
    found = torch.zeros(len(KINDS), graph.num_nodes, graph.num_nodes)
    for edge, (source, target) in enumerate(graph.edge_index.T.tolist()):
        found[int(graph.edge_kind[edge]), target, source] += 1.0 if weight is None else weight[edge]
    into, out = found.sum((0, 2)), found.sum((0, 1))
    if norm == "row":
        return found / into.clamp_min(1e-9)[:, None]
    return found / (into.clamp_min(1e-9)[:, None] * out.clamp_min(1e-9)).sqrt() if norm == "sym" else found


@pytest.mark.parametrize("norm", ["none", "row", "sym"])
@pytest.mark.parametrize("weighted", [True, False])
def test_parts_are_those_of_dense_matrices_and_add_up(norm: str, weighted: bool) -> None:
    graph = kinded(weighted=weighted)
    operator, expected = View(graph).operator_by_kind(norm), dense(graph, norm)
    x, maps = graph.x, torch.randn(3, 6, 4, generator=generator(2))
    for part, slow in zip(operator.parts, expected, strict=True):
        torch.testing.assert_close(part.propagate(x), slow @ x)
    torch.testing.assert_close(operator.propagate(x), sum(part.propagate(x) for part in operator.parts))
    torch.testing.assert_close(operator.counts, expected.sum(2).T)
    mapped = sum(slow @ x @ one for slow, one in zip(expected, maps, strict=True))
    torch.testing.assert_close(operator.propagate_mapped(x, maps), mapped)
    torch.testing.assert_close(operator.T.propagate_mapped(x, maps).shape, mapped.shape)
    torch.testing.assert_close(operator.T.parts[0].propagate(x), expected[0].T @ x)
    assert operator.to(dtype=torch.float64).propagate_mapped(x.double(), maps.double()).dtype == torch.float64


def test_the_whole_is_the_operator_without_kinds_to_the_bit() -> None:
    graph = kinded()
    view = View(graph)
    assert view.operator_by_kind("row").whole is view.operator("row")
    assert torch.equal(view.operator_by_kind("row").propagate(graph.x), build_operator(graph, "row").propagate(graph.x))
    assert view.operator_by_kind("row") is view.operator_by_kind("row")
    other = View(graph, base=view.base)
    assert other.operator_by_kind("row") is view.operator_by_kind("row")


def test_gradients_of_maps_are_those_of_finite_differences() -> None:
    graph = kinded()
    operator = View(graph).operator_by_kind("none").to(dtype=torch.float64)
    x = graph.x.double().requires_grad_()
    maps = torch.randn(3, 6, 2, generator=generator(2), dtype=torch.float64).requires_grad_()
    torch.autograd.gradcheck(operator.propagate_mapped, (x, maps))
    torch.autograd.gradgradcheck(operator.propagate_mapped, (x, maps))


def test_what_cannot_be_used_is_one_line() -> None:
    with pytest.raises(UserError, match=r"of no kinds \(edge_kind\): set edge_kinds=none in the tower"):
        kinds_of_edges(plain_graph())
    with pytest.raises(UserError, match="norm 'gcn' adds self loops, which are edges of no kind"):
        parts_by_kind(kinded(), "gcn")
    anew, wrong, changed = kinded(), kinded(), View(kinded(), transforms=[lambda operator: operator])
    anew.edge_index = anew.edge_index[:, :3]
    with pytest.raises(UserError, match="a view has edges without a kind"):
        kind_of_edges(anew)
    wrong.edge_kind[2] = 7
    with pytest.raises(UserError, match="kinds are numbered 0 to 2, found 0 to 7"):
        parts_by_kind(wrong, "none")
    with pytest.raises(UserError, match="augmenters of operators know no kinds of edges"):
        changed.operator_by_kind("none")


def test_names_are_those_of_the_data_not_of_a_batch() -> None:
    graph = program_graph()
    assert int(graph.edge_kind.max()) < len(kinds_of_edges(graph)) == 6
    joined = Batch.from_data_list([kinded(), kinded()])
    assert kinds_of_edges(joined) == KINDS
    assert isinstance(View(joined).operator_by_kind("none"), OperatorByKind)
