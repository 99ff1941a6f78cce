"""RecBole's keys and ours: one table, read by the defaults of our models in RecBole, by these models, and by
``graphcl train --from-recbole``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphcl.core.config.recipe import Recipe
from graphcl.core.config.tree import KEYWORD
from graphcl.core.errors import ConfigError


class NotSame(ValueError):
    """A value that means nothing of ours; the message says what would."""


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Key:
    """A key of RecBole and what it sets in a recipe.

    Attributes:
        name: In RecBole.
        paths: In a recipe; ``*`` stands for every name at its place, ``CONTRAST`` for the terms that contrast views.
            Those that the recipe has are set; after ``?``, an option that need not be written out.
        ours: RecBole's value -> ours.
        theirs: Our value -> RecBole's.
        filled: Whether RecBole is told the recipe's value; not where its own default stands, or for a second name.
    """

    name: str
    paths: tuple[str, ...]
    ours: Callable[[Any], Any] = _same
    theirs: Callable[[Any], Any] = _same
    filled: bool = True


def _alias(name: str, *paths: str) -> Key:
    return Key(name, paths, filled=False)


CONTRAST = "CONTRAST"
_TEMPERATURE, _WEIGHT = f"terms.{CONTRAST}.temperature", f"terms.{CONTRAST}.weight"

MODEL = (
    Key("embedding_size", ("towers.main.dim",)),
    _alias("hidden_size", "towers.main.dim"),
    Key("n_layers", ("towers.main.num_layers",)),
    _alias("num_layers", "towers.main.num_layers"),
    Key("n_heads", ("towers.main.heads",)),
    Key("hidden_dropout_prob", ("towers.main.dropout",)),
    _alias("dropout_prob", "towers.main.dropout"),
    Key("attn_dropout_prob", ("towers.main.attention_dropout",)),
    Key("hidden_act", ("towers.main.activation",)),
    Key("initializer_range", ("towers.main.init_std",), filled=False),
    Key("reg_weight", ("regularizers.l2.weight",)),
    Key("temp", (_TEMPERATURE,)),
    _alias("ssl_temp", _TEMPERATURE),
    _alias("ssl_tau", _TEMPERATURE),
    _alias("temperature", _TEMPERATURE),
    Key("ssl_weight", (_WEIGHT,)),
    _alias("lambda1", _WEIGHT),
    Key("drop_ratio", ("views.*.augment.drop_edges.p",)),
    Key("eps", ("views.*.augment.propagation_noise.eps",)),
    Key("q", ("views.*.augment.low_rank.rank",)),
    Key("gamma", ("terms.uniformity.weight",), ours=lambda gamma: gamma / 2, theirs=lambda weight: weight * 2),
    Key("num_clusters", ("states.*.k",)),
    Key("warm_up_step", ("states.*.start",)),
    Key("m_step", ("states.*.every",)),
    Key("mask_ratio", ("views.*.augment.one_of.choices.mask_items.ratio",)),
)
TRAIN = (
    Key("epochs", ("train.epochs",)),
    Key("train_batch_size", ("train.batch_size",)),
    Key("learning_rate", ("train.lr",)),
    Key("weight_decay", ("train.weight_decay",)),
    Key("learner", ("train.optimizer",), ours=lambda name: str(name).lower()),
    Key("eval_step", ("train.eval_every",)),
    # RecBole stops after more than so many evaluations without a better one.
    Key("stopping_step", ("train.patience",), ours=lambda n: _patience(n), theirs=lambda n: max(n - 1, 0)),
    Key("seed", ("train.seed",), filled=False),
    Key("clip_grad_norm", ("train.clip_norm",), ours=lambda given: _largest_norm(given), filled=False),
    Key("MAX_ITEM_LIST_LENGTH", (
        "data.max_len", "towers.main.max_len", "views.*.augment.append_mask.max_len",
        "views.*.augment.one_of.choices.insert_items.?max_len",
    ), filled=False),
)  # fmt: skip
#: Recipe -> keys that mean something else there.
_OWN = {
    "ncl": (Key("ssl_reg", ("terms.info_nce.weight",)), Key("proto_reg", ("terms.info_nce#2.weight",))),
}
#: Keys that would set what is not one thing in a recipe.
_LEFT_OUT = {"ncl": {"ssl_weight", "lambda1"}}


def _patience(more_than: Any) -> Any:
    if isinstance(more_than, int) and more_than < 0:
        raise NotSame("a whole number >= 0 is what can be followed")
    return more_than + 1


def _largest_norm(given: Any) -> float:
    if given is None:
        return 0.0
    most = given.get("max_norm") if isinstance(given, Mapping) else None
    if not isinstance(most, int | float) or set(given) - {"max_norm", "norm_type"} or given.get("norm_type", 2) != 2:
        raise NotSame("{max_norm: NUMBER} is what can be followed")
    return float(most)


def keys_of(recipe: Recipe) -> dict[str, tuple[Key, list[str]]]:
    """The keys that mean something for a recipe -> the key and the paths that it sets."""
    left_out = _LEFT_OUT.get(recipe.name, set())
    keys = [key for key in (*MODEL, *TRAIN) if key.name not in left_out] + list(_OWN.get(recipe.name, ()))
    found = {key.name: (key, [place for path in key.paths for place in _places(recipe.tree, path)]) for key in keys}
    return {name: (key, places) for name, (key, places) in found.items() if places}


def _places(tree: Mapping[str, Any], path: str) -> Iterator[str]:
    head, _, rest = path.partition(".")
    if head == "*":
        names = list(tree)
    elif head == CONTRAST:
        names = [label for label, term in tree.items() if _contrasts(label, term)]
    else:
        names = [head.removeprefix("?")] if head in tree or head.startswith("?") else []
    for name in names:
        if not rest:
            yield name
        elif isinstance(tree[name], Mapping):
            yield from (f"{name}.{place}" for place in _places(tree[name], rest))


def _contrasts(label: str, term: Mapping[str, Any]) -> bool:
    """Whether a term contrasts views, and is not the softmax over the catalogue."""
    return label.partition("#")[0] == "info_nce" and not str(term["candidates"]).startswith("table.")


def defaults(recipe: Recipe) -> dict[str, Any]:
    """What stands in a property file of RecBole for a recipe; keys whose paths hold different values are left out."""
    filled = {}
    for name, (key, places) in keys_of(recipe).items():
        if not key.filled:
            continue
        values = [recipe[place] for place in places]
        if all(value == values[0] for value in values):
            filled[name] = key.theirs(values[0])
    if recipe["task"] == "sequence":
        # Of histories, not of the prefixes that RecBole makes examples of.
        filled.pop("train_batch_size", None)
    return filled


def overrides(recipe: Recipe, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Path -> value, of the keys that a user of RecBole gave.

    Args:
        recipe: What they change.
        given: Keys of RecBole; those that mean nothing for the recipe are left out.
        where: What they were read from, for the messages.

    Raises:
        ConfigError: two names of one setting with different values, or values that cannot be followed.
    """
    found: dict[str, tuple[str, Any]] = {}
    problems = []
    for name, (key, places) in keys_of(recipe).items():
        if name not in given:
            continue
        try:
            value = key.ours(given[name])
        except NotSame as error:
            problems.append(f"{where}: {name}: {error}, got {given[name]!r}")
            continue
        except TypeError:
            problems.append(f"{where}: {name}: {given[name]!r} is no number")
            continue
        for place in places:
            if place in found and found[place][1] != value:
                problems.append(f"{where}: {found[place][0]} and {name} are one setting here ({place}), and differ")
            found[place] = (name, value)
    settings = {place: value for place, (_, value) in found.items()}
    try:
        recipe.with_settings(settings)
    except ConfigError as error:
        problems += _named(error, found, given, where)
    if problems:
        raise ConfigError(problems)
    return settings


def _named(
    error: ConfigError, found: Mapping[str, tuple[str, Any]], given: Mapping[str, Any], where: str
) -> Iterator[str]:
    """Problems of our settings, each once, by the key of RecBole that made them."""
    told = set()
    for problem in error.problems:
        place = next((place for place in found if f"'{place}'" in problem), None)
        if place is None:
            yield f"{where}: {problem}"
            continue
        name, value = found[place]
        if name not in told:
            told.add(name)
            said = problem.removeprefix(f"{KEYWORD}: ").replace(f"'{place}'", f"'{name}'")
            yield f"{where}: {said}" + ("" if value == given[name] else f", of {given[name]!r}")
