"""Rows of all training examples, where these have graphs of their own: what is found from them as an epoch starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

from graphcl.core.address import parse_address
from graphcl.core.errors import UserError
from graphcl.engine.flow import StepFlow
from graphcl.engine.levels import Levels
from graphcl.engine.surroundings import to_device
from graphcl.objective.base import Rows, concatenate
from graphcl.tasks.base import Batch, Task


@torch.no_grad()
def rows_of_examples(
    flow: StepFlow, task: Task, examples: Iterable[Batch], reads: Mapping[str, str | list[str]]
) -> dict[str, Rows]:
    """The rows at addresses outside of a step, latents being those of every training example.

    Examples are encoded some at a time in evaluation mode, each as a step would read it. Rows of level ``graphs`` (and
    of heads on it) are in the order of the examples' numbers, which are their ids; nodes follow each other without.
    Every rank encodes all of them.

    Args:
        flow: Outside of a step.
        task: Gives the node types that addresses are read by.
        examples: Every training example once, in the order of their numbers, as many at a time as are encoded.
        reads: Name -> address or addresses.

    Raises:
        UserError: an address with a named row set, which a step alone has.
    """
    texts = {text for address in reads.values() for text in _several(address)}
    of_states = {text for text in texts if parse_address(text, task.types).root != "encoded"}
    found = {text: flow.rows(text) for text in of_states} | _encoded(flow, task, examples, sorted(texts - of_states))
    return {
        key: concatenate([found[text] for text in address]) if isinstance(address, list) else found[address]
        for key, address in reads.items()
    }


def _several(address: str | list[str]) -> list[str]:
    return address if isinstance(address, list) else [address]


def _encoded(flow: StepFlow, task: Task, examples: Iterable[Batch], texts: list[str]) -> dict[str, Rows]:
    """Address -> the rows of all examples."""
    if not texts:
        return {}
    parsed = {text: parse_address(text, task.types) for text in texts}
    for text, address in parsed.items():
        if address.rows is not None:
            raise UserError(f"address {text!r}: rows [{address.rows}] exist only within a step; leave them out")
    model, device = flow.model, next(flow.model.parameters()).device
    blocks: dict[str, list[Rows]] = {text: [] for text in texts}
    was_training = model.training
    model.eval()
    try:
        for number, batch in enumerate(examples):
            block = flow.at_examples(to_device(batch, device), number)
            for text in texts:
                blocks[text].append(block.rows(text))
    finally:
        model.train(was_training)
    levels = Levels(model)
    return {
        text: concatenate([Rows(rows.values, None, rows.ids if levels.pooled(parsed[text].level) else None)
                           for rows in some])
        for text, some in blocks.items()
    }  # fmt: skip
