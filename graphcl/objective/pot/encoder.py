"""Which encoders can be bounded, and why the others cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from graphcl.core.errors import UserError
from graphcl.encode.linear_layers import Activation, Affine, Linear, LinearLayer, Propagate, Skip

#: Norm -> whether it adds self loops.
NORMS = {"gcn": True, "sym": False}

#: What becomes of batch normalisation in training mode: no bound, or one of the encoder in evaluation mode.
BatchNorm = Literal["refuse", "running"]


def layers_of(tower: nn.Module, name: str, batch_norm: BatchNorm = "refuse") -> list[LinearLayer]:
    """The layers of a tower that can be bounded: as it stands, or (``running``) as it is in evaluation mode.

    Raises:
        UserError: it cannot; names the layer and the reason.
    """
    where = f"tower '{name}' ({type(tower).__name__.lower()}) cannot be bounded"
    described = getattr(tower, "linear_layers", None)
    if described is None:
        raise UserError(f"{where}: it does not say which linear layers it is made of; encoders that do: gcn, lightgcn")
    try:
        layers = described()
        check_layers(layers)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    for path, module in tower.named_modules():
        if batch_norm == "refuse" and isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training:
            raise UserError(
                f"{where}: {path} normalises by the statistics of the batch, which every edge may change; set the "
                "regularizer's batch_norm=running to bound what it gives in evaluation mode, by its running "
                "statistics, or the encoder's batch_norm=false"
            )
    return layers


def check_layers(layers: Sequence[LinearLayer]) -> bool:
    """Refuse layers that the bounds do not cover; returns whether propagation adds self loops.

    Raises:
        UserError: names the layer and the reason.
    """
    norms = [layer.norm for layer in layers if isinstance(layer, Propagate)]
    for number, layer in enumerate(layers, 1):
        at = f"layer {number} of {len(layers)}"
        if isinstance(layer, Propagate) and (layer.norm not in NORMS or layer.norm != norms[0]):
            known = "one of gcn, sym for all layers"
            raise UserError(f"{at} propagates with norm '{layer.norm}'; there are bounds for {known}")
        if isinstance(layer, Activation) and not 0.0 <= (slope := _number(layer.slope)) <= 1.0:
            raise UserError(
                f"{at}, an activation, has slope {slope:.3g} below 0; the lines around it hold for slopes in [0, 1]; "
                "take relu"
            )
        if isinstance(layer, Skip) and layer.weight < 0:
            raise UserError(f"{at} subtracts the input, which the bounds do not cover")
        if not isinstance(layer, Propagate | Linear | Affine | Activation | Skip):
            raise UserError(f"{at} is a {type(layer).__name__}, for which there is no bound")
    if not norms:
        raise UserError("it never propagates, so no edge changes its output")
    return NORMS[norms[0]]


def _number(slope: Tensor | float) -> float:
    return float(slope.detach()) if isinstance(slope, Tensor) else slope
