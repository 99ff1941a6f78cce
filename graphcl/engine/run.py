"""A run is a folder: resolved recipe, environment, data, checkpoints, metrics, embeddings, log."""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path
from typing import Any

import graphcl
from graphcl.core.config.recipe import Recipe, read_resolved
from graphcl.core.errors import UserError
from graphcl.core.files import read_json, write_json, write_text
from graphcl.core.plugins import import_plugins, keep_plugins

FORMAT = 1


class RunFolder:
    """Names and files of a run.

    Files: ``run.json`` (format, recipe, status), ``config.yaml`` (the resolved recipe), ``plugins/`` (files of code
    that it names), ``environment.json``, ``data/`` (ids and split), ``protocol.json``,
    ``checkpoints/{last,best}.safetensors``, ``metrics.json``, ``embeddings.safetensors``,
    ``log.jsonl``, ``tensorboard/``.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config = self.path / "config.yaml"
        self.plugins = self.path / "plugins"
        self.data = self.path / "data"
        self.last = self.path / "checkpoints" / "last.safetensors"
        self.best = self.path / "checkpoints" / "best.safetensors"
        self.metrics = self.path / "metrics.json"
        self.embeddings = self.path / "embeddings.safetensors"
        self.log = self.path / "log.jsonl"
        self.tensorboard = self.path / "tensorboard"

    @classmethod
    def create(cls, path: str | Path, recipe: Recipe, *, overwrite: bool = False) -> RunFolder:
        """Make a new run's folder.

        Raises:
            UserError: it exists (a run: names `resume` and `--overwrite`), or cannot be written.
        """
        run = cls(path)
        if run.path.exists() and (not run.path.is_dir() or any(run.path.iterdir())):
            if not (run.path / "run.json").is_file():
                raise UserError(f"{run.path} exists and is not a run's folder; give another --out")
            if not overwrite:
                raise UserError(
                    f"{run.path} exists; go on with it by 'graphcl resume {run.path}', or replace it with --overwrite"
                )
            shutil.rmtree(run.path)
        try:
            run.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot create the run's folder {path}: {error.strerror or error}") from error
        # First: what a killed start leaves can then be told from a folder of something else.
        run.set_status("training", recipe.name)
        write_text(run.config, recipe.with_absolute_paths().to_yaml())  # resumed from wherever
        keep_plugins(recipe.tree.get("plugins") or [], run.plugins)
        write_json(run.path / "environment.json", environment())
        return run

    def sweep(self) -> None:
        """Remove the temporary files of writes that a kill cut off."""
        for leftover in list(self.path.rglob(".*.tmp")):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """An existing run.

        Raises:
            UserError: there is none, or it is of another format version.
        """
        run = cls(path)
        if not (run.path / "run.json").is_file():
            raise UserError(f"{path} is not a run (it has no run.json)")
        found = read_json(run.path / "run.json")
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            version = found.get("graphcl", "?") if isinstance(found, dict) else "?"
            raise UserError(
                f"{path} was written by graphcl {version} in run format "
                f"{found.get('format') if isinstance(found, dict) else '?'}; this version reads format {FORMAT}"
            )
        return run

    def info(self) -> dict[str, Any]:
        """Content of ``run.json``."""
        return read_json(self.path / "run.json")

    def set_status(self, status: str, recipe_name: str | None = None) -> None:
        """Record how far the run is: ``training`` or ``complete``."""
        name = recipe_name or self.info()["recipe"]
        write_json(
            self.path / "run.json",
            {"format": FORMAT, "graphcl": graphcl.__version__, "recipe": name, "status": status},
        )

    @property
    def complete(self) -> bool:
        """Whether training and evaluation are over."""
        return self.info()["status"] == "complete"

    def recipe(self, *, allow_plugins: bool = False) -> Recipe:
        """The resolved recipe the run was made with.

        Raises:
            UserError: the run was killed before its recipe was written; names what to do.
        """
        from graphcl.core.config import yaml12

        if not (self.config.is_file() and (self.path / "environment.json").is_file()):
            raise UserError(f"{self.path} was killed before it began; start it again with --overwrite")
        tree, _ = yaml12.load(self.config.read_text(encoding="utf-8"), str(self.config))
        if tree.get("plugins"):
            import_plugins(tree["plugins"], where=str(self.config), allowed=allow_plugins, folder=self.plugins)
        return read_resolved(self.config, self.info()["recipe"])


def environment() -> dict[str, Any]:
    """Versions, CPU kind and thread count: what bit-equality is promised under."""
    import numpy
    import scipy
    import torch
    import torch_geometric

    return {
        "graphcl": graphcl.__version__,
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "torch_geometric": torch_geometric.__version__,
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "platform": platform.platform(),
        "cpu": _cpu(),
        "threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def changed_environment(run: RunFolder) -> list[str]:
    """What differs from the machine the run began on, among the things that numbers depend on."""
    before, now = read_json(run.path / "environment.json"), environment()
    keys = ("torch", "numpy", "scipy", "cpu", "threads", "cuda", "graphcl")
    return [f"{key}: {before.get(key)} -> {now[key]}" for key in keys if before.get(key) != now[key]]
