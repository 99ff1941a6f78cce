from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch as GraphBatch
from torch_geometric.data import Data

from graphcl.core.address import parse_address
from graphcl.core.errors import UserError
from graphcl.engine.flow import StepFlow
from graphcl.engine.training import Training
from graphcl.objective.base import Rows
from graphcl.objective.latents.slots import attend_slots
from graphcl.tasks.base import Batch

from .toy import RECIPE, batches_of, toy_recipe, toy_training

FULL = RECIPE + """
heads: {proj: toy_head}
states: {seen: {toy_growing: {rows: "a.nodes[batch]"}}}
"""


@pytest.fixture
def training(tmp_path: Path) -> Training:
    return toy_training(toy_recipe(tmp_path, FULL))


def flow(training: Training, **options: object) -> StepFlow:
    batch = next(iter(batches_of(training.task)))
    options = {"batch": batch, "epoch": 0, "step": 0, **options}
    return StepFlow(training.model, training.views, types=(), **options)  # type: ignore[arg-type]


def encoded(training: Training, view: str) -> Tensor:
    """The tower written out."""
    drawn = training.views.draw(view, epoch=0, step=0)
    return drawn.operator("gcn").propagate(drawn.graph.x @ training.model.towers["main"].weight).tanh()


def check(rows: Rows, values: Tensor, ids: Tensor | None) -> None:
    torch.testing.assert_close(rows.values, values)
    assert len(rows) == len(values)
    assert (rows.ids is None) is (ids is None)
    assert ids is None or torch.equal(rows.ids, ids)


def test_addresses_give_rows_and_their_ids(training: Training) -> None:
    step, every = flow(training), torch.arange(12)
    a, ids = encoded(training, "a"), step.batch.ids
    check(step.rows("a.nodes"), a, every)
    check(step.rows("a.nodes[batch]"), a[ids], ids)
    check(step.rows("main(a).nodes[batch]"), a[ids], ids)
    drawn = training.views.draw("a", epoch=0, step=0).graph.x
    check(step.rows("a.layers[0]"), drawn @ training.model.towers["main"].weight, every)
    check(step.rows("a.layers[1][batch]"), a[ids], ids)
    check(step.rows("a.proj[batch]"), a[ids] @ training.model.heads["proj"].weight, ids)
    check(step.rows("b.nodes[batch]"), encoded(training, "b")[ids], ids)
    check(step.rows("input.x[batch]"), training.task.data.x[ids], ids)
    check(step.rows("state.seen.means"), torch.zeros(0), None)
    b = encoded(training, "b")
    check(step.rows(["a.nodes[batch]", "b.nodes"]), torch.cat([a[ids], b]), torch.cat([ids, every]))
    assert not torch.equal(a, b)


def test_rows_of_one_latent_are_gathered_once(training: Training) -> None:
    step = flow(training)
    joined = step.rows(["a.nodes[batch]", "a.nodes[batch]"])
    assert joined.index is not None
    assert joined.base.data_ptr() == step.encoding("main", "a").nodes.data_ptr()
    unique, counts = joined.unique()
    assert torch.equal(unique.ids, step.batch.ids.sort().values)
    assert counts.tolist() == [2.0] * 4


def test_each_encoding_and_head_is_computed_once(training: Training) -> None:
    step, tower = flow(training), training.model.towers["main"]
    for address in ("a.nodes", "a.nodes[batch]", "a.proj[batch]", "a.layers[0]"):
        step.rows(address)
    assert len(tower.seen) == 1
    assert step.rows("a.proj").base.data_ptr() == step.rows("a.proj").base.data_ptr()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("a.layers[2]", r"layers\[2\]: tower 'main' has layers 0 to 1"),
        ("a.graphs", "level 'graphs': tower 'main' gives none; set its pooling"),
        ("table.item", "address 'table.item': tower 'main' has no table"),
        ("input.text", "address 'input.text': the graph has no tensor of that name"),
        ("state.seen.keys", "state 'ToyGrowing' has no field 'keys'"),
    ],
)
def test_what_cannot_be_resolved_is_named(training: Training, address: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        flow(training).rows(address)


def test_row_sets_exist_only_within_a_step(training: Training) -> None:
    outside = flow(training, batch=None)
    assert len(outside.rows("a.nodes")) == 12
    with pytest.raises(UserError, match=r"rows \[batch\] exist only within a step"):
        outside.rows("a.nodes[batch]")


def test_restricted_to_what_is_read_the_rows_are_the_same(training: Training) -> None:
    whole = flow(training).rows("a.nodes[batch]")
    part = flow(training, needs={("main", "a"): [parse_address("a.nodes[batch]")]})
    rows = part.rows("a.nodes[batch]")
    assert torch.equal(rows.values, whole.values)
    assert torch.equal(rows.ids, whole.ids)
    assert rows.base.shape == (4, 4)
    assert torch.equal(training.model.towers["main"].seen[-1], part.batch.ids.sort().values)
    check(part.rows("a.layers[0]"), flow(training).rows("a.layers[0]").values, torch.arange(12))
    with pytest.raises(UserError, match="reads all rows of an encoding restricted to a batch"):
        part.rows("a.nodes")


def test_overrides_take_the_place_of_parameters(training: Training) -> None:
    step = flow(training)
    moved = {name: torch.zeros_like(p).requires_grad_() for name, p in step.parameters("main").items()}
    virtual = step.seen_through(moved)
    assert virtual.rows("a.nodes").values.abs().sum() == 0
    assert virtual.parameters("main")["towers.main.weight"] is moved["towers.main.weight"]
    virtual.rows("a.nodes[batch]").values.sum().backward()
    assert moved["towers.main.weight"].grad.abs().sum() > 0
    assert training.model.towers["main"].weight.grad is None
    assert step.rows("a.nodes").values.abs().sum() > 0


def test_parameters_are_those_of_the_owners(training: Training) -> None:
    assert set(flow(training).parameters()) == {"towers.main.weight", "heads.proj.weight"}
    assert set(flow(training).parameters("proj")) == {"heads.proj.weight"}


def test_generators_depend_on_purpose_and_step(training: Training) -> None:
    def drawn(purpose: str, step: int) -> float:
        return float(torch.rand(1, generator=flow(training, step=step).generator(purpose)))

    assert drawn("a", 0) == drawn("a", 0)
    assert len({drawn("a", 0), drawn("b", 0), drawn("a", 1)}) == 3


def test_a_source_puts_the_partners_rows_in_the_anchors_place(tmp_path: Path) -> None:
    training = toy_training(toy_recipe(tmp_path, FULL, "views.b.source=neighbour"))
    step = flow(training)
    found, heads = step.rows("b.nodes[batch]"), step.rows("b.proj[batch]")
    ids, edges = step.batch.ids, training.task.graphs["graph"].edge_index
    assert torch.equal(found.ids, ids)
    assert torch.equal(found.index, heads.index)
    assert not torch.equal(found.index, ids)
    neighbours = {int(a): set(edges[1, edges[0] == a].tolist()) or {int(a)} for a in ids}
    assert all(int(partner) in neighbours[int(anchor)] for anchor, partner in zip(ids, found.index, strict=True))
    torch.testing.assert_close(found.values, encoded(training, "b")[found.index])
    assert torch.equal(flow(training).rows("b.nodes[batch]").index, found.index)
    assert torch.equal(step.rows("a.nodes[batch]").index, ids)


def test_a_view_may_show_a_partner_in_an_anchor_s_place(tmp_path: Path) -> None:
    """Its rows are the neighbours', its ids the anchors'; restricted or not."""
    text = FULL.replace("b: [toy_noise]", "b: {source: neighbour}")
    made = toy_training(toy_recipe(tmp_path, text))
    latents = encoded(made, "b")
    step = flow(made)
    rows, ids = step.rows("b.nodes[batch]"), step.batch.ids
    assert torch.equal(rows.ids, ids)
    partners = rows.index
    assert bool((((partners - ids) % 12 == 1) | ((partners - ids) % 12 == 11)).all())  # the graph is a ring
    torch.testing.assert_close(rows.values, latents.index_select(0, partners))
    part = flow(made, needs={("main", "b"): [parse_address("b.nodes[batch]")]})
    assert torch.equal(part.rows("b.nodes[batch]").values, rows.values)
    whole = step.rows("b.nodes")
    assert torch.equal(whole.ids, torch.arange(12))
    assert not torch.equal(whole.values, latents)
    assert step.rows("a.nodes[batch]").index is ids


def test_a_head_of_a_head_and_a_latent_that_reads(tmp_path: Path) -> None:
    text = FULL.replace("{proj: toy_head}", "{proj: toy_head, pred: {name: toy_head, of: proj}}")
    made = toy_training(toy_recipe(tmp_path, text + 'latents: {sum: {name: toy_sum, of: pred, other: "b.pred"}}'))
    step, heads = flow(made), made.model.heads
    assert heads["pred"].weight.shape == (2, 2)
    pred = {view: encoded(made, view) @ heads["proj"].weight @ heads["pred"].weight for view in "ab"}
    torch.testing.assert_close(step.rows("a.pred").values, pred["a"])
    torch.testing.assert_close(step.rows("a.sum[batch]").values, (pred["a"] + pred["b"])[step.batch.ids])
    with pytest.raises(UserError, match=r"'heads\.pred\.of' is 'prog'; known at this place: nodes, graphs, proj"):
        toy_recipe(tmp_path, text.replace("of: proj", "of: prog"))


POOLED = RECIPE.replace("encoder: {toy_tower: {dim: 4}}", "encoder: {mlp: {dim: 4, num_layers: 1, pooling: mean}}")


def test_one_full_graph_is_one_row_of_graphs(tmp_path: Path) -> None:
    training = toy_training(toy_recipe(tmp_path, POOLED))
    step = flow(training)
    rows = step.rows("a.graphs")
    check(rows, step.rows("a.nodes").values.mean(0, keepdim=True), torch.tensor([0]))
    assert step.rows("a.nodes").member is None
    assert rows.member is None


def test_nodes_of_a_batch_of_graphs_say_which_one_they_are_of(tmp_path: Path) -> None:
    training = toy_training(toy_recipe(tmp_path, POOLED))
    sizes, ids = [3, 1, 4], torch.tensor([7, 2, 5])
    none = torch.zeros(2, 0, dtype=torch.int64)
    graphs = GraphBatch.from_data_list([Data(x=torch.full((n, 3), float(n)), edge_index=none) for n in sizes])
    picked = torch.tensor([6, 0, 3])
    step = flow(training, batch=Batch(ids, {"batch": picked}, {"graph": graphs}))
    rows = step.rows("a.nodes")
    assert rows.member is not None
    assert rows.member.tolist() == [0, 0, 0, 1, 2, 2, 2, 2]
    some = step.rows("a.nodes[batch]")
    assert some.member is not None
    assert some.member.tolist() == [2, 0, 1]
    assert some.unique()[0].member.tolist() == [0, 1, 2]  # type: ignore[union-attr]
    joined = step.rows(["a.nodes[batch]", "b.nodes"])
    assert joined.member.tolist() == [2, 0, 1, 0, 0, 0, 1, 2, 2, 2, 2]  # type: ignore[union-attr]
    means = torch.stack([rows.values[rows.member == g].mean(0) for g in range(3)])
    check(step.rows("a.graphs"), means, ids)

SKETCH = """
latents: {small: {name: sketch, ratio: 0.5}, least: {name: sketch, of: pred, ratio: 0.25}}
heads: {pred: {name: toy_head, of: small}}
"""


def test_a_head_of_a_latent_and_rows_of_its_own(tmp_path: Path) -> None:
    made = toy_training(toy_recipe(tmp_path, RECIPE + SKETCH))
    step = flow(made)
    small, pred, least = (step.rows(f"a.{level}") for level in ("small", "pred", "least"))
    assert [len(rows) for rows in (small, pred, least)] == [6, 6, 1]
    assert torch.equal(pred.ids, torch.arange(6))
    torch.testing.assert_close(pred.values, small.values @ made.model.heads["pred"].weight)
    with pytest.raises(UserError, match=r"address 'a.pred\[batch\]': the rows of 'pred' are not nodes; leave \[rows\]"):
        step.rows("a.pred[batch]")


SLOTS = """
latents: {slots: {name: slots, of: proj, codes: codes}}
heads: {proj: toy_head, codes: {name: prototypes, k: 3, of: proj}, pred: {name: toy_head, of: slots}}
states: {teacher: {ema: {of: [main, proj, codes], momentum: 0.5}}}
"""


def test_a_latent_reads_a_level_beside_its_own_and_says_what_its_rows_are(tmp_path: Path) -> None:
    made = toy_training(toy_recipe(tmp_path, POOLED + SLOTS))
    with torch.no_grad():
        made.model.states["teacher"].copies["codes"].weight.neg_()
    step = flow(made)
    for tower in ("main", "teacher"):
        codes, proj = (step.rows(f"{tower}(a).{level}").values for level in ("codes", "proj"))
        slots, best = attend_slots(proj, codes, torch.zeros(len(proj), dtype=torch.int64), 0.07)
        ids = best[0].nonzero().squeeze(1)
        check(step.rows(f"{tower}(a).slots"), slots[0, ids], ids)
    rows = step.rows("a.pred")
    check(rows, step.rows("a.slots").values @ made.model.heads["pred"].weight, step.rows("a.slots").ids)
    assert not torch.equal(step.rows("teacher(a).codes").values, step.rows("a.codes").values)
    with pytest.raises(UserError, match=r"'latents\.slots\.codes' is 'code'; known at this place: nodes, graphs, proj"):
        toy_recipe(tmp_path, POOLED + SLOTS.replace("codes: codes}", "codes: code}"))


def test_a_latent_may_be_drawn_once_for_all_views_and_anew_each_step(tmp_path: Path) -> None:
    made = toy_training(toy_recipe(tmp_path, RECIPE.replace("b: [toy_noise]", "b: []") + SKETCH))
    clean, again = flow(made).rows("clean.small").values, flow(made).rows("b.small").values
    assert torch.equal(clean, again)  # two views without augmenters
    assert not torch.equal(clean, flow(made, step=1).rows("clean.small").values)


def test_what_stands_on_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'heads\.pred\.of' is 'small'; known at this place: nodes, graphs"):
        toy_recipe(tmp_path, RECIPE + SKETCH.replace("{small: {name: sketch,", "{small: {name: sketch, of: pred,"))


def test_rows_that_a_view_hid_and_a_head_that_sees_it(tmp_path: Path) -> None:
    text = RECIPE.replace("a: [toy_noise]", "a: [{mask_nodes: {p: 0.5}}]") + "heads: {decoder: gnn_decoder}\n"
    made = toy_training(toy_recipe(tmp_path, text))
    step, graph = flow(made), made.views.draw("a", epoch=0, step=0).graph
    hidden = graph.masked.nonzero().view(-1)
    assert 0 < len(hidden) < 12
    rows = step.rows("a.decoder[masked]")
    assert torch.equal(rows.ids, hidden)
    head = made.model.heads["decoder"]
    expected = head(step.rows("a.nodes").values, step.view("a"))[hidden]
    assert torch.equal(rows.values, expected)
    assert torch.equal(step.rows("a.nodes[masked]").values, encoded(made, "a")[hidden])
    part = flow(made, needs={("main", "a"): [parse_address("a.nodes[masked]")]})
    assert torch.equal(part.rows("a.nodes[masked]").values, step.rows("a.nodes[masked]").values)
    with pytest.raises(UserError, match=r"no row set 'masked'; known: batch"):
        toy_recipe(tmp_path, text.replace("a.nodes[batch]", "b.nodes[masked]"))


def test_the_input_of_a_batch_of_graphs_is_its_own(tmp_path: Path) -> None:
    made = toy_training(toy_recipe(tmp_path))
    graph = made.views.clean().graph.clone()
    graph.x = graph.x + 1
    step = flow(made, batch=Batch(torch.arange(2), graphs={"graph": graph}))
    assert torch.equal(step.rows("input.x").values, graph.x)
    sampled = Batch(torch.arange(2), graphs={"graph": graph}, nodes=torch.arange(12).flip(0))
    assert torch.equal(flow(made, batch=sampled).rows("input.x").ids, torch.arange(12).flip(0))
