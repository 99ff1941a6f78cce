"""The tables of docs/recbole.md are those of the code: ``python -m tests.docs.test_recbole`` writes them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from graphcl.from_recbole.keys import MODEL, TRAIN, Key
from graphcl.from_recbole.names import NAMES, PREFIX, TAKEN

PAGE = Path(__file__).resolve().parents[2] / "docs" / "recbole.md"


def models() -> list[tuple[str, ...]]:
    return [(f"`{recipe}`", f"`{PREFIX}{name}`" + ("" if name in TAKEN else f", `{name}`"))
            for recipe, name in NAMES.items()]  # fmt: skip


def keys() -> list[tuple[str, ...]]:
    def setting(key: Key) -> str:
        paths = (path.replace("towers.main", "encoder").replace("?", "") for path in key.paths)
        return ", ".join(f"`{path}`" for path in paths)

    return [(f"`{key.name}`", setting(key)) for key in (*MODEL, *TRAIN)]


def shims() -> list[tuple[str, ...]]:
    from graphcl.recbole.compat import SHIMS

    return [(shim.name, shim.reason, shim.versions) for shim in SHIMS]


TABLES = {"models": models, "keys": keys, "shims": shims}


def _rows(rows: list[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


@pytest.mark.parametrize("name", ["models", "keys", "shims"])
def test_a_table_is_current(name: str) -> None:
    if name == "shims":
        pytest.importorskip("recbole", reason="RecBole is not installed: pip install 'graphcl[recbole]'")
    assert f"|\n{_rows(TABLES[name]())}<!-- {name} -->\n" in PAGE.read_text()


def write() -> None:
    text = PAGE.read_text()
    for name, rows in TABLES.items():
        pattern = rf"(\|---\|[-|]*\n)(?:\|[^\n]*\n)*<!-- {name} -->"
        text = re.sub(pattern, lambda match, rows=rows, name=name: f"{match[1]}{_rows(rows())}<!-- {name} -->", text)
    PAGE.write_text(text)


if __name__ == "__main__":
    write()
