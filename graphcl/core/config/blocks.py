"""The blocks of a recipe that are not parts. Their constructors are their schema, as with parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from graphcl.core.options import Address, Count, Index, NonNegative, Positive, UserPath


@dataclass(kw_only=False)
class Train:
    """How long and how a recipe is trained.

    Args:
        epochs: Passes over the training examples.
        lr: Learning rate.
        lr_decay: Factor of the learning rate after each epoch.
        lr_min: Floor of the decayed learning rate.
        lr_schedule: Whether the rate stays (but for lr_decay), or falls to 0 as half a cosine until the last epoch.
        warmup_epochs: Epochs over which the rate rises linearly from 0, before the cosine begins.
        optimizer: Rule of the gradient step.
        weight_decay: Decay inside the optimizer (decoupled for adamw); a loss term is `regularizers: [l2]`.
        batch_size: Examples a step; 0 takes all of them.
        apart: State's table of the class of each example (`state.NAME.assignment` of a kmeans): no two examples of one
            class are in a batch. Of a class with more examples than an epoch has batches the others wait for another
            epoch. Empty: any may meet.
        seed: Everything random derives from it.
        eval_every: Epochs between evaluations on the validation split.
        patience: Evaluations without a better `monitor` before training stops; 0 never stops.
        monitor: Validation metric that chooses the best epoch; empty takes the task's default. `loss` chooses the
            epoch of the smallest training loss, without looking at labels (DGI).
        checkpoint_every: Epochs between checkpoints.
        checkpoint_seconds: A checkpoint is also written when this many seconds have passed since the last.
        device: cpu, cuda, or auto (cuda where there is one).
        threads: CPU threads; 0 leaves torch's choice.
        backend: Kernels of sparse propagation: torch, or dgl (an extra; equal to 1e-5).
        precision: float32, or bf16 autocast around the forward pass.
        clip_norm: Largest gradient norm; 0 does not clip.
        init_from: Run folder whose parameters (matched by id) training starts from.
    """

    epochs: Count = 100
    lr: Positive = 1e-3
    lr_decay: Positive = 1.0
    lr_min: NonNegative = 0.0
    lr_schedule: Literal["constant", "cosine"] = "constant"
    warmup_epochs: Index = 0
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    weight_decay: NonNegative = 0.0
    batch_size: Annotated[int, Field(ge=0, le=2**31 - 1)] = 2048
    apart: Address | None = None
    seed: Index = 0
    eval_every: Count = 1
    patience: Index = 10
    monitor: str = ""
    checkpoint_every: Count = 1
    checkpoint_seconds: Positive = 60.0
    device: str = "auto"
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    backend: Literal["torch", "dgl"] = "torch"
    precision: Literal["float32", "bf16"] = "float32"
    clip_norm: NonNegative = 0.0
    init_from: UserPath = ""


@dataclass
class ViewBlock:
    """A view: what it is drawn of and how it is changed.

    Args:
        of: Field of the example record (`graph` where an example is one graph).
        source: Whose row stands for an anchor: `self`, or a part such as `{neighbour: {hops: 2}}`.
        augment: Augmenters, applied in order: graph level, then operator level.
        redraw: When it is drawn anew; empty: every step when an augmenter is stochastic, else once.
        hidden_of: View whose layers this one propagates instead of its own (LightGCL's SVD view).
    """

    of: str = ""
    source: dict[str, Any] = field(default_factory=lambda: {"name": "self"})
    augment: dict[str, dict[str, Any]] = field(default_factory=dict)
    redraw: Literal["", "step", "epoch", "once"] = ""
    hidden_of: str = ""


@dataclass
class Inner:
    """A virtual step that the phase's terms are evaluated after (second order).

    Args:
        terms: Terms whose gradient makes the virtual step.
        params: Owners whose parameters the virtual step moves.
        lr: Step size of the virtual step (plain SGD).
    """

    terms: list[str] = field(default_factory=list)
    params: list[str] = field(default_factory=list)
    lr: Positive = 1e-2


@dataclass
class PhaseBlock:
    """A named part of the training schedule.

    Args:
        terms: Terms and regularizers of this phase; empty: all.
        params: Owners (towers, heads, latents, terms) whose parameters move; empty: all.
        optimizer: Rule of the gradient step; empty takes train.optimizer.
        lr: Learning rate; 0 takes train.lr.
        period: `step`: the phases follow each other within every step; `epoch`: they take turns by epochs.
        epochs: Length of this phase's turn where period is `epoch`.
        start: First epoch (from 0) in which the phase is active.
        stop: First epoch in which it no longer is; 0 never stops.
        every: Steps between two of its updates.
        redraw: Whether views are drawn anew for this phase, or shared with the one before it.
        optimizer_of: Earlier phase of the same parameters whose optimizer, with its moments, this one goes on with.
        inner: A virtual step on other parameters before this phase's terms are taken.
    """

    terms: list[str] = field(default_factory=list)
    params: list[str] = field(default_factory=list)
    optimizer: Literal["", "adam", "adamw", "sgd"] = ""
    lr: NonNegative = 0.0
    period: Literal["step", "epoch"] = "step"
    epochs: Count = 1
    start: Index = 0
    stop: Index = 0
    every: Count = 1
    redraw: Literal["views", "none"] = "views"
    optimizer_of: str = ""
    inner: Inner | None = None


@dataclass
class Embed:
    """What leaves the recipe: the only thing that probes, `recommend`, `embed` and export read.

    Args:
        view: A view of the recipe; empty takes the graph without augmentation.
        latents: Addresses of what is embedded, such as `[main(a).nodes, second(b).nodes]`; empty: one latent, which
            the other options name.
        combine: Whether the rows of several `latents` are added, or put beside each other.
        of: Field of the record that is embedded; empty: every field (`towers` says by which tower).
        tower: The tower.
        towers: Record field -> tower, where fields have towers of their own.
        level: nodes, graphs, or the shares of a tower with `thresholds`; empty takes what the task judges.
        normalize: Whether rows are scaled to unit length.
    """

    view: str = ""
    latents: list[Address] = field(default_factory=list)
    combine: Literal["sum", "concat"] = "sum"
    of: str = ""
    tower: str = "main"
    towers: dict[str, str] = field(default_factory=dict)
    level: Literal["", "nodes", "graphs", "shares"] = ""
    normalize: bool = False


@dataclass
class Where:
    """Common options of every head and latent.

    Args:
        of: What it is applied to: `nodes`, `graphs`, or a head or latent.
        tower: Tower whose latents the head takes (for its input width).
    """

    of: str = "nodes"
    tower: str = "main"

