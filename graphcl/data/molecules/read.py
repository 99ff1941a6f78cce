"""Many SMILES -> molecules, told as it goes on, and kept for the next time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from graphcl.core.files import replacing
from graphcl.core.paths import cache_dir
from graphcl.core.tell import progress
from graphcl.data.molecules.atoms import WIDTHS, Molecule, read_smiles, scaffold_of
from graphcl.data.molecules.packed import TENSORS, PackedMolecules

#: Part of the name of what is kept: goes up when molecules of the same SMILES become others.
VERSION = 2
#: So few are read anew each time.
_FEW = 500


@dataclass
class ReadMolecules:
    """What was made of SMILES.

    Attributes:
        packed: The molecules.
        kept: Which of the SMILES they are of.
        skipped: Number of a SMILES -> why there is no molecule.
        canonical: RDKit's SMILES of each molecule.
        scaffolds: Of each molecule, where they were asked for.
    """

    packed: PackedMolecules
    kept: list[int]
    skipped: dict[int, str] = field(default_factory=dict)
    canonical: list[str] = field(default_factory=list)
    scaffolds: list[str] = field(default_factory=list)


def read_molecules(smiles: Sequence[str], *, scaffolds: bool = False, keep: bool = True) -> ReadMolecules:
    """The molecules of all SMILES that have one.

    Args:
        smiles: What to read.
        scaffolds: Whether scaffolds are wanted.
        keep: Whether many are written to the cache folder, and read from there.

    Raises:
        MissingExtra: RDKit is not installed.
    """
    if len(smiles) <= _FEW or not keep:
        return _read(smiles, scaffolds)
    key = hashlib.sha256(json.dumps([VERSION, WIDTHS, scaffolds, list(smiles)]).encode()).hexdigest()[:32]
    path = cache_dir() / "molecules" / f"{key}.safetensors"
    known = _kept(path)
    if known is not None:
        return known
    found = _read(smiles, scaffolds)
    _write(found, path)
    return found


def _read(smiles: Sequence[str], scaffolds: bool) -> ReadMolecules:
    say, molecules, kept, skipped, frames = progress(), list[Molecule](), [], {}, []
    for number, text in enumerate(smiles):
        found = read_smiles(text)
        if isinstance(found, str):
            skipped[number] = found
        else:
            molecules.append(found)
            kept.append(number)
            if scaffolds:
                frames.append(scaffold_of(text))
        say(partial(str, f"reading molecules: {number + 1:,} of {len(smiles):,}"))
    canonical = [molecule.canonical for molecule in molecules]
    return ReadMolecules(PackedMolecules.of(molecules), kept, skipped, canonical, frames)


def _write(found: ReadMolecules, path: Path) -> None:
    from safetensors.torch import save_file

    told = {"kept": found.kept, "skipped": list(found.skipped.items()), "canonical": found.canonical,
            "scaffolds": found.scaffolds}  # fmt: skip
    with replacing(path) as temporary:
        save_file({name: getattr(found.packed, name) for name in TENSORS}, temporary, {"told": json.dumps(told)})


def _kept(path: Path) -> ReadMolecules | None:
    """What an earlier run kept; None where there is nothing, or it is damaged."""
    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as file:
            told = json.loads((file.metadata() or {})["told"])
            packed = PackedMolecules(*(file.get_tensor(name) for name in TENSORS))
    except Exception:  # the system, safetensors and json each have errors of their own: it is made anew
        return None
    if len(packed) != len(told["kept"]) or packed.codes.dtype != torch.uint8:
        return None
    return ReadMolecules(packed, **{**told, "skipped": dict(map(tuple, told["skipped"]))})
