"""How a node task judges: which splits or links, by which probe; and the record of it beside every result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.data.graphs.node_graph import NodeGraph
from graphcl.data.graphs.splits import NodeSplit
from graphcl.tasks.probes.base import ClassCase, LinkCase, Needs


class NodeProtocol:
    """The cases that a probe judges on one graph.

    All splits are drawn at once: one that cannot be used ends the run before training, not after it.

    Args:
        data: The graph, its labels, splits and held-out links.
        probe: Its name.
        options: Its options, defaults included.
        needs: What it judges.
        splits: Number of splits; 0 takes all that came with the data.

    Attributes:
        unjudged: Why nothing can be judged, or "".

    Raises:
        UserError: no such split, or no links were held out.
    """

    def __init__(self, data: NodeGraph, probe: str, options: Mapping[str, Any], needs: Needs, splits: int) -> None:
        self.data, self.probe, self.options, self.needs = data, probe, dict(options), needs
        self.unjudged = ""
        self.splits: list[NodeSplit] = []
        if needs == "links":
            if data.links is None:
                raise UserError(
                    f"probe {probe!r} needs edges that training does not see, and this data holds none out; "
                    "train with data.split.edges=[0.05,0.1]"
                )
        elif not bool((data.labels >= 0).any()):
            self.unjudged = "the nodes have no labels"
        else:
            self.splits = [data.splits.at(offset) for offset in range(splits or data.splits.count)]

    def cases(self, x: Tensor) -> Iterator[ClassCase | LinkCase]:
        """Embeddings [N, d] with what judges them, once for every split."""
        if self.data.links is not None and self.needs == "links":
            yield LinkCase(x, self.data.graph.edge_index, self.data.links)
        for split in self.splits:
            yield ClassCase(x, self.data.labels, split)

    def record(self) -> dict[str, Any]:
        """The protocol as plain values; ``protocol`` says it in one line."""
        record: dict[str, Any] = {
            "protocol": self.line(),
            "probe": self.probe,
            "probe_options": self.options,
            "setting": "transductive",
            "split": self.data.report.split,
            "splits": [{"sizes": split.sizes(), "hash": split.digest()} for split in self.splits],
            "notes": [*self.data.report.lines(), *self.notes()],
        }
        if self.data.links is not None:
            record["links"] = {"sizes": self.data.links.sizes(), "hash": self.data.links.digest()}
        return record

    def line(self) -> str:
        """One line for tables and metrics.json."""
        if self.unjudged:
            return f"nothing is judged: {self.unjudged}"
        family, given = self.data.splits, ", ".join(f"{k}={_short(v)}" for k, v in self.options.items())
        pieces = [f"probe {self.probe}" + (f" ({given})" if given else "")]
        if self.data.links is not None and self.needs == "links":
            sizes = self.data.links.sizes()
            pieces += [f"edges held out {sizes['valid']:,}/{sizes['test']:,}", f"hash {self.data.links.digest()[:12]}"]
        else:
            first = self.splits[0]
            what = "/".join(f"{size:,}" for size in first.sizes().values())
            pieces += [f"split {family.by} {what}", f"hash {first.digest()[:12]}"]
            if len(self.splits) > 1:
                pieces[1:1] = [f"mean and standard deviation of {len(self.splits)} splits"]
        return ", ".join([*pieces, f"seed {family.seed}", "transductive"])

    def notes(self) -> list[str]:
        """What a reader of the result should know."""
        if self.unjudged:
            return [self.line()]
        return [note for number, split in enumerate(self.splits) for note in self._absent(number, split)]

    def _absent(self, number: int, split: NodeSplit) -> Iterator[str]:
        """Classes that no probe can learn in this split."""
        labels = self.data.labels
        known = set(labels[split.train].unique().tolist())
        absent = [label for label in labels[split.test].unique().tolist() if label not in known]
        if absent:
            names = self.data.class_names or [str(label) for label in range(int(labels.max()) + 1)]
            listed = ", ".join(names[label] for label in absent[:10]) + (", ..." if len(absent) > 10 else "")
            lost = sum(int((labels[split.test] == label).sum()) for label in absent)
            yield (
                f"split {self.data.splits.index + number}: no training node of class {listed}; "
                f"{lost:,} test nodes cannot be predicted right"
            )


def _short(value: Any) -> str:
    text = f"{value[0]:g}..{value[-1]:g}" if isinstance(value, list | tuple) and len(value) > 3 else str(value)
    return text.replace(" ", "")
