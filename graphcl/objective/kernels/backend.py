"""Which implementation computes a log-sum-exp. All give equal results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Literal, Protocol

from torch import Tensor
from torch.backends import cudnn
from torch.nn.attention import SDPBackend, sdpa_kernel

from graphcl.core.errors import UserError, suggestion
from graphcl.objective.kernels import blockwise, dense
from graphcl.objective.kernels.adjust import Adjust

BackendName = Literal["blockwise", "dense"]


class Backend(Protocol):
    """What a backend is."""

    def __call__(
        self,
        a: Tensor,
        c: Tensor,
        *,
        adjust: Adjust,
        extra: Tensor | None,
        weight: Tensor | None,
        block_bytes: int | None,
    ) -> Tensor:
        """See :func:`graphcl.objective.kernels.dense.log_sum_exp`."""
        ...


#: A further backend (a fused GPU kernel, say) is one module with this function and one entry here.
BACKENDS: Mapping[str, Backend] = MappingProxyType({"blockwise": blockwise.log_sum_exp, "dense": dense.log_sum_exp})

_DIFFERENTIABLE: ContextVar[bool] = ContextVar("graphcl_kernels_differentiable", default=False)


@contextmanager
def differentiable() -> Iterator[None]:
    """Inside, every kernel, and attention, can be differentiated any number of times (virtual, second-order steps).

    Example:
        >>> with differentiable():
        ...     inner = contrast(z, z, index).mean()
        >>> (step,) = torch.autograd.grad(inner, weight, create_graph=True)  # doctest: +SKIP
    """
    token = _DIFFERENTIABLE.set(True)
    try:
        with sdpa_kernel(SDPBackend.MATH), cudnn.flags(enabled=False):  # the fused ones have no second derivative
            yield
    finally:
        _DIFFERENTIABLE.reset(token)


def is_differentiable() -> bool:
    """Whether :func:`differentiable` is on."""
    return _DIFFERENTIABLE.get()


def choose_backend(name: BackendName | None) -> Backend:
    """The backend of that name; ``dense`` inside :func:`differentiable`, else ``blockwise`` by default.

    Raises:
        UserError: unknown name.
    """
    if is_differentiable():
        name = "dense"
    if (name or "blockwise") not in BACKENDS:
        raise UserError(f"unknown kernel backend {name!r}{suggestion(str(name), BACKENDS)}")
    return BACKENDS[name or "blockwise"]
