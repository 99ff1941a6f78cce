"""Joining the processes that a launcher started, and which of them speaks when they fail."""

from __future__ import annotations

import atexit
import os
from datetime import timedelta

import torch
import torch.distributed as dist

from graphcl.core.errors import UserError
from graphcl.core.launched import asked_for
from graphcl.engine.distributed import ALONE, Ranks

#: How long a rank waits for another: the first one evaluates alone. A rank that dies is noticed at once.
PATIENCE = timedelta(hours=12)

_STORE: dist.Store | None = None


def join(device: torch.device) -> Ranks:
    """The processes that torchrun started (or what sets the same variables): gloo on CPU, nccl on GPUs.

    A group that the program has made already is used as it is.

    Raises:
        UserError: the launcher's variables are incomplete, or the processes do not find each other.
    """
    global _STORE
    if dist.is_available() and dist.is_initialized():
        return Ranks(dist.get_rank(), dist.get_world_size())
    if asked_for() == 1:
        return ALONE
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise UserError(f"WORLD_SIZE={asked_for()}, but {', '.join(missing)} not set; start the processes by torchrun")
    from torch.distributed.rendezvous import rendezvous

    try:
        store, number, count = next(iter(rendezvous("env://", timeout=timedelta(minutes=5))))
        _STORE = dist.PrefixStore("graphcl", store)
        backend = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, store=store, rank=number, world_size=count, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"the processes do not find each other: {str(error).splitlines()[0]}") from error
    atexit.register(_leave)
    return Ranks(number, count)


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def own_device(device: torch.device) -> torch.device:
    """The device of this process: the GPU with its local number where it is to be any GPU."""
    if device.type != "cuda" or device.index is not None or asked_for() == 1:
        return device
    own = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    if own.index >= torch.cuda.device_count():
        raise UserError(f"process {own.index} of this machine has no GPU: there are {torch.cuda.device_count()}")
    torch.cuda.set_device(own)
    return own


def says_errors() -> bool:
    """Whether this process is the one to say what went wrong: the first that fails, of all that will."""
    if asked_for() == 1:
        return True
    number = os.environ.get("RANK", "0")
    if _STORE is None:
        return number == "0"  # nothing but the same arguments and files so far: all fail alike
    try:
        return _STORE.compare_set("failed", "", number).decode() == number
    except RuntimeError:  # the store has gone with its process
        return number == "0"
