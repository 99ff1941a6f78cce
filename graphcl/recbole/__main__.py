"""``python -m graphcl.recbole --model LightGCL --dataset ml-100k``: RecBole's command line, with our models too."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graphcl.core.errors import GraphCLError, UserError, error_lines
from graphcl.from_recbole.names import RECIPES

#: Modules that read settings and data, and those in which an error is a bug.
_READS, _BEYOND = ("recbole.config", "recbole.data"), ("recbole.trainer", "recbole.model")


def parser() -> argparse.ArgumentParser:
    """RecBole's flags."""
    found = argparse.ArgumentParser(
        prog="python -m graphcl.recbole",
        description="Train and evaluate a model of RecBole or of graphcl on a data set of RecBole.",
        epilog="Every further --KEY=VALUE is a setting of RecBole, such as --learning_rate=0.01.",
        allow_abbrev=False,
    )
    found.add_argument("--model", "-m", default="BPR", help="name of a model of RecBole or graphcl; default BPR")
    found.add_argument("--dataset", "-d", default="ml-100k", help="name of a data set; default ml-100k")
    found.add_argument("--config_files", default="", help="YAML files, separated by spaces")
    found.add_argument("--nproc", type=int, default=1, help="processes; here 1")
    for name, value in (("ip", "localhost"), ("port", "5678"), ("world_size", "-1"), ("group_offset", "0")):
        found.add_argument(f"--{name}", default=value, help="for several processes, not followed here")
    found.add_argument("--export", metavar="DIR", help="train nothing; write RecBole's split for graphcl train")
    return found


def settings_of(given: Sequence[str]) -> dict[str, str]:
    """``--KEY=VALUE`` ... as a mapping; RecBole makes values of the texts.

    Raises:
        UserError: an argument of another form, or a key that is given twice.
    """
    settings: dict[str, str] = {}
    for argument in given:
        key, equals, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or not equals or not key:
            raise UserError(f"{argument!r} is not of the form --KEY=VALUE")
        if settings.setdefault(key, value) != value:
            raise UserError(f"--{key} is given twice, as {settings[key]} and {value}")
    return settings


def run(arguments: Sequence[str]) -> int:
    """Run a command line; returns the exit code: 0; 2 after a mistake that is said in one line; 130, interrupted."""
    options, rest = parser().parse_known_args(arguments)
    try:
        if options.nproc != 1 or options.world_size != "-1":
            raise UserError("nproc, world_size: graphcl.recbole runs RecBole in one process; leave them out")
        settings = settings_of(rest)
        sys.argv = sys.argv[:1]  # RecBole reads it too
        asked = {"model": options.model, "dataset": options.dataset, "config_dict": settings,
                 "config_file_list": options.config_files.split()}  # fmt: skip
        if options.export:
            _export(asked, Path(options.export))
        else:
            _train(asked)
    except GraphCLError as error:
        print(*error_lines(error), sep="\n", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def _train(asked: dict[str, Any]) -> None:
    from recbole.quick_start import run_recbole

    with _told_in_a_line():
        _checked(asked)
        run_recbole(**asked)


def _export(asked: dict[str, Any], folder: Path) -> None:
    from graphcl.recbole.export import export_split
    from graphcl.recbole.settings import same_in_our_engine

    with _told_in_a_line():
        config = _checked(asked)
        same = same_in_our_engine(config) if _is_ours(asked["model"]) else {}
        settings = export_split(config, folder) | same
    words = (f"{path}={value if isinstance(value, str) else json.dumps(value)}" for path, value in settings.items())
    print(f"graphcl train {RECIPES.get(asked['model'], 'RECIPE')} {shlex.join(words)}")


def _checked(asked: dict[str, Any]) -> Any:
    """RecBole's config, looked through before data are read."""
    from recbole.config import Config

    from graphcl.recbole.checks import check
    from graphcl.recbole.settings import recipe_in

    config = Config(**asked)
    if _is_ours(asked["model"]):
        recipe_in(config)
    else:
        check(config)
    return config


def _is_ours(model: str) -> bool:
    from graphcl.recbole.zoo import our_names

    return model in our_names()


@contextmanager
def _told_in_a_line() -> Iterator[None]:
    """What RecBole raises while it reads settings and data is the user's mistake, and RecBole's words say which."""
    try:
        yield
    except (ValueError, TypeError, KeyError, NotImplementedError, RuntimeError, OSError) as error:
        modules = {str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)}
        if any(name.startswith(_BEYOND) for name in modules) or not any(name.startswith(_READS) for name in modules):
            raise
        words = " ".join(str(error).split())
        said = f"no {words}" if isinstance(error, KeyError) else words
        raise UserError(f"RecBole cannot use these settings or data: {said}") from error


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
