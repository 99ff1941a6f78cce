"""``graphcl doctor``: what is installed, where data is looked up, and what is missing for what."""

from __future__ import annotations

import os
import sys
from importlib import metadata, util
from typing import Any

from graphcl.cli.options import DataRoot, Json, Quiet
from graphcl.cli.output import Output

#: Packages whose versions matter to numbers.
_BASE = ("torch", "torch-geometric", "numpy", "scipy", "pandas", "pyarrow", "scikit-learn", "pydantic", "safetensors")
#: Extra -> module that it brings, and what it is for.
_EXTRAS = {
    "recbole": ("recbole", "the offline default data set ml-100k, and graphcl.recbole"),
    "dgl": ("dgl", "conversion of DGL graphs"),
    "images": ("PIL", "folders of images"),
    "audio": ("soundfile", "folders of sounds"),
    "code": ("tree_sitter", "source code as graphs"),
    "molecules": ("rdkit", "molecules out of SMILES"),
    "text": ("sentence_transformers", "sentence encoders, and language models in a local folder"),
    "llm": ("openai", "language models behind an endpoint"),
    "dev": ("pytest", "the tests"),
}


def doctor(data_root: DataRoot = None, json: Json = False, quiet: Quiet = False) -> None:
    """Say what is installed and what is missing, and where data is looked up."""
    found = {
        "graphcl": _graphcl_version(),
        "python": sys.version.split()[0],
        "packages": {name: _version(name) for name in _BASE},
        "extras": {extra: util.find_spec(module) is not None for extra, (module, _) in _EXTRAS.items()},
        "machine": _machine(),
        "data": _data(data_root),
        "plugins": _plugins(),
        "notes": _notes(),
    }
    Output(as_json=json, quiet=quiet).result(found, lambda: "\n".join(_lines(found)))


def _graphcl_version() -> str:
    from graphcl import __version__

    return __version__


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _machine() -> dict[str, Any]:
    try:
        import torch
    except ImportError as error:
        return {"torch": f"cannot be imported: {error}", "cpus": os.cpu_count()}
    cuda = torch.cuda.is_available()
    return {
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())] if cuda else [],
    }


def _data(given: object) -> dict[str, Any]:
    from graphcl.core.paths import cache_dir, data_root, share

    root = data_root(given)  # type: ignore[arg-type]
    return {
        "root": str(root) if root is not None else None,
        "root_exists": root is not None and root.is_dir(),
        "cache": str(cache_dir()),
        "recipes": len(list(share("configs").glob("*.yaml"))),
        "cards": len(list(share("datasets").glob("*.yaml"))),
    }


def _plugins() -> dict[str, str]:
    from graphcl.core.plugins import installed_plugins

    return installed_plugins()


def _notes() -> list[str]:
    """What does not work here, with the line that changes it."""
    notes = []
    for extra, (module, purpose) in _EXTRAS.items():
        if util.find_spec(module) is not None:
            continue
        if extra == "recbole" and sys.version_info >= (3, 12):
            notes.append(
                "recbole does not run on Python 3.12 and newer: graphcl.recbole needs an environment with Python 3.11. "
                "Everything else works here, graphcl train --from-recbole too; the recommenders' default data is then "
                "read from --data-root or GRAPHCL_DATA"
            )
        else:
            notes.append(f"{module} is missing ({purpose}): pip install 'graphcl[{extra}]'")
    notes += [f"{name} is missing: pip install graphcl" for name in _BASE if _version(name) is None]
    return notes


def _lines(found: dict[str, Any]) -> list[str]:
    machine, data = found["machine"], found["data"]
    threads = (
        f"{machine['cpus']}, torch uses {machine['threads']} threads" if "threads" in machine else machine["torch"]
    )
    gpu = ", ".join(machine.get("gpu", [])) or "none"
    root = f"{data['root']}{'' if data['root_exists'] else ' (does not exist)'}" if data["root"] else None
    rows = [
        ("graphcl", found["graphcl"]),
        ("python", found["python"]),
        *((name, version or "missing") for name, version in found["packages"].items()),
        ("extras", ", ".join(f"{name}: {'yes' if here else 'no'}" for name, here in found["extras"].items())),
        ("cpus", threads),
        ("gpu", gpu),
        ("data root", root or "none; set GRAPHCL_DATA or give --data-root"),
        ("cache", data["cache"]),
        ("recipes", f"{data['recipes']}; data cards: {data['cards']}"),
        ("plugins", ", ".join(found["plugins"]) or "none installed"),
    ]
    return [f"{name:<16} {value}" for name, value in rows] + [f"note: {note}" for note in found["notes"]]
