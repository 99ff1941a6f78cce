"""Our recommenders among RecBole's, by name."""

from __future__ import annotations

from pathlib import Path

import recbole

from graphcl.core.errors import nearest
from graphcl.from_recbole.names import RECIPES


def recbole_names() -> list[str]:
    """Names of RecBole's own models."""
    properties = Path(recbole.__file__).parent / "properties" / "model"
    return sorted(path.stem for path in properties.glob("*.yaml"))


def unknown(name: str) -> str:
    """What to say of a model that neither RecBole nor graphcl has."""
    known = [*recbole_names(), *RECIPES]
    same = [other for other in known if other.lower() == name.lower()]
    close = same[0] if same else nearest(name, known)
    if close is None:
        return f"no model {name!r}; ours: {', '.join(RECIPES)}; RecBole's: {', '.join(recbole_names())}"
    return f"no model {name!r}; nearest: {close!r}"
