"""What holds of every state: defined when empty, in the checkpoint, and a rule that follows from the seed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from graphcl.core.build import build
from graphcl.core.registry import Part
from graphcl.core.seeds import generator
from graphcl.encode.base import View
from graphcl.engine.checkpoint import load_tensors
from graphcl.objective.base import Rows, State

from .toys import GRAPHS, ToyTask, parts, toy_flow

all_states = pytest.mark.parametrize("part", parts("state"), ids=lambda part: part.name)


def student() -> nn.ModuleDict:
    graph = GRAPHS["plain"]()
    options = {"dim": 4, "num_layers": 1}
    return nn.ModuleDict({"main": build("tower", "lightgcn", options, graph=graph, generator=generator(0))})


def make(part: Part, module: nn.ModuleDict | None = None) -> State:
    context = {"task": ToyTask(), "module": module or student(), "generator": generator(0)}
    return build("state", part.name, part.example or {}, **context)


def inputs(state: State, seed: int) -> Mapping[str, Rows]:
    """What the state reads, of the width it expects."""
    flow = toy_flow(seed=seed)
    found = {}
    for key, address in state.reads.items():
        rows = flow.rows(address)
        scalar = "score" in str(address)  # a head of one column
        base = rows.base.detach()
        found[key] = Rows(base[:, :1] if scalar else base, rows.index, rows.ids)
    return found


def update(state: State, times: int, module: nn.ModuleDict) -> None:
    for time in range(times):
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(1.0)
            state.update(inputs(state, time), generator=generator(0, time))


def copied(state: State) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in state.state_dict().items()}


def equal(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(a[name].shape == b[name].shape and torch.equal(a[name], b[name]) for name in a)


@all_states
def test_it_keeps_what_it_keeps_in_buffers(part: Part) -> None:
    """No parameter that a gradient moves, and nothing that a checkpoint would miss."""
    module = student()
    state = make(part, module)
    assert isinstance(state, State)
    assert not [name for name, parameter in state.named_parameters() if parameter.requires_grad]
    before = copied(state)
    update(state, 3, module)
    assert not equal(before, copied(state)), "its rule changes nothing"
    owned = {id(tensor) for tensor in state.state_dict(keep_vars=True).values()}
    outside = [name for name, value in vars(state).items() if isinstance(value, Tensor) and id(value) not in owned]
    assert outside == []


@all_states
def test_its_student_is_not_in_its_checkpoint(part: Part) -> None:
    module = student()
    state = make(part, module)
    pointers = {parameter.data_ptr() for parameter in module.parameters()}
    assert not pointers & {tensor.data_ptr() for tensor in state.state_dict().values() if tensor.numel()}


@all_states
def test_it_is_defined_and_finite_before_any_update(part: Part) -> None:
    state = make(part)
    for name, buffer in state.named_buffers():
        assert bool(torch.isfinite(buffer.float()).all()), name


@all_states
@pytest.mark.parametrize("times", [0, 1, 5])
def test_a_checkpoint_brings_it_back(part: Part, times: int) -> None:
    module = student()
    state = make(part, module)
    update(state, times, module)
    twin_module = student()
    twin_module.load_state_dict(module.state_dict())
    twin = make(part, twin_module)
    load_tensors(twin, copied(state))
    assert equal(copied(twin), copied(state))
    for one, owner in ((state, module), (twin, twin_module)):
        update(one, 2, owner)
    assert equal(copied(twin), copied(state))


@all_states
def test_its_rule_follows_from_the_seed_and_takes_no_gradient(part: Part) -> None:
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        module = student()
        state = make(part, module)
        update(state, 2, module)
        results.append(copied(state))
        assert not any(tensor.requires_grad for tensor in state.state_dict(keep_vars=True).values())
    assert equal(*results)


@all_states
def test_it_does_not_write_to_what_it_reads(part: Part) -> None:
    module = student()
    state = make(part, module)
    read = inputs(state, 0)
    before = {key: rows.values.clone() for key, rows in read.items()}
    weights = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with torch.no_grad():
        state.update(read, generator=generator(0))
    assert all(torch.equal(read[key].values, before[key]) for key in before)
    assert equal(weights, module.state_dict())


@all_states
def test_it_says_when_its_rule_applies(part: Part) -> None:
    state = make(part)
    assert state.when in ("before_step", "after_step", "epoch_start")
    assert any(state.due(epoch, epoch) for epoch in range(state.start, state.start + state.every))
    assert not any(state.due(epoch, 0) for epoch in range(state.start))


def test_a_state_that_holds_a_tower_is_called_like_one() -> None:
    for part in parts("state"):
        module = student()
        state = make(part, module)
        if callable(getattr(type(state), "forward", None)) and type(state).forward is not nn.Module.forward:
            view = View(GRAPHS["plain"]())
            assert torch.equal(state(view).nodes, module["main"](view).nodes)
