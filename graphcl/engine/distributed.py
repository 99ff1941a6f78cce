"""Several processes as one training: who they are, and the few ways in which they talk.

One convention holds everywhere: **the mean over the ranks of what a rank's backward gives is the gradient.** What every
rank computes alike needs nothing. What a rank computes a share of is multiplied by the number of ranks; the gradient
of rows that were gathered is the sum of what the ranks say of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from graphcl.core.errors import GraphCLError

#: Gradients of fewer entries are sent together.
SMALL = 1 << 16


class RankLost(GraphCLError):
    """Another process of the run has ended."""


class Ranks:
    """The processes of a run, seen from one of them.

    Attributes:
        number: This process, from 0.
        count: How many there are; with 1 nothing is ever sent.
    """

    def __init__(self, number: int = 0, count: int = 1) -> None:
        self.number, self.count = number, count

    @property
    def first(self) -> bool:
        """Whether this process writes, says and judges."""
        return self.number == 0

    # --- shares ---------------------------------------------------------------------------------

    def share(self, number: int) -> slice:
        """Which of ``number`` things are this rank's."""
        return slice(number * self.number // self.count, number * (self.number + 1) // self.count)

    def sizes(self, number: int) -> list[int]:
        """How many of ``number`` things fall to each rank."""
        ends = [number * rank // self.count for rank in range(self.count + 1)]
        return [stop - start for start, stop in pairwise(ends)]

    def gather(self, x: Tensor, sizes: Sequence[int] | None = None) -> Tensor:
        """The rows of all ranks, one after the other; the gradient reaches each rank's own.

        Args:
            x: [n, ...], this rank's rows.
            sizes: n of every rank; None asks them.
        """
        if self.count == 1:
            return x
        return _Gather.apply(x, self, list(sizes) if sizes is not None else self._each(x.shape[0], x.device))

    def sum(self, x: Tensor) -> Tensor:
        """The sum over ranks; so is the gradient."""
        return x if self.count == 1 else _Sum.apply(x, self)

    def _each(self, number: int, device: torch.device) -> list[int]:
        numbers = torch.zeros(self.count, dtype=torch.int64, device=device)
        numbers[self.number] = number
        return self.add_(numbers).tolist()

    def rows(self, x: Tensor, sizes: list[int]) -> Tensor:
        """:meth:`gather` without gradient."""
        padded = x.new_zeros(max(sizes), *x.shape[1:])
        padded[: x.shape[0]] = x
        parts = [torch.empty_like(padded) for _ in sizes]
        with _talking():
            dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    # --- without gradient -----------------------------------------------------------------------

    def add_(self, x: Tensor) -> Tensor:
        """The sum over ranks, in place."""
        if self.count > 1:
            with _talking():
                dist.all_reduce(x)
        return x

    @torch.no_grad()
    def average(self, parameters: Sequence[Tensor]) -> None:
        """Put the mean over ranks in the place of every gradient. What has none on any rank keeps none."""
        if self.count == 1 or not parameters:
            return
        there = torch.tensor([float(p.grad is not None) for p in parameters], device=parameters[0].device)
        self.add_(there)
        used = [p for p, ranks in zip(parameters, there.tolist(), strict=True) if ranks]
        for parameter in used:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [p.grad for p in used if p.grad is not None]
        for gradient in gradients:
            if gradient.numel() >= SMALL:
                self.add_(gradient).div_(self.count)
        small = [gradient for gradient in gradients if gradient.numel() < SMALL]
        for dtype in sorted({gradient.dtype for gradient in small}, key=str):
            self._average_together([gradient for gradient in small if gradient.dtype == dtype])

    def _average_together(self, gradients: list[Tensor]) -> None:
        flat = self.add_(torch.cat([gradient.reshape(-1) for gradient in gradients])).div_(self.count)
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def mean(self, values: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The mean over ranks of named scalars."""
        if self.count == 1 or not values:
            return values
        together = self.add_(torch.stack([value.double() for value in values.values()])) / self.count
        return dict(zip(values, together, strict=True))

    def any(self, flag: bool, device: torch.device) -> bool:
        """Whether it is true on any rank."""
        return flag if self.count == 1 else bool(self.add_(torch.tensor([int(flag)], device=device)).item())

    def same(self, tensors: Iterable[Tensor]) -> None:
        """Give every rank what the first one has."""
        if self.count > 1:
            for tensor in tensors:
                with _talking():
                    dist.broadcast(tensor, 0)

    def from_first(self, make: Callable[[], Any], device: torch.device) -> Any:
        """What ``make`` gives (plain JSON values) on the first rank, on every one.

        Raises:
            RankLost: on the others, when it fails there.
        """
        if self.count == 1:
            return make()
        text = json.dumps(make()).encode() if self.first else b""
        length = torch.tensor([len(text)], device=device)
        self.same([length])
        content = torch.empty(int(length), dtype=torch.uint8, device=device)
        if self.first:
            content.copy_(torch.frombuffer(bytearray(text), dtype=torch.uint8))
        self.same([content])
        return json.loads(bytes(content.cpu().tolist()))

    def wait(self, device: torch.device) -> None:
        """Until the first rank has come this far."""
        self.from_first(lambda: None, device)

    @contextmanager
    def first_then_others(self, device: torch.device) -> Iterator[None]:
        """The first rank alone in the block, then the others: what it fetched, they find."""
        if not self.first:
            self.wait(device)
        yield
        if self.first:
            self.wait(device)


#: One process on its own.
ALONE = Ranks()


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, ranks: Ranks, sizes: list[int]) -> Tensor:
        ctx.ranks, ctx.sizes = ranks, sizes
        return ranks.rows(x, sizes)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        start = sum(ctx.sizes[: ctx.ranks.number])
        whole = ctx.ranks.add_(grad.contiguous().clone())
        return whole[start : start + ctx.sizes[ctx.ranks.number]], None, None


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        return ranks.add_(x.clone())

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return ctx.ranks.add_(grad.contiguous().clone()), None


@contextmanager
def _talking() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # gloo: connection closed by peer
        raise RankLost(
            "another process of this run has ended, so this one ends too; graphcl resume goes on from the last "
            f"checkpoint ({str(error).splitlines()[0]})"
        ) from error
