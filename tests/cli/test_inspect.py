"""``graphcl inspect``: one sample of anything as a picture; what it is, is seen by its files."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graphcl.cli.main import run
from graphcl.core.errors import UserError
from graphcl.data.kind_of import kind_of


def image(path: Path, side: int = 12) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(len(path.name)).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(values).save(path)
    return path


def text(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def inspected(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    capsys.readouterr()
    assert run(["inspect", *arguments, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def ink(path: Path) -> float:
    """Share of a picture's pixels that are not white."""
    return float((np.asarray(Image.open(path).convert("L")) < 250).mean())


def test_kinds_are_seen_by_the_files(tmp_path: Path) -> None:
    assert kind_of(image(tmp_path / "photos" / "cats" / "a.png").parents[1]) == "images"
    assert kind_of(text(tmp_path / "one.py", "x = 1")) == "code_set"
    assert kind_of(text(tmp_path / "lines.jsonl.gz", "")) == "code_set"
    assert kind_of(text(tmp_path / "walk.csv", "x\n1")) == "series_set"
    assert kind_of(text(tmp_path / "graphs" / "graphs.csv", "id")).startswith("series")  # the file, not its folder
    assert kind_of(tmp_path / "graphs") == "graph_set"
    np.savez(tmp_path / "a.npz", train_images=np.zeros(1))
    np.savez(tmp_path / "b.npz", X=np.zeros(1))
    np.savez(tmp_path / "c.npz", X=np.zeros(1), bones=np.zeros(1))
    np.savez(tmp_path / "d.npz", x=np.zeros(1), ptr=np.zeros(1))
    found = [kind_of(tmp_path / f"{name}.npz") for name in "abcd"]
    assert found == ["images", "series_set", "skeleton_set", "roi_set"]
    assert kind_of(text(tmp_path / "brains" / "a_rois.1D", "1 2").parent) == "roi_set"
    text(tmp_path / "mixed" / "a.csv", "x\n1")
    text(tmp_path / "mixed" / "readme.txt", "x")
    for name in ("b.wav", "c.wav"):
        text(tmp_path / "mixed" / name, "x")
    assert kind_of(tmp_path / "mixed") == "sound_set"
    for path, message in (
        (tmp_path / "none", "does not exist"),
        (text(tmp_path / "a.xyz", ""), "what graph to make of .xyz; say it by --kind"),
        (text(tmp_path / "texts" / "a.txt", "").parent, "holds no images, sounds, code, series, scans or graphs"),
        (text(tmp_path / "broken.npz", "x"), "is no .npz, or is damaged"),
    ):
        with pytest.raises(UserError, match=message):
            kind_of(path)


def test_a_single_image_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    found = inspected(capsys, str(image(tmp_path / "cat.png")), "data.patch=4", "--out", "seen.svg")
    assert found == {
        "out": "seen.svg", "kind": "images", "id": "cat.png", "class": None, "graphs": 1, "nodes": 9, "edges": 40,
    }  # fmt: skip
    assert "<svg" in Path("seen.svg").read_text()
    assert run(["inspect", str(tmp_path / "cat.png"), "--out", "seen.svg"]) == 2
    assert "seen.svg exists; replace it with --overwrite" in capsys.readouterr().err


def test_names_of_any_signs_are_drawn_without_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        inspected(capsys, str(image(tmp_path / "my cat 🎒.png")), "--out", str(tmp_path / "x.png"))


def test_one_of_a_folder_is_chosen_by_number_or_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("cats/a.png", "cats/b.png", "dogs/c.png", "dogs/notes.txt"):
        image(tmp_path / "photos" / name) if name.endswith("png") else text(tmp_path / "photos" / name, "no")
    out = str(tmp_path / "x.png")
    by_name = inspected(capsys, str(tmp_path / "photos"), "--sample", "dogs/c.png", "--out", out)
    assert (by_name["class"], by_name["graphs"]) == ("dogs", 3)
    assert ink(Path(out)) > 0.1
    assert inspected(capsys, str(tmp_path / "photos"), "--sample", "2", "--out", out, "--overwrite") == by_name
    assert run(["inspect", str(tmp_path / "photos"), "--out", out, "--overwrite"]) == 0
    assert "skipped 1 file, not PNG or JPEG (the first: dogs/notes.txt)" in capsys.readouterr().err


def test_series_code_and_graphs_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tree_sitter_python", reason="needs the extra code")
    monkeypatch.chdir(tmp_path)
    series = text(tmp_path / "walk.csv", "x,y\n" + "\n".join(f"{n},{n * n % 7}" for n in range(20)))
    chain = inspected(capsys, str(series))
    assert (chain["out"], chain["nodes"], chain["edges"]) == ("walk.png", 20, 19)
    code = inspected(capsys, str(text(tmp_path / "add.py", "def add(a, b):\n    return a + b\n")), "data.edges=[child]")
    assert code["edges"] == 2 * (int(str(code["nodes"])) - 1)
    graph = inspected(capsys, "atlas", "--sample", "100")
    assert (graph["kind"], graph["out"]) == ("graph_set", f"atlas-{graph['id']}.png")
    for found in (chain, code, graph):
        assert ink(Path(str(found["out"]))) > 0.005
    digits = inspected(capsys, "digits", "--sample", "3")
    assert (digits["kind"], digits["class"], digits["graphs"]) == ("images", "3", 1797)


def test_a_sample_is_its_place_in_the_file_where_others_are_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = np.random.default_rng(0).standard_normal((4, 1, 8))
    values[1] = np.nan
    path = tmp_path / "a.npz"
    np.savez(path, X=values, y=[0, 1, 0, 1])
    out = ["--kind", "series_set", "--out", str(tmp_path / "x.png")]
    assert inspected(capsys, str(path), "--sample", "2", *out)["id"] == "2"
    assert run(["inspect", str(path), "--sample", "1", *out, "--overwrite"]) == 2
    assert "no sample '1'" in capsys.readouterr().err


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cat = str(image(tmp_path / "cat.png"))
    out = ["--out", str(tmp_path / "x.png")]
    for arguments, message in (
        ([str(tmp_path / "none")], "none does not exist"),
        ([cat, "--kind", "image", *out], "--kind: 'image'; nearest: 'images'"),
        ([cat, "--sample", "7", *out], "--sample: no sample '7'; there are 1, from 0"),
        ([cat, "train.lr=1", *out], "'train.lr=1': only data.* can be set here"),
        ([cat, "data.pach=4", *out], "unknown key 'data.pach'; nearest: 'data.patch'"),
        ([cat, "--out", str(tmp_path / "x.jpg")], "known: .png, .svg, .pdf"),
        (["cora", *out], "cora is a data set for the task 'node'; what is drawn are sets of graphs"),
    ):
        assert run(["inspect", *arguments]) == 2
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1
    assert not (tmp_path / "x.png").exists()


def test_a_single_new_image_is_embedded_by_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(6):
        image(tmp_path / "old" / "ab"[number % 2] / f"{number}{'x' * number}.png")
    settings = ["data.patch=3", "encoder.dim=8", "train.epochs=1", "eval.folds=3"]
    command = ["train", "simclr_patches", f"data.path={tmp_path / 'old'}", *settings, "--out", str(tmp_path / "run")]
    assert run([*command, "--quiet"]) == 0
    new = ["--data", str(image(tmp_path / "new.png")), "--out", str(tmp_path / "new.csv"), "--json"]
    capsys.readouterr()
    assert run(["embed", str(tmp_path / "run"), *new]) == 0
    (shape,) = json.loads(capsys.readouterr().out)["shapes"].values()
    assert shape[0] == 1
    command[2:4] = [f"data.path={tmp_path / 'new.png'}", *settings]
    assert run([*command, "--overwrite", "--quiet"]) == 2
    assert "there is one graph, and nothing to contrast it with" in capsys.readouterr().err


def test_scans_that_look_like_plain_series_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw = np.random.default_rng(0)
    for number in range(3):
        rows = "\n".join(",".join(f"{value:.3f}" for value in row) for row in draw.normal(size=(60, 5)))
        text(tmp_path / "scans" / f"s{number}.csv", "a,b,c,d,e\n" + rows + "\n")
    folder, out = str(tmp_path / "scans"), ["--out", str(tmp_path / "p.svg"), "--overwrite"]
    assert run(["inspect", folder, *out]) == 0
    told = f"{folder} is taken for data.kind=series_set; --kind roi_set or device_set reads it otherwise"
    assert told in " ".join(capsys.readouterr().err.split())
    found = inspected(capsys, folder, "--kind", "roi_set", *out)
    assert found["kind"] == "roi_set"
    assert "is taken for" not in capsys.readouterr().err
