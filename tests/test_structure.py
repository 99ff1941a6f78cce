"""The engine is no recommender in disguise: no method's name in engine/ or tasks/, and configuration without torch."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import graphcl
from graphcl.core import registry
from graphcl.core.config.recipe import recipe_names

PACKAGE = Path(graphcl.__file__).parent
FILES = sorted([*(PACKAGE / "engine").rglob("*.py"), *(PACKAGE / "tasks").rglob("*.py")])
#: Kinds whose parts make a method; the engine must reach them through the registry only.
METHOD_KINDS = ("augmenter", "tower", "head", "state", "term", "regularizer", "source")
#: Words of the engine's own that parts happen to share: the address root `table.item`, and a collapse indicator.
ENGINE_WORDS = {"table", "uniformity"}


def method_names() -> set[str]:
    """Recipes, and parts that belong to one method (graphcl/methods)."""
    registry.load_all()
    own = {part.name for part in registry.registered() if part.cls.__module__.startswith("graphcl.methods.")}
    return (set(recipe_names()) | own) - {"graphcl"}  # a method that is called like the package


def words(source: str) -> Iterator[tuple[int, str]]:
    """Every identifier, import and word of a string of a module, with its line; then the words of its comments."""
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        for value in vars(node).values():
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str):
                    yield from ((line, word) for word in re.findall(r"\w+", text))
    for number, text in enumerate(source.splitlines(), 1):
        yield from ((number, word) for word in re.findall(r"\w+", text.partition("#")[2]))


def mentions(source: str, names: set[str]) -> list[str]:
    """``line: word`` where a word is, or has as one of its pieces, a method's name however it is written."""
    plain = {name.replace("_", "") for name in names}

    def hits(word: str) -> bool:
        pieces = {word, *word.split("_"), *re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", word)}
        joined = word.replace("_", "").lower()
        inside = any(name in joined for name in plain if len(name) > 5)
        return inside or joined in plain or any(piece.lower() in plain for piece in pieces)

    return [f"{line}: {word}" for line, word in words(source) if hits(word)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_engine_and_tasks_know_no_method_by_name(path: Path) -> None:
    assert mentions(path.read_text(encoding="utf-8"), method_names()) == []


@pytest.mark.parametrize(
    "source",
    [
        "if name == 'lightgcl': pass", "class SGLTask: ...", "import graphcl.methods.ncl", "x = is_lightgcl_like",
        "# DirectAU only", "def run(bpr_mf): ...", '"""As in XSimGCL."""', "recipe.grace.run()",
    ],
)
def test_the_search_finds_a_name_however_it_is_written(source: str) -> None:
    assert mentions(source, {"lightgcl", "sgl", "ncl", "directau", "bpr_mf", "xsimgcl", "grace"})


def test_the_engine_names_no_part_of_a_method() -> None:
    """Its string constants are keys of the recipe's blocks, never names of parts."""
    registry.load_all()
    parts = [part for part in registry.registered() if part.cls.__module__.startswith("graphcl.")]
    names = {part.name for part in parts if part.kind in METHOD_KINDS}
    found = []
    for path in sorted((PACKAGE / "engine").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in names - ENGINE_WORDS:
                found.append(f"{path.name}:{node.lineno}: {node.value!r}")
    assert found == []


def _modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import graphcl.core.config.recipe, graphcl.core.config.check, graphcl.core.config.tree",
        "import graphcl; graphcl.load('lightgcl', 'train.lr=1e-2', '~regularizers=l2')",
        "import graphcl; graphcl.load('ncl').to_yaml()",
    ],
)
def test_reading_and_checking_a_recipe_does_not_import_torch(code: str) -> None:
    assert not {"torch", "torch_geometric", "numpy", "scipy", "pandas"} & _modules_after(code)


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert not {"torch", "numpy", "pydantic", "yaml", "typer"} & _modules_after("import graphcl")
