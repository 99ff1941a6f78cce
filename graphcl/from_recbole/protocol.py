"""RecBole's keys of data and evaluation as ours, with the same meaning, or refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from graphcl.from_recbole.keys import NotSame

Settings = dict[str, Any]
Given = Mapping[str, Any]
#: Without effect on any figure.
SILENT = frozenset({
    "gpu_id", "worker", "state", "reproducibility", "checkpoint_dir", "show_progress", "save_dataset",
    "dataset_save_path", "save_dataloaders", "dataloaders_save_path", "log_wandb", "wandb_project",
    "loss_decimal_place", "eval_batch_size", "metric_decimal_place", "valid_metric_bigger", "config_files",
    "nproc", "field_separator", "seq_separator", "LABEL_FIELD", "NEG_PREFIX", "LIST_SUFFIX", "ITEM_LIST_LENGTH_FIELD",
    "POSITION_FIELD", "shuffle", "use_gpu", "encoding",
})  # fmt: skip
_BOUND = re.compile(r"\[\s*(-?[\d.]+)\s*,\s*inf\s*[)\]]")
#: RecBole's metrics, in lower case, that are computed here; itemcoverage is called coverage.
METRICS = frozenset({"recall", "mrr", "ndcg", "hit", "precision", "map", "itemcoverage"})


def _mapping(given: Given, key: str) -> Given:
    found = given.get(key)
    if found in (None, "None"):
        return {}
    if not isinstance(found, Mapping):
        raise NotSame(f"{key}: expected {{KEY: VALUE}}, got {found!r}")
    return found


def data_settings(given: Given, sequence: bool) -> Settings:
    """Which files are read, and which of their columns."""
    name = given.get("dataset")
    if not name:
        raise NotSame("dataset: missing; which data set is it?")
    found = {"data.name": "ml-100k"} if name == "ml-100k" else _files(given, str(name))
    loaded: Any = _mapping(given, "load_col").get("inter")
    every = loaded in (None, "*")
    for key, role, usual in (("USER_ID_FIELD", "user", "user_id"), ("ITEM_ID_FIELD", "item", "item_id")):
        column = given.get(key, usual)
        if not every and column not in loaded:
            raise NotSame(f"load_col: inter has no {column!r}, the column of {key}")
        found[f"data.{role}"] = column
    time = given.get("TIME_FIELD", "timestamp")
    ordered = sequence or _mapping(given, "eval_args").get("order") == "TO"
    if (ordered and loaded == "*") or (not every and time in loaded):
        found["data.time"] = time
    elif ordered and name != "ml-100k":
        raise NotSame(f"load_col: an order of time needs the column {time!r}: load_col: {{inter: [..., {time}]}}")
    return found


def _files(given: Given, name: str) -> Settings:
    folder = Path(given.get("data_path") or "dataset") / name
    parts = given.get("benchmark_filename")
    if parts is None:
        return {"data.path": str(folder / f"{name}.inter"), "data.format": "atomic"}
    if not isinstance(parts, list) or len(parts) != 3:
        raise NotSame(f"benchmark_filename: names three parts: [train, valid, test], got {parts!r}")
    files = {part: f"{name}.{own}.inter" for part, own in zip(("train", "valid", "test"), parts, strict=True)}
    split = {"by": "given", "files": files}
    if parts[1] == parts[2]:  # RecBole's way to say that there is none
        split = {"by": "given", "files": {**files, "valid": ""}, "valid": "none"}
    return {"data.path": str(folder), "data.format": "atomic", "data.split": split}


def filter_settings(given: Given) -> Settings:
    """What is left out of the log."""
    found: Settings = {"data.repeats": "keep"}
    duplicates, values = given.get("rm_dup_inter"), _mapping(given, "val_interval")
    if duplicates == "last":
        found["data.repeats"] = "last"
    elif duplicates is not None:
        raise NotSame(f"rm_dup_inter: {duplicates}: 'last' is what can be followed")
    rating = given.get("RATING_FIELD", "rating")
    if values:
        if set(values) != {rating}:
            raise NotSame(f"val_interval: of {rating!r} alone, from a least value on: {{{rating}: \"[3,inf)\"}}")
        if duplicates is not None:
            raise NotSame("val_interval: RecBole drops repeats before it looks at values, and here it is the other way")
        found |= {"data.rating": rating, "data.min_rating": _least("val_interval", values[rating])}
    least = {kind: _least(key, given.get(key, "[0,inf)"))
             for kind, key in (("user", "user_inter_num_interval"), ("item", "item_inter_num_interval"))}  # fmt: skip
    if max(least.values()) > 1:
        found["data.k_core"] = {kind: max(int(number), 1) for kind, number in least.items()}
    return found


def _least(key: str, interval: Any) -> float:
    """The lower bound of an interval without an upper one."""
    match = _BOUND.fullmatch(str(interval).strip())
    if interval is not None and match is None:
        raise NotSame(f"{key}: {interval}: a least value, [5,inf), is what can be followed")
    return float(match[1]) if match else 0.0


def split_settings(given: Given, sequence: bool) -> Settings:
    """How the log is parted. RecBole's default is a random split 8:1:1 of each user, of histories leave-one-out."""
    if given.get("benchmark_filename") is not None or "eval_args" not in given:
        return {}
    asked = _mapping(given, "eval_args")
    how, order, by_user = asked.get("split"), asked.get("order", "RO"), asked.get("group_by", "user")
    if how is None:
        return {}
    if not isinstance(how, Mapping) or len(how) != 1:
        raise NotSame(f"eval_args: split: {{RS: [0.8, 0.1, 0.1]}} or {{LS: valid_and_test}}, got {how!r}")
    ((kind, value),) = how.items()
    if by_user not in ("user", None, "none"):
        raise NotSame(f"eval_args: group_by: {by_user}: 'user' or none is what can be followed")
    if kind == "LS":
        if value != "valid_and_test" or order != "TO" or by_user != "user":
            raise NotSame("eval_args: of LS, {split: {LS: valid_and_test}, order: TO, group_by: user} can be followed")
        return {"data.split.by": "leave_one_out"}
    shares = value if isinstance(value, list) and all(isinstance(part, int | float) for part in value) else []
    if kind != "RS" or len(shares) != 3 or sum(shares) <= 0:
        raise NotSame(f"eval_args: split: {how}: three shares, {{RS: [0.8, 0.1, 0.1]}}, can be followed")
    if order not in ("RO", "TO"):
        raise NotSame(f"eval_args: order: {order}: RO or TO is what can be followed")
    if sequence:
        raise NotSame("eval_args: RecBole parts prefixes by RS, and here histories are parted; use LS: valid_and_test")
    ratios = [part / sum(shares) for part in shares]
    by = "random" if order == "RO" else "temporal_user" if by_user == "user" else "temporal"
    return {"data.split": {"by": by, "ratios": ratios, "per_user": by_user == "user"}}


def judge_settings(given: Given, sequence: bool) -> Settings:
    """What is ranked, and by which metrics."""
    found: Settings = {}
    if "topk" in given or "valid_metric" in given:
        found["eval.k"] = _numbers(given.get("topk", 10))
    if "valid_metric" in given:
        found["train.monitor"] = _monitor(str(given["valid_metric"]), found["eval.k"])
    modes = _mapping(given, "eval_args").get("mode", "full")
    modes = set(modes.values()) if isinstance(modes, Mapping) else {modes}
    if len(modes) != 1:
        raise NotSame("eval_args: mode: one for both, validation and test")
    found |= _ranked(str(modes.pop()), sequence)
    if sequence:  # RecBole leaves nothing out of a history's ranking
        found["eval.mask_history"] = False
    elif given.get("repeatable"):
        found["eval.mask_seen"] = False
    return found


def _numbers(topk: Any) -> list[int]:
    numbers = topk if isinstance(topk, list) else [topk]
    if not numbers or not all(isinstance(k, int) and k > 0 for k in numbers):
        raise NotSame(f"topk: whole numbers >= 1, got {topk!r}")
    return numbers


def _monitor(metric: str, numbers: list[int]) -> str:
    name, _, k = metric.lower().partition("@")
    if name not in METRICS or not k.isdigit() or int(k) not in numbers:
        raise NotSame(f"valid_metric: {metric}: one of {', '.join(sorted(METRICS))} with @K, and K in topk {numbers}")
    return f"{name.removeprefix('item')}@{k}"


def not_computed(given: Given) -> list[str]:
    """RecBole's metrics that are asked for and have none of ours."""
    metrics = given.get("metrics") or []
    return [str(name) for name in ([metrics] if isinstance(metrics, str) else metrics)
            if str(name).lower() not in METRICS]  # fmt: skip


def _ranked(mode: str, sequence: bool) -> Settings:
    if mode == "full":
        return {}
    drawn = {"uni": "uniform", "pop": "popularity"}.get(mode[:3])
    if drawn is None or not mode[3:].isdigit():
        raise NotSame(f"eval_args: mode: {mode}: full, uniN or popN is what can be followed")
    if not sequence:
        raise NotSame(f"eval_args: mode: {mode}: RecBole draws as many for each item to be found, here for each user")
    return {"eval.sampled": int(mode[3:]), "eval.sampled_by": drawn}


def negative_settings(given: Given, sequence: bool) -> Settings:
    """How negatives are drawn in training."""
    asked = _mapping(given, "train_neg_sample_args")
    distribution = asked.get("distribution", "uniform")
    if not asked or distribution in (None, "None", "none"):
        return {}
    if distribution not in ("uniform", "popularity"):
        raise NotSame(f"train_neg_sample_args: distribution: {distribution}: uniform or popularity can be followed")
    if asked.get("dynamic"):
        raise NotSame("train_neg_sample_args: dynamic: there is none here")
    found = {"eval.num_negatives": asked.get("sample_num", 1)}
    if sequence:
        return found
    power = {"eval.popularity_power": float(asked.get("alpha", 1.0))} if distribution == "popularity" else {}
    return found | {"eval.negatives": distribution} | power


#: Keys of RecBole -> what makes settings of them.
READERS: tuple[tuple[frozenset[str], Callable[[Given, bool], Settings]], ...] = (
    (frozenset({"dataset", "data_path", "benchmark_filename", "load_col", "USER_ID_FIELD", "ITEM_ID_FIELD",
                "TIME_FIELD", "RATING_FIELD"}), data_settings),
    (frozenset({"rm_dup_inter", "val_interval", "user_inter_num_interval", "item_inter_num_interval"}),
     lambda given, sequence: filter_settings(given)),
    (frozenset({"eval_args"}), split_settings),
    (frozenset({"topk", "valid_metric", "metrics", "repeatable"}), judge_settings),
    (frozenset({"train_neg_sample_args"}), negative_settings),
)  # fmt: skip
