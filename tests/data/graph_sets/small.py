"""A TU set and a folder of tables, written by hand: a triangle, a path of three, and a single node."""

from __future__ import annotations

from pathlib import Path

TU = {
    "A": "1, 2\n2, 1\n2, 3\n3, 2\n1, 3\n3, 1\n4, 5\n5, 4\n5, 6\n6, 5\n",
    "graph_indicator": "1\n1\n1\n2\n2\n2\n3\n",
    "graph_labels": "-1\n1\n1\n",
    "node_labels": "4\n4\n7\n7\n9\n4\n4\n",
    "node_attributes": "0.5, 1\n1, 1\n2, 1\n3, 0\n4, 0\n5, 0\n6, 0\n",
}
TABLES = {
    "graphs": "id,label\nring,yes\npath,no\ndot,no\n",
    "nodes": "id,graph,mass\na,ring,1\nd,path,4\nb,ring,2\nc,ring,3\ne,path,5\nf,path,6\ng,dot,7\n",
    "edges": "source,target\na,b\nb,c\nc,a\nd,e\ne,f\n",
}


def write_tu(folder: Path, **changed: str | None) -> Path:
    """The files of the set DS; ``changed`` ones differ, None ones are missing."""
    for stem, text in {**TU, **changed}.items():
        if text is not None:
            (folder / f"DS_{stem}.txt").write_text(text)
    return folder


def write_tables(folder: Path, **changed: str | None) -> Path:
    """The three tables; see :func:`write_tu`."""
    for stem, text in {**TABLES, **changed}.items():
        if text is not None:
            (folder / f"{stem}.csv").write_text(text)
    return folder
