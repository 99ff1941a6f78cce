"""Reader of WikiCS's ``data.json``.

Source: Mernyei, Cangea, "Wiki-CS: A Wikipedia-Based Benchmark for Graph Neural Networks", GRL+ at ICML 2020.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.data.graphs.raw import RawGraph


def read_wikics(path: Path) -> RawGraph:
    """Read the graph with its 20 splits: training and validation nodes of each, and the one test part of all.

    The set also comes with stopping nodes, which choose the epoch of supervised training; they are in no part here.

    Raises:
        UserError: not that file.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        links = data["links"]
        edges = [np.full(len(ends), node, dtype=np.int64) for node, ends in enumerate(links)]
        targets = np.concatenate([np.asarray(ends, dtype=np.int64) for ends in links])
        train, valid = (_columns(data[key]) for key in ("train_masks", "val_masks"))
        test = torch.tensor(data["test_mask"], dtype=torch.bool).unsqueeze(1)
        return RawGraph(
            edge_index=torch.from_numpy(np.stack([np.concatenate(edges), targets])),
            num_nodes=len(links),
            x=torch.tensor(data["features"], dtype=torch.float32),
            y=torch.tensor(data["labels"], dtype=torch.int64),
            masks={"train": train, "valid": valid, "test": test.expand(-1, train.shape[1]).contiguous()},
            source=str(path),
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise UserError(f"{path}: not the data.json of WikiCS: {error!r}") from error


def _columns(masks: list[list[bool]]) -> Tensor:
    """R masks of N -> [N, R]."""
    return torch.tensor(masks, dtype=torch.bool).t().contiguous()
