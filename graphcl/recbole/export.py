"""RecBole's split of a data set as files that ``graphcl train`` reads, so that figures can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.recbole.data import to_histories


def export_split(config: Any, folder: Path) -> dict[str, str]:
    """Write ``train.inter``, ``valid.inter`` and ``test.inter``, of ids as the user has them.

    Args:
        config: RecBole's; its model says whether the rows of a user are in order, with their place as time.
        folder: Must not exist.

    Returns:
        Path -> value, of the settings with which ``graphcl train`` reads them.

    Raises:
        UserError: the folder exists, or the training rows are no histories.
    """
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import ModelType, init_seed

    if folder.exists():
        raise UserError(f"{folder} exists; name a new folder")
    init_seed(config["seed"], config["reproducibility"])
    loaders = data_preparation(config, create_dataset(config))
    parts = dict(zip(("train", "valid", "test"), (loader._dataset for loader in loaders), strict=True))
    ordered = config["MODEL_TYPE"] == ModelType.SEQUENTIAL
    rows = {name: _rows(dataset) for name, dataset in parts.items()}
    if ordered:
        train = to_histories(parts["train"], max_len=config["MAX_ITEM_LIST_LENGTH"], row_layout="prefix")[0].train
        rows["train"] = train.users + 1, train.items + 1
    folder.mkdir(parents=True)
    place = 0
    for name, (users, items) in rows.items():
        times = np.arange(place, place + len(users)) if ordered else None
        _write(folder / f"{name}.inter", parts["train"], {"user_id": users, "item_id": items}, times)
        place += len(users)
    read = {"data.path": str(folder), "data.format": "atomic", "data.split.by": "given", "data.repeats": "keep",
            "data.user": "user_id", "data.item": "item_id"}  # fmt: skip
    return read | ({"data.time": "timestamp"} if ordered else {})


def _rows(dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    columns: list[Tensor] = [dataset.inter_feat[field] for field in (dataset.uid_field, dataset.iid_field)]
    return columns[0].numpy(), columns[1].numpy()


def _write(path: Path, dataset: Any, columns: Mapping[str, np.ndarray], times: np.ndarray | None) -> None:
    fields = {"user_id": dataset.uid_field, "item_id": dataset.iid_field}
    tokens = [dataset.field2id_token[fields[name]][rows] for name, rows in columns.items()]
    header = ["user_id:token", "item_id:token", *([] if times is None else ["timestamp:float"])]
    lines = zip(*tokens, *([] if times is None else [times]), strict=True)
    with path.open("w", encoding="utf-8") as file:
        file.write("\t".join(header) + "\n")
        file.writelines("\t".join(map(str, line)) + "\n" for line in lines)
