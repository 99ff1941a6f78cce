"""The standard library of the running Python as a text-attributed graph: no file, no network.

Nodes are modules, found as source files and parsed, never imported; their text is what their docstrings say; edges are
their import statements. What is in it depends on the Python version and nothing else: packages that distributors leave
out, tests, and modules of one platform's build are skipped.
"""

from __future__ import annotations

import ast
import inspect
import platform
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch

from graphcl.core.errors import UserError
from graphcl.data.graphs.raw import RawGraph

NAME = "python-stdlib"
#: Packages that distributors ship apart, that are no library, or (encodings) a hundred tables with one docstring.
_LEFT_OUT = {"test", "idlelib", "tkinter", "turtledemo", "lib2to3", "distutils", "ensurepip", "pydoc_data", "this",
             "antigravity", "turtle", "encodings"}
#: A package with fewer modules is no class; its modules have no label.
_LEAST = 5


def read_stdlib(folder: Path | None = None) -> RawGraph:
    """A node for each module of the standard library, in the order of their names.

    A node's text is the module's docstring, then name and docstring of each public class and function at its top
    level. The module's own name is not in it, for the class would be: the package a module lies in (of packages with
    at least 8 modules), -1 for the others. An edge means that one of the two imports the other.

    Args:
        folder: Of the library; None is that of the running Python.

    Raises:
        UserError: the sources are not there.
    """
    folder = folder or Path(sysconfig.get_path("stdlib"))
    paths = dict(sorted(library_modules(folder)))
    if len(paths) < 2:
        raise UserError(f"{folder}: no sources of the standard library; data=karate needs none")
    names = list(paths)
    place = {name: row for row, name in enumerate(names)}
    trees = {name: ast.parse(path.read_bytes()) for name, path in paths.items()}
    edges = sorted(
        (place[name], place[other])
        for name in names
        for other in _imports(trees[name], name, paths[name].name == "__init__.py", place)
    )
    packages = [name.partition(".")[0] if "." in name or paths[name].name == "__init__.py" else "" for name in names]
    sizes = Counter(packages)
    classes = sorted(package for package, size in sizes.items() if package and size >= _LEAST)
    return RawGraph(
        edge_index=torch.tensor(edges, dtype=torch.long).reshape(-1, 2).t().contiguous(),
        num_nodes=len(names),
        y=torch.tensor([classes.index(package) if package in classes else -1 for package in packages]),
        ids=names,
        class_names=classes,
        text=[_text(trees[name]) for name in names],
        source=f"the standard library of Python {platform.python_version()}",
    )


def library_modules(folder: Path) -> Iterator[tuple[str, Path]]:
    """Dotted name -> source file of each module of the standard library that lies in the folder."""
    for top in sorted(sys.stdlib_module_names - _LEFT_OUT):
        if top.startswith("_"):
            continue
        if (folder / f"{top}.py").is_file():
            yield top, folder / f"{top}.py"
        for path in sorted((folder / top).rglob("*.py")) if (folder / top / "__init__.py").is_file() else ():
            parts = path.relative_to(folder).with_suffix("").parts
            if not {"test", "tests", "__pycache__", "__main__", "site-packages"} & set(parts):
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _imports(tree: ast.Module, name: str, is_package: bool, known: dict[str, int]) -> set[str]:
    """The modules that a module imports, anywhere in it; of a name that is no module, the module it comes from."""
    found: set[str] = set()
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = name.split(".")[: None if is_package and node.level == 1 else is_package - node.level]
                base = ".".join([*above, *filter(None, [base])])
            inside = {f"{base}.{alias.name}" for alias in node.names}
            found |= inside & known.keys() or {base}
    return {module for module in found if module in known and module != name}


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Every statement at any depth; expressions, of which there are many more, are not entered."""
    below: list[ast.AST] = [tree]
    while below:
        node = below.pop()
        yield node
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            inside = getattr(node, block, [])
            below += inside if isinstance(inside, list) else []


def _text(tree: ast.Module) -> str:
    parts = [ast.get_docstring(tree) or ""]
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            said = inspect.cleandoc(ast.get_docstring(node) or "")
            parts.append(f"{node.name}: {said}" if said else node.name)
    return "\n".join(part for part in parts if part)
