"""RecBole's tables with pandas 3: what is replaced in the modules that read a data set."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sized
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from graphcl.recbole.patches import Over, Patches


def fill_missing(patches: Patches) -> None:
    """``fillna(inplace=True)`` on a column changes a copy."""
    from recbole.data.dataset import dataset as module
    from recbole.utils import FeatureType

    fill, pandas = module.Dataset._fill_nan, module.pd

    def fill_nan(self: Any) -> None:
        for name in self.feat_name_list:
            features = getattr(self, name)
            for field in features:
                if self.field2type[field] == FeatureType.TOKEN:
                    features[field] = features[field].fillna(0)
                elif self.field2type[field] == FeatureType.FLOAT:
                    features[field] = features[field].fillna(features[field].mean())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the rest of it changes nothing
            fill(self)

    def read_csv(*args: Any, **kwargs: Any) -> Any:
        frame = pandas.read_csv(*args, **kwargs)
        for column in frame:
            if str(column).endswith("_seq"):
                frame[column] = frame[column].fillna("")
        return frame

    patches.set(module.Dataset, "_fill_nan", fill_nan)
    patches.set(module, "pd", Over(pandas, read_csv=read_csv))


def count_in_rows(patches: Patches) -> None:
    """``column.agg(len)`` is the number of rows, where RecBole wants the length of each row's list."""
    for name in ("dataset", "kg_dataset", "sequential_dataset"):
        patches.set(importlib.import_module(f"recbole.data.dataset.{name}"), "len", _length)


def _length(rows: Sized) -> Any:
    return rows.map(len) if isinstance(rows, pd.Series) else len(rows)


def copy_columns(patches: Patches) -> None:
    """``column.values`` cannot be written to, so that each tensor of it warns."""
    from recbole.data.dataset.dataset import Dataset

    convert = Dataset._dataframe_to_interaction

    def to_interaction(self: Any, frame: pd.DataFrame) -> Any:
        return convert(self, {name: _Column(frame[name].to_numpy(copy=True)) for name in frame})

    patches.set(Dataset, "_dataframe_to_interaction", to_interaction)


@dataclass
class _Column:
    """As much of a column as RecBole makes tensors of."""

    values: np.ndarray
