"""Fine-tuning a sentence encoder on a graph of texts: linked texts shall be told from others.

The self-supervised neighbour prediction of GIANT (Chien et al., ICLR 2022), with which GAugLLM (Fang et al., KDD 2024)
trains its text encoder. There a tree of classifiers, one a node, makes it affordable; here the other texts of the batch
stand for all others (InfoNCE), so that nothing but the encoder is trained. No label is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from graphcl.core.bars import no_bars_in_files
from graphcl.core.errors import NonFiniteError, UserError
from graphcl.core.files import creating, write_json
from graphcl.core.options import Count, Index, Positive, Share
from graphcl.core.seeds import generator, global_rng

#: Of a folder that :func:`save_tuned` wrote.
ABOUT = "tuned.json"


@dataclass(frozen=True)
class TuneOptions:
    """How a sentence encoder is fine-tuned.

    Args:
        epochs: Passes over the links.
        batch_size: Links of a step; each is told from the other ends of the batch.
        lr: Of AdamW, after the warm-up; it falls to 0 in a straight line.
        warmup: Share of the steps in which it rises.
        temperature: Of the softmax over cosines.
        max_length: Tokens of a text; 0 is the model's own number.
    """

    epochs: Count = 1
    batch_size: Count = 32
    lr: Positive = 6e-5
    warmup: Share = 0.1
    temperature: Positive = 0.05
    max_length: Index = 128


def neighbour_loss(left: Tensor, right: Tensor, unknown: Tensor, temperature: float) -> Tensor:
    """The mean over both directions of InfoNCE between the two ends of links.

    Args:
        left: [B, d], one end of each.
        right: [B, d], the other.
        unknown: [B, B] bool, pairs (left, right) that are no negatives: linked, or the same text.
        temperature: tau.

    Returns:
        A scalar.
    """
    scores = F.normalize(left, dim=1) @ F.normalize(right, dim=1).T / temperature
    own = torch.eye(len(left), dtype=torch.bool, device=left.device)
    scores = scores.masked_fill(unknown & ~own, float("-inf"))
    target = torch.arange(len(left), device=left.device)
    return (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2


def undirected(edge_index: Tensor, texts: Sequence[str]) -> Tensor:
    """[E, 2] links of different nodes, each once, both ends with a text.

    Raises:
        UserError: there is none.
    """
    low, high = edge_index.min(dim=0).values, edge_index.max(dim=0).values
    told = torch.tensor([bool(text.strip()) for text in texts], dtype=torch.bool)
    kept = (low != high) & told.index_select(0, low) & told.index_select(0, high)
    links = torch.unique(torch.stack([low[kept], high[kept]], dim=1), dim=0)
    if not len(links):
        raise UserError("no link joins two nodes with texts, so there is nothing to learn from neighbours")
    return links


def tune_on_neighbours(
    model: Any,
    texts: Sequence[str],
    edge_index: Tensor,
    options: TuneOptions = TuneOptions(),
    *,
    seed: int = 0,
    watch: Callable[[int, int, float], None] = lambda done, total, loss: None,
) -> list[float]:
    """Fine-tune a model of ``sentence-transformers`` in place.

    Args:
        model: A ``SentenceTransformer``, on the device where it shall be trained.
        texts: Of the N nodes.
        edge_index: [2, M] links, in one direction or both.
        options: See :class:`TuneOptions`.
        seed: Of the order of links and of dropout.
        watch: Called after each step with its number, the number of all steps and the loss.

    Returns:
        The mean loss of each pass.

    Raises:
        UserError: no link joins two texts.
        NonFiniteError: the loss became NaN or infinite; the model is then of no use.
    """
    links, device = undirected(edge_index, texts), next(model.parameters()).device
    linked = links[:, 0] * len(texts) + links[:, 1]
    per_pass = -(-len(links) // options.batch_size)
    total = per_pass * options.epochs
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.lr)
    rise = max(round(options.warmup * total), 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share_of_lr(step, rise, total))
    if options.max_length:
        model.max_seq_length = options.max_length
    losses: list[float] = []
    model.train()
    with global_rng(seed, "text encoder"):  # from which the model's dropout draws
        for step, batch in enumerate(_batches(links, options, generator(seed, "links"))):
            left, right = (_embedded(model, texts, ends, device) for ends in batch.T)
            unknown = _unknown(batch, linked, len(texts)).to(device)
            loss = neighbour_loss(left, right, unknown, options.temperature)
            if not torch.isfinite(loss):
                raise NonFiniteError(f"neighbour prediction: the loss is {loss.item()} in step {step + 1}; lower --lr")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
            watch(step + 1, total, losses[-1])
    model.eval()
    return [math.fsum(losses[at : at + per_pass]) / per_pass for at in range(0, total, per_pass)]


def _share_of_lr(step: int, rise: int, total: int) -> float:
    return (step + 1) / rise if step < rise else max(0.0, (total - step) / max(total - rise, 1))


def _batches(links: Tensor, options: TuneOptions, random: torch.Generator) -> Iterator[Tensor]:
    for _ in range(options.epochs):
        yield from links[torch.randperm(len(links), generator=random)].split(options.batch_size)


def _embedded(model: Any, texts: Sequence[str], nodes: Tensor, device: torch.device) -> Tensor:
    prepare = getattr(model, "preprocess", None) or model.tokenize  # its name until version 5
    features = prepare([texts[node] for node in nodes.tolist()])
    moved = {key: value.to(device) if isinstance(value, Tensor) else value for key, value in features.items()}
    return model(moved)["sentence_embedding"]


def _unknown(batch: Tensor, linked: Tensor, count: int) -> Tensor:
    """[B, B] bool: pairs of a left and a right end that are linked, or one node."""
    left, right = batch[:, 0, None], batch[None, :, 1]
    codes = torch.minimum(left, right) * count + torch.maximum(left, right)
    return torch.isin(codes, linked) | (left == right)


def save_tuned(
    model: Any, out: Path, options: TuneOptions, about: Mapping[str, Any], *, replace: bool = False
) -> None:
    """Write a folder that ``data.text.model`` takes, with what it was made of; ``replace`` lets an old one give way.

    Raises:
        UserError: the folder exists, or cannot be written.
    """
    with creating(out, replace=replace) as temporary:
        with no_bars_in_files():
            model.save(str(temporary), create_model_card=False)
        write_json(temporary / ABOUT, {**about, "options": asdict(options)})
