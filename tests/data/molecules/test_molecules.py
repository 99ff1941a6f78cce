"""Molecules out of SMILES, and all that a table of them may hold beside good ones."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from graphcl.core.errors import UserError
from graphcl.data.kind_of import kind_of
from graphcl.data.molecules.molecule_set import MoleculesData, MoleculeSet
from graphcl.data.molecules.scaffolds import scaffold_split
from graphcl.graph.edge_kinds import kinds_of_edges

pytest.importorskip("rdkit", reason="the extra `molecules` is not installed")
from graphcl.data.molecules.atoms import BONDS, COLUMNS, WIDTHS, column_names, scaffold_of
from graphcl.data.molecules.read import read_molecules


def load(path: Path | str = "", **options: Any) -> MoleculeSet:
    return MoleculesData(path=str(path), **options).load(seed=0)


def table(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def notes(data: MoleculeSet) -> str:
    return "\n".join(data.report.lines())


def test_ethanol_by_hand() -> None:
    """CCO: three atoms in a row, of 3, 2 and 1 hydrogens, none in a ring."""
    packed = read_molecules(["CCO"]).packed
    graph = packed.at(0)
    assert graph.edge_index.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert graph.x.shape == (3, COLUMNS) == (3, 177)
    names = column_names()
    told = [{names[column] for column in row.nonzero().view(-1).tolist()} for row in graph.x]
    for atom, (element, hydrogens) in zip(told, [(6, 3), (6, 2), (8, 1)], strict=True):
        assert {f"atomic_num {element}", f"num_hs {hydrogens}", "degree 4" if element == 6 else "degree 2",
                "formal_charge 0", "is_in_ring False"} <= atom  # fmt: skip
    assert bool((graph.x.sum(1) == len(WIDTHS)).all())


def test_a_batch_is_its_molecules_one_after_the_other() -> None:
    packed = read_molecules(["CCO", "[Na+]", "c1ccccc1"]).packed
    batch = packed.batch(torch.tensor([2, 1, 0]))
    assert batch.ptr.tolist() == [0, 6, 7, 10]
    assert [graph.num_edges for graph in batch.to_data_list()] == [12, 0, 4]
    assert torch.equal(batch.get_example(2).edge_index, packed[0].edge_index)


def test_bonds_keep_their_kind() -> None:
    """Propene, hydrogen cyanide, benzene, and a dative bond; both directions alike."""
    packed = read_molecules(["CC=C", "C#N", "c1ccccc1", "N->[Cu]"]).packed
    assert packed.bond_kinds.dtype == torch.uint8
    graph = packed.at(0)
    found = dict(zip(map(tuple, graph.edge_index.T.tolist()), graph.edge_kind.tolist(), strict=True))
    single, double, triple, aromatic, other = range(5)
    assert found == {(0, 1): single, (1, 0): single, (1, 2): double, (2, 1): double}
    assert kinds_of_edges(graph) == BONDS == ("single", "double", "triple", "aromatic", "other")
    batch = packed.batch(torch.tensor([3, 2, 1]))
    assert kinds_of_edges(batch) == BONDS
    kinds = [set(one.edge_kind.tolist()) for one in batch.to_data_list()]
    assert kinds == [{other}, {aromatic}, {triple}]


def test_common_molecules_are_there_without_a_file() -> None:
    data = load()
    rings = [bool(scaffold_of(name)) for name in data.ids or []]
    assert [data.class_names[label] == "ring" for label in data.labels.tolist()] == rings
    assert len(set(data.ids or [])) == len(data) > 100
    assert "skipped" not in notes(data)
    assert "occur more than once" not in notes(data)


def test_every_set_has_the_same_columns() -> None:
    assert read_molecules(["C"]).packed.at(0).x.shape[1] == read_molecules(["[U+2]", "c1ccsc1"]).packed.at(0).x.shape[1]


def test_what_is_no_molecule_is_skipped_and_counted(tmp_path: Path) -> None:
    text = "smiles,label,name\r\n\nCCO,a,one\r\r\n\n\nC1CC,b,ring left open\nC,b,two\n,a,nothing\nCC,a\n"
    data = load(table(tmp_path / "own.csv", text + "[Na+].[Cl-],b,salt\n[CH3+9],a,charge\nOCC,,same\n"))
    assert data.ids == ["one", "two", "salt", "same"]
    assert data.labels.tolist() == [0, 1, 1, -1]
    said = notes(data)
    assert "skipped 1 molecule, no valid SMILES (the first: ring left open)" in said
    assert "skipped 1 molecule, without an atom (the first: nothing)" in said
    assert "skipped 1 line, of more or fewer fields than the header's 3" in said
    assert "with an atom of unheard-of charge" in said
    assert "molecules without a bond, kept: 2" in said
    assert "occur more than once, kept: 2" in said
    assert "without a label, trained on but not judged: 1" in said
    assert "empty lines" in said


def test_columns_by_name_and_by_option(tmp_path: Path) -> None:
    text = "id\tCanonical_SMILES\tactive\n1\tCC\tyes\n1\tCCC\tno\n"
    path = table(tmp_path / "own.tsv", text)
    unlabelled = load(path)
    assert unlabelled.ids == ["CC", "CCC"]  # the ids are not different
    assert "no column of labels" in notes(unlabelled)
    assert load(path, label="active").class_names == ["no", "yes"]
    with pytest.raises(UserError, match="no column 'activ'; nearest: 'active'"):
        load(path, label="activ")
    with pytest.raises(UserError, match=r"no column of SMILES among a, b; name it with data.smiles=COLUMN"):
        load(table(tmp_path / "other.csv", "a,b\nCC,1\n"))
    assert len(load(tmp_path / "other.csv", smiles="a")) == 1


def test_lists_of_smiles_also_compressed(tmp_path: Path) -> None:
    path = tmp_path / "own.smi.gz"
    path.write_bytes(gzip.compress(b"CCO ethanol\n\nc1ccccc1 benzene\n"))
    assert load(path).ids == ["ethanol", "benzene"]
    assert kind_of(path) == "molecules"
    assert kind_of(table(tmp_path / "own.csv", "SMILES,y\nC,1\n")) == "molecules"
    assert kind_of(table(tmp_path / "series.csv", "time,value\n0,1\n")) == "series_set"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("smiles,label\n", "has a header and no rows"),
        ("", "is empty"),
        ("smiles,label\nXx,1\nC1,2\n", "no molecule could be read: skipped 2 molecules, no valid SMILES"),
        ("smiles,label\nC,0.5\nCC,0.7\n", "is a real number"),
        ("smiles,label\nC,1\nCC,1\n", "all of one class"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        load(table(tmp_path / "own.csv", text))
    with pytest.raises(UserError, match=r"data.path: .* ends in none of"):
        load(table(tmp_path / "own.xlsx", "PK"))
    (tmp_path / "bytes.csv").write_bytes(b"smiles\n\xff\xfe\x00C")
    with pytest.raises(UserError, match=r"bytes\.csv is not utf-8: .* does not decode; save it as UTF-8"):
        load(tmp_path / "bytes.csv")


def test_scaffolds_by_hand() -> None:
    assert scaffold_of("CCO") == ""
    assert scaffold_of("Cc1ccccc1C(=O)O") == "c1ccccc1"
    assert scaffold_of("C[C@H](N)CC1CCNC1") == scaffold_of("C1CCNC1") == "C1CCNC1"


def test_the_largest_scaffolds_train() -> None:
    scaffolds = ["a"] * 4 + ["b"] * 2 + ["c", "a", "b", "d"]
    split = scaffold_split(scaffolds, "x")
    assert split.train.tolist() == [0, 1, 2, 3, 4, 5, 7, 8]
    assert split.valid.tolist() == [9]
    assert split.test.tolist() == [6]
    with pytest.raises(UserError, match=r"the 1 scaffolds of x leave a part empty; set data.split=folds"):
        scaffold_split(["a"] * 9, "x")


def test_no_scaffold_is_in_two_parts() -> None:
    data = load(split="scaffold")
    assert data.split is not None
    parts = [{scaffold_of((data.ids or [])[n]) for n in part.tolist()} for part in
             (data.split.train, data.split.valid, data.split.test)]  # fmt: skip
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    assert sum(data.split.sizes().values()) == len(data)


def test_many_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHCL_CACHE", str(tmp_path))
    many = ["C" * (n % 40 + 1) for n in range(600)] + ["X"]
    first = read_molecules(many, scaffolds=True)
    monkeypatch.setattr("graphcl.data.molecules.read.read_smiles", None)
    again = read_molecules(many, scaffolds=True)
    assert torch.equal(first.packed.codes, again.packed.codes)
    assert (first.kept, first.skipped, first.scaffolds) == (again.kept, again.skipped, again.scaffolds)
    (file,) = (tmp_path / "molecules").iterdir()
    file.write_bytes(b"damaged")
    with pytest.raises(TypeError):  # read anew
        read_molecules(many, scaffolds=True)


def test_a_run_keeps_them(tmp_path: Path) -> None:
    data = load(split="scaffold", limit=60)
    data.save(tmp_path / "data")
    kept = MoleculesData.read(tmp_path / "data")
    assert torch.equal(kept.packed.batch().x, data.packed.batch().x)
    assert kept.split is not None
    assert data.split is not None
    assert kept.split.digest() == data.split.digest()
    assert (kept.ids, kept.class_names, len(kept)) == (data.ids, data.class_names, 60)
    assert torch.equal(kept.packed.batch().edge_kind, data.packed.batch().edge_kind)


def test_a_run_of_before_bonds_had_kinds_is_read(tmp_path: Path) -> None:
    data = load(limit=60)
    data.save(tmp_path / "data")
    (file,) = (tmp_path / "data").glob("*.safetensors")
    tensors = load_file(file)
    del tensors["bond_kinds"]
    save_file(tensors, file)
    kept = MoleculesData.read(tmp_path / "data").packed
    assert torch.equal(kept.batch().edge_index, data.packed.batch().edge_index)
    assert kept.batch().edge_kind.unique().tolist() == [BONDS.index("other")]


@pytest.mark.parametrize(
    ("name", "count", "parts"), [("bace", 1513, (1210, 151, 152)), ("bbbp", 2039, (1631, 204, 204))]
)
def test_sets_by_name(name: str, count: int, parts: tuple[int, ...], shared_data: Path) -> None:
    data = MoleculesData(
        name, split="scaffold", data_root=shared_data, **({"smiles": "mol"} if name == "bace" else {"label": "BBBP"})
    ).load(seed=0)
    assert len(data) == count
    assert data.split is not None
    assert tuple(data.split.sizes().values()) == parts
    assert data.labels.unique().tolist() == [0, 1]
