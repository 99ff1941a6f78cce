"""Checkpoints: one safetensors file with the tensors, and the counters as JSON in its header.

Randomness is derived from the seed and these counters, so nothing of a generator is stored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from graphcl.core.errors import UserError
from graphcl.core.files import replacing

FORMAT = 1


@dataclass
class Progress:
    """Where a training stands.

    Attributes:
        stage: ``select`` (early stopping on validation), ``refit`` (on all of train), or ``done``.
        epoch: Epoch under way, from 0.
        batch: Batches of it that are done.
        step: Batches done in all epochs of the stage.
        updates: Optimiser steps done.
        targets: Prediction targets seen.
        best: Best value of the monitor, and ``best_epoch`` (1-based; 0: none yet).
        bad: Evaluations since then.
        limit: Epochs of the stage.
        sums: Term -> sum over this epoch's batches.
        unpaired: View or term -> its anchors without a partner and all its anchors, in this epoch's batches.
        history: One record per evaluation.
        made_of: Augmenter -> digest of what it reads besides the data, where it reads anything.
    """

    stage: str = "select"
    epoch: int = 0
    batch: int = 0
    step: int = 0
    updates: int = 0
    targets: int = 0
    best: float | None = None
    best_epoch: int = 0
    bad: int = 0
    limit: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    unpaired: dict[str, list[int]] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    made_of: dict[str, str] = field(default_factory=dict)


def save(
    path: Path, model: nn.Module, progress: Progress, optimizers: Mapping[str, torch.optim.Optimizer] | None = None
) -> None:
    """Write a checkpoint: to a temporary name, synced, then renamed.

    Raises:
        UserError: it cannot be written; the previous checkpoint stays.
    """
    tensors = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
    for phase, optimizer in (optimizers or {}).items():
        for index, values in optimizer.state_dict()["state"].items():
            tensors.update({f"optimizer/{phase}/{index}/{key}": torch.as_tensor(v) for key, v in values.items()})
    tensors = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    tensors = _unshared(tensors)
    # One key: safetensors writes several in random order, and equal trainings should give equal files.
    metadata = {"graphcl": json.dumps({"format": FORMAT, "progress": asdict(progress)})}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """safetensors refuses tensors that share memory: copy the second of a kind."""
    seen: set[int] = set()
    for name, tensor in tensors.items():
        if tensor.numel() and tensor.data_ptr() in seen:
            tensors[name] = tensor.clone()
        seen.add(tensor.data_ptr())
    return tensors


def read(path: Path) -> tuple[dict[str, Tensor], Progress]:
    """The tensors and counters of a checkpoint.

    Raises:
        UserError: missing, truncated, not ours, or of another format version.
    """
    if not path.is_file():
        raise UserError(f"there is no checkpoint {path}")
    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get("graphcl")
            if header is None:
                raise UserError(f"{path} is not a graphcl checkpoint")
            header = json.loads(header)
            if header["format"] != FORMAT:
                raise UserError(
                    f"{path} has checkpoint format {header['format']}, this version reads {FORMAT}; "
                    "use the graphcl version that wrote it (environment.json names it)"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, Progress(**header["progress"])
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is damaged or not a checkpoint: {error}") from error


def restore(
    tensors: Mapping[str, Tensor], model: nn.Module, optimizers: Mapping[str, torch.optim.Optimizer] | None = None
) -> None:
    """Put a checkpoint's tensors into a model and its optimizers.

    Raises:
        UserError: they are of another recipe or other data (names the first tensor that does not fit).
    """
    state = {name.removeprefix("model/"): t for name, t in tensors.items() if name.startswith("model/")}
    own = model.state_dict()
    for name in {*state, *own}:
        if name not in state or name not in own:
            raise UserError(f"the checkpoint does not fit the recipe: '{name}' is only in one of them")
    try:
        load_tensors(model, state)
    except RuntimeError as error:
        raise UserError(f"the checkpoint does not fit the recipe: {str(error).splitlines()[-1].strip()}") from error
    for phase, optimizer in (optimizers or {}).items():
        current = optimizer.state_dict()
        values: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith(f"optimizer/{phase}/"):
                _, _, index, key = name.split("/")
                values.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict({**current, "state": values})


def load_tensors(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """``load_state_dict`` for models whose states may have grown."""
    resize_buffers(model, state)
    model.load_state_dict(state)


def resize_buffers(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give states that have grown (a queue fills up) the sizes that they have in ``state``."""
    for name, buffer in dict(model.named_buffers()).items():
        if name in state and state[name].shape != buffer.shape:
            owner, _, attribute = name.rpartition(".")
            setattr(model.get_submodule(owner), attribute, buffer.new_empty(state[name].shape))
