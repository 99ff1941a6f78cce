"""Reading scans: files and tables of a user's folder, what is left out, and the graphs of their windows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.data.roi_sets.roi_set import RoiSet, RoiSetData
from graphcl.encode.windows import read_windows
from graphcl.graph.connectivity import build_connectivity, correlations, cuts, strongest

OPTIONS = {"window": 10, "stride": 5, "share": 0.2}


def load(path: Path | str, **options: Any) -> RoiSet:
    return RoiSetData(path=str(path), **{**OPTIONS, **options}).load(seed=0)


def scans(count: int = 4, time: int = 30, regions: int = 6) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal((time + number, regions)) for number in range(count)]


def text(path: Path, values: np.ndarray, between: str = "\t", header: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [between.join(f"{value:.6f}" for value in row) for row in values.tolist()]
    path.write_text("\n".join([*([header] if header else []), *rows]) + "\n")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four scans in four formats with a table, in which one is not named and one has no file."""
    some, base = scans(), tmp_path / "scans"
    text(base / "S_1_rois.1D", some[0], header="\t".join(f"#{region}" for region in range(1, 7)))
    text(base / "S_2.csv", np.column_stack([np.arange(len(some[1])), some[1]]), ",", "time,a,b,c,d,e,f")
    text(base / "S_3.txt", some[2], " ")
    np.save(base / "S_4.npy", some[3])
    (base / "labels.csv").write_text("file,diagnosis,site\nS_1,ill,A\nS_2.csv,well,A\nS_3,ill,B\nS_9,well,B\n")
    return base


def by_hand(values: np.ndarray, window: int, stride: int, share: float) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Rows of correlations, and the edges of each window's best pairs."""
    regions, rows, edges = values.shape[1], list[np.ndarray](), list[tuple[int, int]]()
    for number, begin in enumerate(range(0, len(values) - window + 1, stride)):
        found = np.corrcoef(values[begin : begin + window].T)
        pairs = sorted(((found[a, b], a, b) for a in range(regions) for b in range(a)), reverse=True)
        for _, a, b in pairs[: round(share * len(pairs))]:
            edges += [(number * regions + a, number * regions + b), (number * regions + b, number * regions + a)]
        rows.append(found)
    return np.concatenate(rows), sorted(edges)


def test_windows_are_correlations_and_their_strongest_pairs() -> None:
    values = scans(1)[0]
    made = build_connectivity(torch.from_numpy(values), 10, 5, 0.2)
    rows, edges = by_hand(values, 10, 5, 0.2)
    assert made.num_nodes == 30
    assert np.allclose(made.x.numpy(), rows, atol=1e-5)
    assert sorted(map(tuple, made.edge_index.T.tolist())) == edges
    assert made.pos.tolist() == [window for window in range(5) for _ in range(6)]
    whole = build_connectivity(torch.from_numpy(values), share=0.2)
    assert np.allclose(whole.x.numpy(), np.corrcoef(values.T), atol=1e-5)


def test_k_partners_of_each_region() -> None:
    found = correlations(torch.from_numpy(scans(1)[0]))[None]
    edges = set(map(tuple, strongest(found, cuts(found, 0.1, 2)).T.tolist()))
    best = {(a, int(b)) for a in range(6) for b in found[0, a].masked_fill(torch.arange(6) == a, -2).topk(2).indices}
    assert edges == best | {(b, a) for a, b in best}
    everyone = strongest(found, cuts(found, 0.1, 9))
    assert everyone.shape[1] == 30


def test_a_constant_region_is_joined_to_none() -> None:
    values = torch.from_numpy(scans(1)[0])
    values[:, 2] = 1e4
    made = build_connectivity(values, share=1.0)
    assert made.x[2].tolist() == [0.0] * 6
    assert made.x[:, 2].tolist() == [0.0] * 6
    assert 2 not in made.edge_index
    assert made.edge_index.shape[1] == 20
    assert torch.equal(made.x, made.x.T)


def test_a_folder_with_a_table(folder: Path) -> None:
    data = load(folder)
    notes = "\n".join(data.report.lines())
    assert data.ids == ["S_1_rois", "S_2", "S_3", "S_4"]
    assert data.labels.tolist() == [0, 1, 0, -1]
    assert (data.class_names, data.groups) == (["ill", "well"], ["A", "A", "B", ""])
    assert f"1 scan not named in {folder}/labels.csv, without a label (the first: S_4)" in notes
    assert f"1 row of {folder}/labels.csv without a scan" in notes
    assert "4 scans of 30 to 33 samples of 6 regions, 2 classes; each 5 windows of 10 samples" in notes
    for number, values in enumerate(scans()):
        rows, edges = by_hand(values, 10, 5, 0.2)
        assert np.allclose(data.packed[number].x.numpy(), rows, atol=1e-4)
        assert sorted(map(tuple, data.packed[number].edge_index.T.tolist())) == edges
    other = load(folder, label="site", group="diagnosis")
    assert (other.class_names, other.groups) == (["A", "B"], ["ill", "well", "ill", ""])


def test_a_file_of_many_scans_is_the_same_as_a_folder(folder: Path, tmp_path: Path) -> None:
    some, ids = scans(), ["S_1", "S_2", "S_3", "S_4"]
    padded = np.full((4, 33, 6), np.nan)
    for number, values in enumerate(some):
        padded[number, : len(values)] = values
    np.savez(tmp_path / "padded.npz", X=padded, y=["ill", "well", "ill", "well"], site=["A", "A", "B", "B"])
    ptr = np.cumsum([0, *map(len, some)])
    (tmp_path / "many").mkdir()
    np.savez(tmp_path / "many" / "all.npz", x=np.concatenate(some), ptr=ptr, subject=ids)
    (tmp_path / "many" / "phenotype.csv").write_text((folder / "labels.csv").read_text())
    one, other, beside = (load(tmp_path / name) for name in ("padded.npz", "many", "many/all.npz"))
    assert (one.labels.tolist(), one.groups) == ([0, 1, 0, 1], ["A", "A", "B", "B"])
    assert (other.ids, other.labels.tolist(), beside.labels.tolist()) == (ids, [0, 1, 0, -1], [0, 1, 0, -1])
    for data in (one, other, beside):
        assert torch.allclose(data.packed.batch().x, load(folder).packed.batch().x, atol=1e-4)


def test_a_batch_is_the_single_graphs(folder: Path) -> None:
    data = load(folder)
    batch = data.packed.batch(torch.tensor([2, 0]))
    assert batch.joints.tolist() == [6, 6]
    for graph, number in zip(batch.to_data_list(), (2, 0), strict=True):
        alone = data.packed[number]
        assert torch.equal(graph.x, alone.x)
        assert torch.equal(graph.edge_index, alone.edge_index)
        assert torch.equal(graph.pos, alone.pos)
    rows = read_windows(batch)  # a window is a row of a chain
    assert (rows.x.shape, rows.nodes, rows.ptr.tolist()) == ((10, 36), 6, [0, 5, 10])
    assert data.packed.sizes.tolist() == [30] * 4
    assert data.packed.batch(torch.zeros(0, dtype=torch.int64)).num_nodes == 0


def test_what_cannot_be_used_is_left_out_with_a_reason(folder: Path) -> None:
    rng = np.random.default_rng(1)
    hole, dead, still = rng.standard_normal((30, 6)), rng.standard_normal((30, 6)), np.ones((30, 6))
    hole[4, 2], dead[:, 1] = np.nan, 7.0
    huge = np.nan_to_num(hole * 1e200)
    bad = {"hole": hole, "huge": huge, "dead": dead, "still": still, "short": hole[10:19], "five": hole[:, :5]}
    for name, values in bad.items():
        np.save(folder / f"S_{name}.npy", values)
    (folder / "S_empty.csv").write_text("")
    (folder / "S_words.csv").write_text("a,b\nx,y\n")
    (folder / "readme.md").write_text("hello")
    (folder / "S_bad.npy").write_bytes(b"no numpy")
    data = load(folder)
    notes = "\n".join(data.report.lines())
    for said in (
        "skipped 1 scan, with values that are no numbers (the first: S_hole)",
        "skipped 1 scan, with values beyond what float32 holds (3.4e+38) (the first: S_huge)",
        "skipped 1 scan, in which no region changes (the first: S_still)",
        "skipped 1 scan, shorter than 10 samples (the first: S_short)",
        "skipped 1 scan, of other than 6 regions (the first: S_five)",
        "1 scan with a region that never changes, kept, its correlations being 0 (the first: S_dead)",
        "skipped 1 file, empty, or no table (the first: S_empty.csv)",
        "skipped 1 file, without a number (the first: S_words.csv)",
        "skipped 1 file, none of .csv, .tsv, .txt, .1d, .npy, .npz (the first: readme.md)",
        "skipped 1 file, cannot be read: it is no numpy file",
    ):
        assert said in notes
    assert len(data) == 5
    assert bool(torch.isfinite(data.packed.batch().x).all())
    strict = load(folder, constant="skip")
    assert "skipped 1 scan, with a region that never changes (the first: S_dead)" in strict.report.lines()
    assert len(strict) == 4


def test_folders_are_classes_without_a_table(tmp_path: Path) -> None:
    for number, values in enumerate(scans()):
        text(tmp_path / ("ill" if number % 2 else "well") / f"{number}.csv", values, ",")
    data = load(tmp_path)
    assert (data.class_names, data.labels.tolist()) == (["ill", "well"], [0, 0, 1, 1])


def test_a_set_is_kept(tmp_path: Path, folder: Path) -> None:
    data = load(folder)
    data.save(tmp_path / "kept")
    again = RoiSetData.read(tmp_path / "kept")
    for numbers in (None, torch.tensor([3, 1])):
        assert torch.equal(again.packed.batch(numbers).edge_index, data.packed.batch(numbers).edge_index)
        assert torch.equal(again.packed.batch(numbers).x, data.packed.batch(numbers).x)
    assert (again.groups, again.ids, again.class_names) == (data.groups, data.ids, data.class_names)


def test_scans_to_come_have_the_same_regions(folder: Path, tmp_path: Path) -> None:
    data = load(folder)
    fresh = RoiSetData(path=str(folder), **OPTIONS).load_unseen(data)
    assert torch.equal(fresh.packed.batch().x, data.packed.batch().x)
    assert fresh.labels.tolist() == [-1] * 4
    np.save(tmp_path / "narrow.npy", scans(1, regions=5)[0])
    with pytest.raises(UserError, match="no scan is left: skipped 1 scan, of other than 6 regions"):
        RoiSetData(path=str(tmp_path / "narrow.npy"), **OPTIONS).load_unseen(data)


@pytest.mark.parametrize(
    ("table", "options", "match"),
    [
        ("file,diagnosis\nS_1,ill\nS_1,well\n", {}, "names a scan more than once"),
        ("who,diagnosis\nS_1,ill\n", {}, "no column of the files' names"),
        ("file,diagnosis\nS_1,ill\n", {"label": "diagnosys"}, "no column 'diagnosys'; nearest: 'diagnosis'"),
        ("", {}, "cannot be read as a table"),
        ("file,diagnosis\nS_1,ill\n", {"window": 2}, "2 samples say nothing of correlation"),
        ("file,diagnosis\nS_1,ill\n", {"window": 50}, "no scan is left: .*shorter than 50 samples"),
    ],
)
def test_mistakes_end_in_a_line(folder: Path, table: str, options: dict[str, Any], match: str) -> None:
    (folder / "labels.csv").write_text(table)
    with pytest.raises(UserError, match=match):
        load(folder, **options)


def test_other_mistakes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        load(tmp_path / "none")
    np.savez(tmp_path / "bad.npz", x=np.zeros((9, 3)), ptr=[0, 4, 8])
    with pytest.raises(UserError, match="whose ptr does not rise from 0 to its 9 rows"):
        load(tmp_path / "bad.npz")
    np.savez(tmp_path / "bad.npz", words=np.array(["a"]))
    with pytest.raises(UserError, match="without an array of numbers"):
        load(tmp_path / "bad.npz")
    with pytest.raises(UserError, match=r"data.label: .* has no table"):
        load(tmp_path / "bad.npz", label="dx")


def test_abide_as_its_card_says(shared_data: Path) -> None:
    data = RoiSetData.from_card("abide-nyu", data_root=shared_data).load(seed=0)
    assert (len(data), data.packed.regions, torch.bincount(data.labels).tolist()) == (175, 200, [75, 100])
    assert set(data.groups or []) == {"NYU"}
    graph = data.packed[3]
    assert graph.num_nodes == 4 * 200
    assert graph.num_edges == 2 * 4 * 1990  # a tenth of 19,900 pairs
