"""Reading skeletons: both layouts of arrays, what is missing, and frames as rows of chains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import graphcl
from graphcl.augment import crop_time, mask_blocks, rotate_points, stretch_time
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.skeleton_sets.skeleton_set import SkeletonSet, SkeletonSetData
from graphcl.encode.base import View
from graphcl.encode.chain_conv import ChainConv
from graphcl.encode.windows import read_windows
from graphcl.graph.skeleton import build_skeleton, skeleton_edges

NAN = float("nan")


def load(path: Path | str = "", **options: Any) -> SkeletonSet:
    return SkeletonSetData(path=str(path), **{"length": 0, "scale": "none", **options}).load(seed=0)


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def moves(lengths: tuple[int, ...] = (3, 5, 4), joints: int = 4) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal((frames, joints, 3)) for frames in lengths]


def padded(sequences: list[np.ndarray]) -> np.ndarray:
    made = np.full((len(sequences), max(map(len, sequences)), *sequences[0].shape[1:]), NAN)
    for number, one in enumerate(sequences):
        made[number, : len(one)] = one
    return made


def test_edges_are_bones_in_each_frame_and_joints_over_time() -> None:
    edges = skeleton_edges(3, 4, torch.tensor([[0, 1], [1, 3]]))
    found = set(map(tuple, edges.T.tolist()))
    expected = {(4 * t + a, 4 * t + b) for t in range(3) for a, b in ((0, 1), (1, 0), (1, 3), (3, 1))}
    expected |= {(4 * t + j, 4 * (t + 1) + j) for t in range(2) for j in range(4)}
    expected |= {(b, a) for a, b in expected}
    assert found == expected
    assert edges.shape[1] == len(expected)


def test_a_batch_is_the_single_graphs(tmp_path: Path) -> None:
    sequences = moves()
    data = load(saved(tmp_path / "a.npz", X=padded(sequences), bones=[[0, 1], [1, 2]]))
    batch = data.packed.batch(torch.tensor([2, 0]))
    assert batch.joints.tolist() == [4, 4]
    for graph, number in zip(batch.to_data_list(), (2, 0), strict=True):
        centred = torch.from_numpy(sequences[number] - sequences[number][0].mean(0)).float()
        alone = build_skeleton(centred, torch.tensor([[0, 1], [1, 2]]))
        assert torch.allclose(graph.x, alone.x, atol=1e-6)
        assert torch.equal(graph.pos, alone.pos)
        assert torch.equal(graph.edge_index, alone.edge_index)


def test_a_sequence_without_a_body_is_left_out_and_counted(tmp_path: Path) -> None:
    sequences = moves()
    sequences[1][:] = 0.0
    data = load(saved(tmp_path / "a.npz", X=padded(sequences), y=[0, 1, 1], subject=[2, 1, 3]))
    assert "skipped sequences of nothing but 0: 1" in data.report.lines()
    assert (data.labels.tolist(), data.groups) == ([0, 1], ["2", "3"])
    with pytest.raises(UserError, match="no series with a value"):
        load(saved(tmp_path / "b.npz", X=np.zeros((2, 3, 4, 3)), y=[0, 1]))


def test_frames_and_offsets_are_the_same_as_padded_sequences(tmp_path: Path) -> None:
    sequences, y, subject = moves(), [0, 1, 1], [2, 1, 2]
    given = {"bones": [[0, 1]], "y": y, "subject": subject}
    one = load(saved(tmp_path / "a.npz", X=padded(sequences), **given))
    other = load(saved(tmp_path / "b.npz", frames=np.concatenate(sequences), offsets=[0, 3, 8, 12], **given))
    for data in (one, other):
        assert torch.equal(data.packed.x, one.packed.x)
        assert (data.labels.tolist(), data.groups) == ([0, 1, 1], ["2", "1", "2"])
    split = load(tmp_path / "b.npz", train_groups=["2"])
    assert (split.ids, split.groups) == (["0", "2", "1"], ["2", "2", "1"])
    assert split.split is not None
    assert split.split.sizes() == {"train": 2, "valid": 0, "test": 1}


def test_missing_joints_are_filled_in_and_empty_sequences_left_out(tmp_path: Path) -> None:
    sequences = moves((3, 4, 3, 1))
    sequences[0][1, 2] = NAN
    sequences[1][:, 3] = NAN
    sequences[2][:] = NAN
    data = load(saved(tmp_path / "a.npz", X=padded(sequences), bones=[[0, 1]]))
    notes = data.report.lines()
    assert "skipped 1 series without a value" in notes
    assert "3 sequences of 1 to 4 frames, 4 joints, 1 bone, no labels" in notes
    assert bool(torch.isfinite(data.packed.x).all())
    first = data.packed[0].x.view(3, 4, 3)
    assert torch.allclose(first[1, 2], (first[0, 2] + first[2, 2]) / 2, atol=1e-6)


def test_length_centre_and_scale(tmp_path: Path) -> None:
    sequences = [3 + number * np.arange(8.0).reshape(2, 4, 1).repeat(3, 2) for number in (1, 2)]
    path = saved(tmp_path / "a.npz", X=np.stack(sequences), bones=[[0, 1], [2, 3]])
    data = load(path, length=3, centre=2)
    assert data.packed[0].x.view(3, 4, 3)[:, 1, 0].tolist() == [0, 2, 4]
    body = load(path, centre=2, scale="body")  # bones of length sqrt(3), and twice that
    assert torch.allclose(body.packed[0].x, body.packed[1].x)
    unit = load(path, centre=2, scale="set")
    assert unit.packed.x.std(correction=0) == pytest.approx(1.0, abs=0.05)
    again = SkeletonSetData(path=str(path), length=0, centre=2).load_unseen(unit)
    assert torch.equal(again.packed.x, unit.packed.x)


def test_a_set_is_kept(tmp_path: Path) -> None:
    data = SkeletonSetData().load(seed=0)
    data.save(tmp_path / "kept")
    again = SkeletonSetData.read(tmp_path / "kept")
    assert torch.equal(again.packed.batch().x, data.packed.batch().x)
    assert (again.groups, again.unit, again.class_names) == (data.groups, data.unit, ["wave", "kick", "bow"])
    assert torch.equal(again.bones, data.bones)


@pytest.mark.parametrize(
    ("arrays", "options", "match"),
    [
        ({"X": np.zeros((3, 4))}, {}, "skeletons are numbers"),
        ({"X": np.zeros((3, 4, 5, 7))}, {}, "joints, 2 or 3"),
        ({"X": np.ones((3, 4, 5, 3)), "bones": [[0, 1], [0, 5]]}, {}, r"pairs of joints from 0 to 4; got \[0, 5\]"),
        ({"X": np.ones((3, 4, 5, 3)), "bones": [[0, 1.5]]}, {}, r"got \[0.0, 1.5\]"),
        ({"X": np.ones((3, 4, 5, 3)), "bones": [["hip", "knee"]]}, {}, r"numbers of shape \(bones, 2\); got <U4"),
        ({"X": np.ones((3, 4, 5, 3)), "subject": [1, 2]}, {}, "3 sequences, but 2 subjects"),
        ({"X": np.ones((3, 4, 5, 3)), "subject": [1, 2, 2]}, {"train_groups": ["3"]}, "no subject '3'"),
        ({"X": np.ones((3, 4, 5, 3)), "subject": [1, 2, 2]}, {"train_groups": ["1", "2"]}, "left to test on"),
        ({"frames": np.zeros((9, 5, 3)), "offsets": [0, 4, 8]}, {}, "offsets must rise"),
        ({"X": np.ones((3, 4, 5, 3))}, {"centre": 6}, "joint 6 of 5"),
        ({"other": np.zeros(3)}, {}, "no array called x"),
    ],
)
def test_mistakes_end_in_a_line(tmp_path: Path, arrays: dict[str, Any], options: dict[str, Any], match: str) -> None:
    with pytest.raises(UserError, match=match):
        load(saved(tmp_path / "a.npz", **arrays), **options)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK nothing")
    with pytest.raises(UserError, match="cannot be read"):
        load(tmp_path / "a.npz")
    with pytest.raises(UserError, match="is no file"):
        load(tmp_path)


def test_msraction3d_as_its_card_says(shared_data: Path) -> None:
    data = SkeletonSetData.from_card("msraction3d", data_root=shared_data).load(seed=0)
    assert data.split is not None
    assert data.split.sizes() == {"train": 291, "valid": 0, "test": 275}
    assert len(data.class_names) == 20
    assert torch.equal(data.packed.x.view(566, 32, 20, 3)[:, 0, 6], torch.zeros(566, 3))  # joint 7 is the origin


# --- frames as rows ----------------------------------------------------------------------------------


def test_chains_read_the_joints_of_a_frame_beside_each_other() -> None:
    graph = SkeletonSetData(length=10).load(seed=0).packed.batch(torch.arange(4))
    frames = read_windows(graph)
    assert frames.x.shape == (40, 21)
    assert (frames.ptr.tolist(), frames.pos[:11].tolist()) == ([0, 10, 20, 30, 40], [*range(10), 0])
    tower = ChainConv(dim=4, num_layers=1, graph=graph, generator=generator(0)).eval()
    made = tower(View(graph))
    assert made.nodes.shape == (280, 4)
    assert torch.equal(made.nodes.view(40, 7, 4), made.nodes.view(40, 7, 4)[:, :1].expand(-1, 7, -1))
    assert made.graphs is not None
    assert torch.equal(made.graphs, made.nodes.view(4, 70, 4).amax(1))


def test_augmenters_of_chains_take_all_joints_of_a_frame_at_once() -> None:
    graph = SkeletonSetData(length=12).load(seed=0).packed.batch(torch.arange(3))
    clock = graph.clone()
    clock.x = graph.pos[:, None].expand(-1, 3).float()  # every joint shows the number of its frame
    shown = stretch_time(clock, 0.5, generator=generator(0)).x.view(3, 12, 21)
    assert torch.equal(shown, shown[:, :, :1].expand(-1, -1, 21))
    assert not torch.equal(shown, clock.x.view(3, 12, 21))
    masked = mask_blocks(graph, 0.3, width=2, replace=0, keep=0, generator=generator(0))
    assert torch.equal(masked.masked.view(36, 7), masked.masked.view(36, 7)[:, :1].expand(-1, 7))
    assert masked.masked.any()
    crop = crop_time(graph, 0.75, generator=generator(0))
    assert torch.equal(crop.x[crop.overlap], graph.x[crop.overlap])


def test_rotations_keep_distances_and_turn_each_graph_by_itself() -> None:
    graph = SkeletonSetData(length=6).load(seed=0).packed.batch(torch.arange(50))
    upright = rotate_points(graph, 60.0, generator=generator(0)).x.view(50, 42, 3)
    before = graph.x.view(50, 42, 3)
    assert torch.allclose(upright[:, :, 1], before[:, :, 1], atol=1e-6)
    assert torch.allclose(upright @ upright.mT, before @ before.mT, atol=1e-4)
    flat, was = upright[:, 5, [0, 2]], before[:, 5, [0, 2]]
    angles = torch.atan2(flat[:, 0] * was[:, 1] - flat[:, 1] * was[:, 0], (flat * was).sum(1)) * 180 / torch.pi
    assert 50 < float(angles.abs().max()) < 60.1
    assert float(angles.min()) < -30 < 30 < float(angles.max())
    tilted = rotate_points(graph, 0.0, tilt=20.0, generator=generator(0)).x.view(50, 42, 3)
    assert not torch.allclose(tilted[:, :, 1], before[:, :, 1], atol=0.1)
    assert torch.allclose(tilted @ tilted.mT, before @ before.mT, atol=1e-4)
    graph.x = graph.x[:, :2]
    with pytest.raises(UserError, match="no coordinates of three axes"):
        rotate_points(graph, 10.0, generator=generator(0))


def test_halp_pulls_once_there_are_prototypes() -> None:
    recipe = graphcl.load("halp", "train.epochs=4", "data.length=8", "encoder.dim=8", "eval.baselines=[]",
                          "eval.random_encoder=false", "states.prototypes.start=1", "states.prototypes.every=1",
                          "states.prototypes.k=4", "eval.probe_options={grid: [1.0]}", "train.threads=1")  # fmt: skip
    fitted = graphcl.fit(recipe)
    assert fitted.model.states["prototypes"].centroids.shape == (4, 64)
    assert fitted.metrics["test/accuracy"] > 0.6
