"""What two processes find, started by torchrun: ``torchrun --nproc-per-node 2 -m tests.engine.ranks WHAT FOLDER``.

``all``: the value and gradient of every term on two ranks beside one process's, and whole recipes; the first rank
writes FOLDER/found.json. ``killed``: a training in which the second rank dies in its fourth step.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import graphcl
from graphcl.cli.main import run
from graphcl.core.address import Address
from graphcl.core.registry import Part
from graphcl.core.seeds import generator
from graphcl.engine.distributed import Ranks
from graphcl.engine.fit import fit, resume
from graphcl.engine.launch import join
from graphcl.engine.shares import groups_of
from graphcl.engine.synced_norm import SyncedBatchNorm
from graphcl.objective.base import Flow, Term, reduce_groups
from tests.contract.test_terms import ALL, TRIPLES, make
from tests.contract.toys import TYPES, ToyFlow, toy_flow

CPU = torch.device("cpu")
BATCHES = {"several": [*TRIPLES, (0, 3, 4), (0, 1, 2)], "one": TRIPLES[:1]}
REDUCTIONS = ("mean", "sum", "mean_per_group")


class DividedFlow(ToyFlow):
    """Every latent is this rank's rows, gathered when it is read."""

    def __init__(self, flow: ToyFlow, ranks: Ranks) -> None:
        self.__dict__ |= flow.__dict__
        self.whole, self.ranks, self.own, self.gathered = flow, ranks, {}, {}

    def _leaf(self, address: Address) -> Tensor:
        leaf = self.whole._leaf(address)
        key = next(key for key, known in self.whole.leaves.items() if known is leaf)
        if not leaf.requires_grad:
            return leaf
        if key not in self.gathered:
            self.own[key] = leaf.detach()[self.ranks.share(len(leaf))].clone().requires_grad_()
            self.gathered[key] = self.ranks.gather(self.own[key])
        return self.gathered[key]


def value_of(term: Term, flow: Flow, ranks: Ranks, *, whole: bool) -> float:
    """The term's value after backward."""
    value = reduce_groups(groups_of(term, term, flow, ranks, TYPES, whole=whole), term.reduce)
    value.backward()
    return float(ranks.mean({"": value.detach()})[""])


def gradients(tensors: Mapping[Any, Tensor]) -> dict[Any, Tensor]:
    return {key: torch.zeros_like(t) if t.grad is None else t.grad for key, t in tensors.items() if t.requires_grad}


def worst(found: Mapping[Any, Tensor], right: Mapping[Any, Tensor]) -> float:
    """Largest difference, in units of the largest entry (at least 1)."""
    assert found.keys() == right.keys()
    return max(
        (float((found[key] - right[key]).abs().max()) / max(1.0, float(right[key].abs().max()))
         for key in right if right[key].numel()),
        default=0.0,
    )


def judge_term(part: Part, ranks: Ranks) -> dict[str, float]:
    """How far two ranks are from one process: with whole latents on each rank, and with rows of its own."""
    found = {}
    for name, batch in BATCHES.items():
        for reduction in REDUCTIONS:
            alone, flow = make(part, reduce=reduction), toy_flow(batch)
            value = value_of(alone, flow, Ranks(), whole=False)
            right, right_own = gradients(flow.leaves), gradients(dict(alone.named_parameters()))
            for divided in (False, True):
                term, flow = make(part, reduce=reduction), toy_flow(batch)
                seen = DividedFlow(flow, ranks) if divided else flow
                error = abs(value_of(term, seen, ranks, whole=divided) - value) / max(1.0, abs(value))
                ranks.average(list(term.parameters()))
                error = max(error, worst(gradients(dict(term.named_parameters())), right_own))
                if isinstance(seen, DividedFlow):
                    scaled = {key: grad / ranks.count for key, grad in gradients(seen.own).items()}
                    mine = {key: grad[ranks.share(len(grad))] for key, grad in right.items()}
                    error = max(error, worst(scaled, mine))
                else:
                    ranks.average([leaf for leaf in flow.leaves.values() if leaf.requires_grad])
                    error = max(error, worst(gradients(flow.leaves), right))
                found[f"{name} {reduction} {'divided' if divided else 'whole'}"] = error
    return found


def judge_norm(ranks: Ranks) -> float:
    """Batch normalisation of this rank's rows beside that of all rows, two steps, also in evaluation."""
    x = torch.randn(9, 3, generator=generator(0)) * 2 + 1
    own = x[ranks.share(9)].clone().requires_grad_()
    plain, synced = nn.BatchNorm1d(3), SyncedBatchNorm(nn.BatchNorm1d(3), ranks)
    error = 0.0
    for norm in (plain, synced):
        nn.init.uniform_(norm.weight, 0.5, 0.5)
    rows = x.clone().requires_grad_()
    for training in (True, True, False):
        right, found = plain.train(training)(rows), synced.train(training)(own)
        error = max(error, float((found - right[ranks.share(9)]).detach().abs().max()))
        factor = torch.arange(27.0).view(9, 3)
        plain.zero_grad(set_to_none=True)
        synced.zero_grad(set_to_none=True)
        rows.grad = own.grad = None
        (right.sin() * factor).sum().backward()
        (found.sin() * factor[ranks.share(9)]).sum().mul(ranks.count).backward()
        ranks.average(list(synced.parameters()))
        error = max(error, float((own.grad / ranks.count - rows.grad[ranks.share(9)]).abs().max()))
        error = max(error, worst(gradients(dict(synced.named_parameters())), gradients(dict(plain.named_parameters()))))
    return max(error, worst(dict(synced.named_buffers()), dict(plain.named_buffers())))


def train(text: str, overrides: list[str], folder: Path, ranks: Ranks) -> bool:
    """Train a recipe; whether parameters and states are the same bits on every rank."""
    recipe = graphcl.load(text, *overrides)
    model = fit(recipe, out=folder).model
    return same_everywhere(model, ranks)


def same_everywhere(model: nn.Module, ranks: Ranks) -> bool:
    flat = torch.cat([tensor.detach().double().reshape(-1) for tensor in model.state_dict().values()])
    everyone = ranks.gather(flat.unsqueeze(0))
    return bool((everyone == everyone[0]).all())


def judge_all(folder: Path) -> None:
    ranks = join(CPU)
    plan = json.loads((folder / "plan.json").read_text())
    found: dict[str, Any] = {"terms": {part.name: judge_term(part, ranks) for part in ALL}, "norm": judge_norm(ranks)}
    found["same"] = {
        name: train(recipe["text"], recipe["overrides"], folder / f"{name}-two", ranks)
        for name, recipe in plan["recipes"].items()
    }
    if (folder / "killed").is_dir():
        resumed = resume(folder / "killed")
        assert resumed is not None
        found["same"]["killed"] = same_everywhere(resumed.model, ranks)
    found["code"] = run(["train", *plan["command"], "--out", str(folder / "command-two"), "--quiet"])
    if ranks.first:
        (folder / "found.json").write_text(json.dumps(found))
    ranks.wait(CPU)


def die_in_step(nth: int) -> None:
    original: Callable[..., Any] = torch.optim.SGD.step
    calls = 0

    def step(self: torch.optim.SGD, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(self, *arguments)

    torch.optim.SGD.step = step  # type: ignore[method-assign,assignment]


def main(what: str, folder: Path) -> int:
    if what == "all":
        judge_all(folder)
        return 0
    if os.environ["RANK"] == "1":
        die_in_step(4)
    plan = json.loads((folder / "plan.json").read_text())
    return run(["train", *plan["killed"], "--out", str(folder / "killed"), "--quiet"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
