"""Example records: one thing seen as several graphs (a text and a graph, a code and a query)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch_geometric.data import Batch as GraphBatch
from torch_geometric.data import Data

from graphcl.core.errors import UserError
from graphcl.core.options import Count, NonNegative, Positive
from graphcl.core.registry import register
from graphcl.core.seeds import generator
from graphcl.data.report import DataReport

PARTS = ("train", "valid", "test")


@dataclass(frozen=True, eq=False)
class Records:
    """Records, and which of them train, choose and test.

    Attributes:
        fields: Name of a field -> the graph of every record, all lists of one length.
        parts: ``train``, ``valid``, ``test`` -> [n] int64 record numbers, disjoint, ascending.
        report: What was read or made.

    Raises:
        UserError: lists of different lengths, or parts that overlap or are empty.
    """

    fields: Mapping[str, Sequence[Data]]
    parts: Mapping[str, Tensor]
    report: DataReport = field(default_factory=DataReport)

    def __post_init__(self) -> None:
        lengths = {name: len(graphs) for name, graphs in self.fields.items()}
        if not lengths or len(set(lengths.values())) > 1:
            raise UserError(f"records: every field needs one graph a record, got {lengths}")
        numbers = torch.cat([self.parts[part] for part in PARTS])
        if numbers.unique().numel() < numbers.numel():
            raise UserError("records: a record is in more than one of train, valid, test")
        if empty := [part for part in PARTS if not self.parts[part].numel()]:
            raise UserError(f"records: {', '.join(empty)} would be empty; give more records or other ratios")

    def __len__(self) -> int:
        return len(next(iter(self.fields.values())))

    def graphs(self, numbers: Tensor) -> dict[str, GraphBatch]:
        """Field -> the graphs of these records as one ``torch_geometric`` batch, in this order."""
        chosen = numbers.tolist()
        return {
            name: GraphBatch.from_data_list([graphs[number] for number in chosen])
            for name, graphs in self.fields.items()
        }


def split_records(count: int, ratios: Sequence[float], generator: torch.Generator) -> dict[str, Tensor]:
    """Deal ``count`` records at random into train, valid and test by these shares."""
    if min(ratios) <= 0 or abs(sum(ratios) - 1) > 1e-6:
        raise UserError(f"data.ratios: {list(ratios)} must be three positive shares that sum to 1")
    sizes = [round(count * share) for share in ratios[:2]]
    dealt = torch.randperm(count, generator=generator).split([*sizes, count - sum(sizes)])
    return {part: numbers.sort().values for part, numbers in zip(PARTS, dealt, strict=True)}


@register("data", "records", example={"count": 30})
class RecordsData:
    """Generated records with the fields ``text`` and ``graph``; your own come from a data part of a plugin.

    Each record has a latent point that both of its graphs show: ``text`` is a chain of tokens (one-hot) that the
    latent makes likely; ``graph`` is a random tree whose node features are a linear map of the latent, with noise.
    """

    def __init__(
        self,
        name: Literal["generated"] = "generated",
        count: Count = 400,
        tokens: Count = 32,
        features: Count = 16,
        latent: Count = 8,
        noise: NonNegative = 0.5,
        ratios: Annotated[list[Positive], Field(min_length=3, max_length=3)] = [0.6, 0.2, 0.2],  # noqa: B006
    ) -> None:
        """
        Args:
            name: The only set that ships.
            count: Number of records.
            tokens: Size of the vocabulary of `text`.
            features: Node features of `graph`.
            latent: Dimensions of the latent that the two graphs of a record share.
            noise: Standard deviation of what is added to each node feature of `graph`.
            ratios: Shares of train, valid and test.
        """
        self.name, self.count, self.tokens, self.features = name, count, tokens, features
        self.latent, self.noise, self.ratios = latent, noise, ratios

    def load(self, *, seed: int) -> Records:
        """Make the records; the same ones for the same seed and options."""
        draw = generator(seed, "records")
        latents = torch.randn(self.count, self.latent, generator=draw)
        token_map = torch.randn(self.latent, self.tokens, generator=draw)
        feature_map = torch.randn(self.latent, self.features, generator=draw) / self.latent**0.5
        report = DataReport(source=f"{self.name} (synthetic)", format="text and graph records")
        parts = split_records(self.count, self.ratios, draw)
        report.split = {"by": "random", "sizes": {part: numbers.numel() for part, numbers in parts.items()}}
        report.split_hash = _digest(parts)
        return Records(
            {
                "text": [token_chain(z @ token_map, draw) for z in latents],
                "graph": [feature_tree(z @ feature_map, self.noise, draw) for z in latents],
            },
            parts,
            report,
        )


def token_chain(logits: Tensor, generator: torch.Generator) -> Data:
    """6 to 12 tokens drawn with probability softmax(logits), one-hot [L, V], each linked to the next."""
    length = int(torch.randint(6, 13, (), generator=generator))
    drawn = torch.multinomial(logits.softmax(0), length, replacement=True, generator=generator)
    x = torch.nn.functional.one_hot(drawn, logits.numel()).float()
    return Data(x=x, edge_index=_both_ways(torch.arange(length - 1), torch.arange(1, length)), num_nodes=length)


def feature_tree(centre: Tensor, noise: float, generator: torch.Generator) -> Data:
    """A random recursive tree of 4 to 8 nodes whose features are ``centre`` plus noise."""
    size = int(torch.randint(4, 9, (), generator=generator))
    x = centre + noise * torch.randn(size, centre.numel(), generator=generator)
    child = torch.arange(1, size)
    parent = (torch.rand(size - 1, generator=generator) * child).long()  # uniform among earlier nodes
    return Data(x=x, edge_index=_both_ways(parent, child), num_nodes=size)


def _both_ways(source: Tensor, target: Tensor) -> Tensor:
    """[2, 2E]."""
    return torch.stack([torch.cat([source, target]), torch.cat([target, source])])


def _digest(parts: Mapping[str, Tensor]) -> str:
    text = "|".join(f"{part}:{parts[part].tolist()}" for part in PARTS)
    return hashlib.sha256(text.encode()).hexdigest()
