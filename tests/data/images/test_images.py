"""Reading images: arrays, folders, and all that a folder may hold beside good ones."""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.data.images.image_set import ImagesData, ImageSet, fitting_patch
from graphcl.graph.patches import to_images

Image = pytest.importorskip("PIL.Image", reason="the extra `images` is not installed")


def load(path: Path | str = "", **options: Any) -> ImageSet:
    return ImagesData(path=str(path), **options).load(seed=0)


def write(path: Path, mode: str = "RGB", size: tuple[int, int] = (8, 8), value: Any = None, **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if value is not None else 200).save(path, **how)
    return path


def test_digits_are_there_without_a_file() -> None:
    data = ImagesData(limit=50).load(seed=0)
    graph = data.packed.batch(torch.tensor([3, 3]))
    assert (len(data), graph.num_graphs, graph.x.shape) == (50, 2, (32, 4 + 8))
    assert data.class_names[int(data.labels[3])] == "3"
    assert float(graph.x.max()) == 1.0
    assert data.packed[-1].num_nodes == 16


# --- folders ---------------------------------------------------------------------------------------


def test_folders_are_classes_and_other_files_are_skipped_and_counted(tmp_path: Path) -> None:
    write(tmp_path / "cats" / "a.png")
    write(tmp_path / "cats" / "deep" / "b.JPG")
    write(tmp_path / "dogs" / "c.jpeg")
    (tmp_path / "dogs" / "notes.txt").write_text("no image")
    (tmp_path / ".DS_Store").write_text("")
    whole = write(tmp_path / "dogs" / "cut.png", size=(40, 40), value=(1, 2, 3)).read_bytes()
    (tmp_path / "dogs" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "dogs" / "empty.png").write_bytes(b"")
    write(tmp_path / "dogs" / "one.png", size=(1, 1))
    data = load(tmp_path)
    assert data.ids == ["cats/a.png", "cats/deep/b.JPG", "dogs/c.jpeg"]
    assert data.labels.tolist() == [0, 0, 1]
    assert data.class_names == ["cats", "dogs"]
    notes = "\n".join(data.report.lines())
    assert "skipped 1 file, not PNG or JPEG (the first: dogs/notes.txt)" in notes
    assert "skipped 2 files, truncated, damaged or no image" in notes
    assert "skipped 1 file, smaller than 2 x 2 pixels (the first: dogs/one.png)" in notes


def test_colours_of_every_mode(tmp_path: Path) -> None:
    """What is half transparent is half white; CMYK is its RGB; 16-bit greys keep their upper byte."""
    write(tmp_path / "a.png", "RGBA", value=(255, 0, 0, 128))
    write(tmp_path / "b.jpg", "CMYK", value=(0, 255, 255, 0), quality=100)
    Image.fromarray(np.full((8, 8), 0x8000, dtype=np.uint16)).save(tmp_path / "c.png")
    write(tmp_path / "d.png", "LA", value=(0, 0))
    write(tmp_path / "e.png", "1", value=1)
    write(tmp_path / "f.png", "P", value=0)
    data = load(tmp_path)
    corner = data.packed.pixels[:, :, 0, 0].tolist()
    assert corner[0] == [255, 127, 127]
    assert corner[1][0] > 250
    assert max(corner[1][1:]) < 5
    assert corner[2] == [128, 128, 128]
    assert corner[3] == corner[4] == [255, 255, 255]
    assert corner[5] == [0, 0, 0]
    assert not bool((data.labels >= 0).any())
    assert "3 grey images among coloured ones" in "\n".join(data.report.lines())


def test_a_photograph_is_upright_and_its_middle_is_taken(tmp_path: Path) -> None:
    wide = np.zeros((100, 200), dtype=np.uint8)
    wide[:, 50:150] = 255
    Image.fromarray(wide).save(tmp_path / "wide.png")
    exif = Image.Exif()
    exif[274] = 6  # turned by a quarter
    halves = np.zeros((64, 64), dtype=np.uint8)
    halves[:, :32] = 255
    Image.fromarray(halves).save(tmp_path / "turned.jpg", exif=exif, quality=100)
    pixels = load(tmp_path).packed.pixels
    assert pixels.shape == (2, 1, 64, 64)
    assert float(pixels[0, 0, :28].float().mean()) > 250, "left has come to be above"
    assert bool((pixels[1, :, :, 1:-1] == 255).all())
    assert load(tmp_path, size=16).packed.pixels.shape == (2, 1, 16, 16)


def test_sizes_that_differ_become_one(tmp_path: Path) -> None:
    write(tmp_path / "a.png", size=(8, 8))
    write(tmp_path / "b.png", size=(20, 10))
    data = load(tmp_path)
    assert data.packed.pixels.shape == (2, 3, 64, 64)
    assert "images of 2 sizes became 64 x 64" in "\n".join(data.report.lines())


def test_folders_that_are_parts(tmp_path: Path) -> None:
    for part, count in (("train", 4), ("val", 2), ("test", 3)):
        for number in range(count):
            write(tmp_path / part / f"class{number % 2}" / f"{number}.png", value=(number, number, number))
    data = load(tmp_path)
    assert data.split is not None
    assert data.split.sizes() == {"train": 4, "valid": 2, "test": 3}
    assert all(data.ids[n].startswith("test/") for n in data.split.test.tolist())  # type: ignore[index]
    assert data.class_names == ["class0", "class1"]


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a"])
def test_a_folder_without_an_image_is_refused_with_the_reason(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UserError, match=r"holds no image that can be read: skipped 1 file, truncated"):
        load(tmp_path)


def test_an_image_that_claims_to_be_huge_is_skipped(tmp_path: Path) -> None:
    write(tmp_path / "a.png")
    write(tmp_path / "c.png")
    good = io.BytesIO()
    Image.new("L", (2, 2)).save(good, "PNG")
    header = bytearray(good.getvalue())
    header[16:24] = struct.pack(">II", 60_000, 60_000)
    import zlib

    header[29:33] = struct.pack(">I", zlib.crc32(bytes(header[12:29])))
    (tmp_path / "b.png").write_bytes(bytes(header))
    data = load(tmp_path)
    assert data.ids == ["a.png", "c.png"]


# --- arrays ----------------------------------------------------------------------------------------


def test_a_large_photograph_is_read_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 50)  # of which Pillow warns, and refuses twice as many
    write(tmp_path / "large.png", size=(8, 8))
    write(tmp_path / "huge.png", size=(8, 16))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = load(tmp_path)
    assert data.ids == ["large.png"]
    assert "skipped 1 file, too many pixels to be an image (the first: huge.png)" in data.report.notes


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def test_arrays_in_any_order_of_axes_and_range(tmp_path: Path) -> None:
    last = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    made = [
        last, np.moveaxis(last, 3, 1), last.astype(np.float64), last / 255, last.astype(np.uint16) * 257,
        np.concatenate([last, np.full((5, 8, 8, 1), 255, dtype=np.uint8)], axis=3), last.astype(np.int64),
    ]  # fmt: skip
    expected = torch.from_numpy(np.moveaxis(last, 3, 1).copy())
    for number, images in enumerate(made):
        data = load(saved(tmp_path / f"{number}.npz", images=images, labels=[0, 1, 1, 0, -1]))
        assert torch.equal(data.packed.pixels, expected), number
        graph = data.packed.batch()
        torch.testing.assert_close(to_images(graph.x, data.packed.layout), expected / 255)
    assert data.labels.tolist() == [0, 1, 1, 0, -1]
    assert "images without a label, trained on but not judged: 1" in data.report.lines()
    np.save(tmp_path / "bare.npy", last)
    assert torch.equal(load(tmp_path / "bare.npy").packed.pixels, expected)


def test_16_bits_of_which_fewer_are_used(tmp_path: Path) -> None:
    """A scanner's 12 bits come out dark, are told of, and are read as what they are."""
    twelve = np.random.default_rng(0).integers(0, 4096, (3, 8, 8), dtype=np.uint16)
    twelve[0, 0, 0] = 4095
    saved(tmp_path / "a.npz", images=twelve, labels=[0, 1, 1])
    for number, values in enumerate(twelve):
        (tmp_path / "scans").mkdir(exist_ok=True)
        Image.fromarray(values).save(tmp_path / "scans" / f"{number}.png")
    note = "16-bit pixels go up to 4,095 and come out dark; data.bits=12 reads them as of 12 bits"
    for path in (tmp_path / "a.npz", tmp_path / "scans"):
        dark, read = load(path), load(path, bits=12)
        assert int(dark.packed.pixels.max()) == 15
        assert note in dark.report.notes
        assert torch.equal(read.packed.pixels[:, 0], torch.from_numpy((twelve >> 4).astype(np.uint8)))
        assert not any("dark" in line for line in read.report.notes)
        with pytest.raises(UserError, match=r"a pixel of 4,095 needs 12 bits, data.bits is 11"):
            load(path, bits=11)
    bytes_in_two = saved(tmp_path / "b.npz", images=twelve >> 4, labels=[0, 1, 1])
    assert "data.bits=8 reads them as of 8 bits" in " ".join(load(bytes_in_two).report.notes)
    assert torch.equal(load(bytes_in_two, bits=8).packed.pixels, load(tmp_path / "a.npz", bits=12).packed.pixels)
    full = saved(tmp_path / "c.npz", images=twelve << 4, labels=[0, 1, 1])
    assert not any("dark" in line for line in load(full).report.notes)


def test_sizes_that_make_no_sense(tmp_path: Path) -> None:
    for option, message in [
        ({"patch": 100}, r"data.patch: 100 does not divide images of 8 x 8"),
        ({"patch": 8}, r"data.patch: 8 makes one patch of an image of 8 x 8"),
        ({"margin": 9}, r"data.margin: 9 pixels around a patch are more than the image has \(8 x 8\)"),
    ]:
        with pytest.raises(UserError, match=message):
            ImagesData(limit=20, **option).load(seed=0)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": np.zeros((3, 8, 8))}, "no array called images or x or data.*it holds pictures"),
        ({"images": np.zeros((3, 64))}, r"got \(3, 64\)"),
        ({"images": np.zeros((3, 1, 1))}, "at least 2 x 2 pixels are needed, got 3 of 1 x 1"),
        ({"images": np.zeros((0, 8, 8))}, "got 0 of 8 x 8"),
        ({"images": np.full((3, 8, 8), np.nan)}, "image 0 holds values that are not finite"),
        ({"images": np.full((3, 8, 8), -1.0)}, "pixels go from -1 to -1"),
        ({"images": np.full((3, 8, 8), 999)}, "pixels go from 999 to 999 as int64; .* or 16-bit numbers as uint16"),
        ({"images": np.zeros((3, 8, 8)), "labels": [0, 1]}, r"3 examples, but labels of shape \(2,\)"),
        ({"images": np.array([["a"] * 4] * 4)[None]}, "images are numbers"),
        ({"images": np.zeros((3, 8, 8)), "labels": [1, 1, 1]}, "all of one class"),
        ({"images": np.array([None, {}])}, "nothing is unpickled"),
        ({"train_images": np.zeros((3, 8, 8)), "test_images": np.zeros((3, 9, 9))}, "different shapes"),
    ],
)
def test_arrays_that_are_no_images(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        load(saved(tmp_path / "images.npz", **arrays))


def test_files_and_options_that_do_not_do(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK nothing")
    for path, options, message in (
        (tmp_path / "a.npz", {}, "cannot be read"),
        (tmp_path / "absent", {}, "does not exist"),
        ("", {"patch": 3}, "3 does not divide images of 8 x 8 pixels"),
        ("", {"name": "digit"}, "nearest: 'digits'"),
    ):
        with pytest.raises(UserError, match=message):
            load(path, **options)


def test_a_patch_that_fits() -> None:
    assert [fitting_patch(n, n) for n in (8, 28, 32, 64, 224, 4, 31, 2)] == [2, 4, 4, 8, 28, 0, 0, 0]
    assert [fitting_patch(*sides) for sides in ((10, 15), (6, 6), (16, 40))] == [0, 0, 4]


def test_an_image_that_no_patch_divides_is_resized(tmp_path: Path) -> None:
    data = load(saved(tmp_path / "odd.npz", images=np.zeros((3, 31, 29))))
    assert data.packed.pixels.shape[2:] == (32, 28)
    assert any("no patch divides 31 x 29" in line for line in data.report.lines())
    for sides in ((10, 15), (3, 3), (2, 40)):
        layout = load(saved(tmp_path / "odd.npz", images=np.zeros((3, *sides)))).packed.layout
        assert min(layout.rows, layout.columns) >= 4


# --- kept and unseen -------------------------------------------------------------------------------


def test_what_a_run_keeps_is_what_it_read(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8), dtype=np.uint8)
    arrays = {f"{part}_images": images for part in ("train", "test")} | {
        f"{part}_labels": [0, 1] * 3 for part in ("train", "test")
    }
    data = load(saved(tmp_path / "a.npz", **arrays), edges="both", k=2)
    data.save(tmp_path / "kept")
    kept = ImagesData.read(tmp_path / "kept")
    assert torch.equal(kept.packed.pixels, data.packed.pixels)
    assert kept.packed.layout == data.packed.layout
    assert kept.split is not None
    assert kept.split.digest() == data.split.digest()  # type: ignore[union-attr]
    assert torch.equal(kept.labels, data.labels)


def test_unseen_images_take_the_size_and_colours_of_those_trained_on(tmp_path: Path) -> None:
    trained = ImagesData(limit=20).load(seed=0)
    write(tmp_path / "a.png", size=(30, 30), value=(10, 200, 30))
    new = ImagesData(path=str(tmp_path)).load_unseen(trained)
    assert new.packed.pixels.shape == (1, 1, 8, 8)
    assert new.packed.layout == trained.packed.layout
    assert new.ids == ["a.png"]
    assert int(new.packed.pixels[0, 0, 0, 0]) == round(0.299 * 10 + 0.587 * 200 + 0.114 * 30)
