"""Mistakes that are found in a RecBole config, before data are read; RecBole meets them later, or never."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import cache
from logging import getLogger
from pathlib import Path
from typing import Any

from graphcl.core.errors import ConfigError, nearest
from graphcl.recbole.zoo import property_files

#: Keys that RecBole reads without a default in any of its files.
_UNLISTED = {
    "model", "dataset", "config_files", "nproc", "ip", "port", "world_size", "offset", "group_offset", "local_rank",
    "single_spec", "verbose", "encoding", "use_text", "log_root",
}  # fmt: skip
#: Whole numbers -> their least and greatest.
_NUMBERS = {"train_batch_size": (1, None), "eval_batch_size": (1, None), "seed": (0, 2**32 - 1)}


def check(config: Any, own_keys: Iterable[str] = ()) -> None:
    """Refuse what cannot be meant; keys of other models are noted in the log.

    Args:
        config: RecBole's.
        own_keys: Keys of the model that are in no property file of RecBole.

    Raises:
        ConfigError: one line for each mistake.
    """
    problems = [*_keys(config, own_keys), *_numbers(config), *_split(config), *_judge(config), *_columns(config)]
    if problems:
        raise ConfigError(problems)


def _keys(config: Any, own_keys: Iterable[str]) -> Iterator[str]:
    known = {*config.internal_config_dict, *own_keys, *_UNLISTED}
    known.update(key for keys in config.parameters.values() for key in keys)
    given = {*config.file_config_dict, *config.variable_config_dict}
    others = [key for key in config.external_config_dict if key not in known]
    wrong = [key for key in others if key in given and key not in keys_of_others()]
    for key in wrong:
        close = nearest(key, known)
        advice = f"nearest: {close!r}" if close else "neither RecBole nor graphcl reads it"
        yield f"settings: unknown key {key!r}; {advice}"
    if others and not wrong:
        getLogger().warning(f"{config['model']} does not read {', '.join(others)}")


@cache
def keys_of_others() -> frozenset[str]:
    """Keys in the property files of RecBole's models."""
    lines = [line for file in property_files() for line in file.read_text(encoding="utf-8").splitlines()]
    return frozenset(line.partition(":")[0] for line in lines if line[:1].isalpha() and ":" in line)


def _numbers(config: Any) -> Iterator[str]:
    for key, (least, most) in _NUMBERS.items():
        value = config[key]
        if not isinstance(value, int) or isinstance(value, bool) or value < least or (most and value > most):
            bound = f">= {least}" + (f" and <= {most}" if most else "")
            yield f"settings: {key}: a whole number {bound}, got {value!r}"


def _split(config: Any) -> Iterator[str]:
    split = config["eval_args"]["split"]
    if isinstance(split, dict) and "RS" in split and not _three(split["RS"]):
        yield f"settings: eval_args: split: RS has three shares, of train, validation and test, got {split['RS']!r}"
    parts = config["benchmark_filename"]
    if parts is not None and not _three(parts):
        yield f"settings: benchmark_filename: names three parts, [train, valid, test], got {parts!r}"


def _three(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 3


def _judge(config: Any) -> Iterator[str]:
    """RecBole looks for ``valid_metric`` among what it has computed, after an epoch."""
    from recbole.evaluator import metrics
    from recbole.evaluator.base_metric import LossMetric
    from recbole.evaluator.register import metrics_dict

    whole = (metrics.GAUC, LossMetric)
    computed = [
        name if issubclass(metrics_dict[name.lower()], whole) else f"{name}@{k}"
        for name in config["metrics"]
        for k in config["topk"]
    ]
    asked = config["valid_metric"]
    if str(asked).lower() not in (name.lower() for name in computed):
        names = ", ".join(dict.fromkeys(computed))
        yield f"settings: valid_metric: {asked} is not computed; metrics and topk give {names}"


def _columns(config: Any) -> Iterator[str]:
    """Columns that are read by name must be loaded, and be in the file."""
    from recbole.utils import ModelType

    ordered = config["MODEL_TYPE"] == ModelType.SEQUENTIAL or config["eval_args"]["order"] == "TO"
    parts = config["benchmark_filename"]
    roles = ["USER_ID_FIELD", "ITEM_ID_FIELD", *(["TIME_FIELD"] if ordered and parts is None else [])]
    loaded = None if config["load_col"] is None else config["load_col"].get("inter", [])
    folder, name = Path(config["data_path"]), config["dataset"]
    files = [folder / f"{stem}.inter" for stem in ([name] if parts is None else [f"{name}.{part}" for part in parts])]
    for role in roles:
        column = config[role]
        if loaded not in (None, "*") and column not in loaded:
            order = ", and an order of time needs it" if role == "TIME_FIELD" else ""
            yield f"settings: load_col: inter has no {column!r}, the column of {role}{order}"
            continue
        for file in files:
            held = _header(file, config["field_separator"], config["encoding"])
            if held and column not in held:
                yield f"{file}: no column {column!r}, which {role} names; it has {', '.join(held)}"


def _header(file: Path, separator: str, encoding: str | None) -> Collection[str]:
    """Names of a file's columns; none where there is no such file, which RecBole says."""
    if not file.is_file():
        return []
    with file.open(encoding=encoding, errors="replace") as lines:
        return [field.partition(":")[0] for field in lines.readline().rstrip("\n").split(separator)]
