"""Records of several devices: arrays, folders, virtual accelerometers, and each device read by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import graphcl
from graphcl.augment import take_devices
from graphcl.core.build import build
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.device_sets.device_set import DeviceSet, DeviceSetData
from graphcl.data.kind_of import kind_of
from graphcl.encode.base import View
from graphcl.encode.chain_conv import ChainConv
from graphcl.encode.heads import MLPHead
from graphcl.encode.pooled_values import PooledValues
from graphcl.encode.windows import read_apart
from graphcl.engine.observe import Observer
from graphcl.graph.window import build_windows

NAN = float("nan")


def load(path: Path | str = "", **options: Any) -> DeviceSet:
    return DeviceSetData(path=str(path), **{"scale": "none", **options}).load(seed=0)


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def two_records(path: Path, **more: Any) -> Path:
    """Two devices of two channels; the second record ends early."""
    values = np.arange(24, dtype=float).reshape(2, 2, 2, 3)
    values[1, :, :, 2] = NAN
    return saved(path, X=values, y=["sit", "run"], devices=["watch", "phone"], channels=["up", "side"], **more)


# --- files -------------------------------------------------------------------------------------------


def test_a_node_is_a_device_at_a_moment_and_is_linked_to_its_next(tmp_path: Path) -> None:
    path = two_records(tmp_path / "a.npz", subject=[7, 8])
    data = load(path)
    first, second = data.packed.batch(torch.tensor([0])), data.packed.batch(torch.tensor([1]))
    assert first.x.tolist() == [[0, 3], [6, 9], [1, 4], [7, 10], [2, 5], [8, 11]]
    assert second.x.tolist() == [[12, 15], [18, 21], [13, 16], [19, 22]]
    assert (first.pos.tolist(), first.joints.tolist()) == ([0, 0, 1, 1, 2, 2], [2])
    assert sorted(map(tuple, second.edge_index.T.tolist())) == [(0, 2), (1, 3), (2, 0), (3, 1)]
    assert (data.devices, data.feature_names, data.groups) == (["watch", "phone"], ["up", "side"], ["7", "8"])
    assert data.class_names == ["run", "sit"]
    assert "devices: 1 watch, 2 phone" in data.report.lines()
    assert kind_of(path) == "device_set"
    only = load(path, devices=["phone"])
    assert (only.devices, only.packed.batch(torch.tensor([0])).x.tolist()) == (["phone"], [[6, 9], [7, 10], [8, 11]])


def test_each_device_and_channel_has_a_scale_of_its_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal((5, 2, 3, 20)) * np.array([1.0, 100.0])[:, None, None] + 7
    data = load(saved(tmp_path / "a.npz", X=values), scale="set")
    by_device = data.packed.x.view(-1, 2, 3)
    assert torch.allclose(by_device.mean(0), torch.zeros(2, 3), atol=1e-5)
    assert torch.allclose(by_device.std(0, correction=0), torch.ones(2, 3), atol=1e-4)


def test_virtual_accelerometers_are_second_differences(tmp_path: Path) -> None:
    time = np.arange(5.0)
    places = np.zeros((3, 5, 3, 3))
    places[:, :, 1, 0], places[:, :, 2, 1] = 3 * time**2, 5 * time
    places[1, 2:] = NAN
    path = saved(tmp_path / "a.npz", X=places, y=[0, 1, 1], subject=["a", "b", "b"], bones=[[0, 1]])
    data = load(path, joints=[3, 2])
    assert data.devices == ["joint 3", "joint 2"]
    assert (len(data), data.groups) == (2, ["a", "b"])  # the second has no three places in a row
    assert data.packed.x.view(-1, 2, 3).tolist() == [[[0, 0, 0], [6, 0, 0]]] * 6
    longer = np.concatenate([places[:1], places[:1]])
    cut = load(saved(tmp_path / "b.npz", frames=longer.reshape(10, 3, 3), offsets=[0, 5, 7, 10]), joints=[2])
    assert len(cut) == 2
    assert "skipped 1 sequences of fewer than three frames" in cut.report.lines()
    for joints in ([4], [1, 1]):
        with pytest.raises(UserError, match=r"data\.joints: .*different joints from 1 to 3"):
            load(path, joints=joints)


def write(path: Path, rows: int, channels: tuple[str, ...] = ("x", "y")) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = np.linspace(0, 1, rows)[:, None] * np.arange(1, len(channels) + 1)
    path.write_text(",".join(channels) + "\n" + "\n".join(",".join(map(str, row)) for row in table.tolist()))


def test_files_of_one_name_are_one_record(tmp_path: Path) -> None:
    for name, rows in (("walk/1.csv", 5), ("walk/2.csv", 9), ("sit/1.csv", 5)):
        write(tmp_path / "watch" / name, rows)
        write(tmp_path / "phone" / name, 5, ("y", "x"))
    write(tmp_path / "watch" / "sit" / "9.csv", 5)
    (tmp_path / "watch" / "notes.txt").write_text("x")
    data = load(tmp_path)
    assert data.ids == ["sit/1.csv", "walk/1.csv", "walk/2.csv"]
    assert (data.devices, data.feature_names) == (["phone", "watch"], ["y", "x"])
    record = data.packed.batch(torch.tensor([2])).x.view(5, 2, 2)
    assert torch.allclose(record[:, 1, 1], torch.linspace(0, 1, 5))  # nine samples brought to five
    assert torch.allclose(record[:, 1, 0], 2 * torch.linspace(0, 1, 5))
    notes = data.report.lines()
    assert "skipped 1 record that not every device has" in notes
    assert "records whose devices have other numbers of samples, brought to the least: 1" in notes
    assert any(note.startswith("watch: skipped 1 file, not CSV") for note in notes)


def test_mistakes_end_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"does not exist; give an \.npz, or a folder"):
        load(tmp_path / "none")
    write(tmp_path / "all" / "watch" / "1.csv", 4)
    with pytest.raises(UserError, match="needs a folder for each of two devices or more"):
        load(tmp_path / "all")
    write(tmp_path / "all" / "phone" / "2.csv", 4)
    with pytest.raises(UserError, match="no file has the same name"):
        load(tmp_path / "all")
    write(tmp_path / "all" / "phone" / "1.csv", 4, ("x", "z"))
    (tmp_path / "all" / "phone" / "2.csv").unlink()
    with pytest.raises(UserError, match="channels x, y, and phone has x, z"):
        load(tmp_path / "all")
    with pytest.raises(UserError, match=r"\[n, devices, channels, time\]; got \(3, 2, 5\)"):
        load(saved(tmp_path / "flat.npz", X=np.zeros((3, 2, 5))))
    with pytest.raises(UserError, match="1 names of devices for 2"):
        load(saved(tmp_path / "named.npz", X=np.zeros((3, 2, 1, 5)), devices=["a"]))
    with pytest.raises(UserError, match="3 records, but 2 subjects"):
        load(saved(tmp_path / "people.npz", X=np.zeros((3, 2, 1, 5)), subject=["a", "b"]))
    path = two_records(tmp_path / "two.npz")
    with pytest.raises(UserError, match=r"data\.devices: no device 'wach'; nearest: 'watch'"):
        load(path, devices=["wach"])
    with pytest.raises(UserError, match=r"data\.devices: one is named twice"):
        load(path, devices=["watch", "watch"])


def test_a_set_is_kept_and_new_records_are_scaled_as_it_was(tmp_path: Path) -> None:
    path = two_records(tmp_path / "a.npz")
    data = load(path, scale="set")
    data.save(tmp_path / "kept")
    again = DeviceSetData.read(tmp_path / "kept")
    assert torch.equal(again.packed.x, data.packed.x)
    assert torch.equal(again.packed.edge_index, data.packed.edge_index)
    assert (again.devices, again.feature_names) == (data.devices, data.feature_names)
    unseen = DeviceSetData(path=str(path)).load_unseen(again)
    assert torch.equal(unseen.packed.x, data.packed.x)
    assert int(unseen.labels.max()) == -1
    with pytest.raises(UserError, match="devices watch; the run was trained on watch, phone"):
        DeviceSetData(path=str(path), devices=["watch"]).load_unseen(again)


def test_msr_devices_as_its_card_says(shared_data: Path) -> None:
    data = DeviceSetData.from_card("msr-devices", data_root=shared_data).load(seed=0)
    assert (len(data), len(data.class_names), data.devices[0]) == (566, 20, "joint 12")
    assert data.split is not None
    assert data.split.sizes() == {"train": 291, "valid": 0, "test": 275}
    assert data.packed.sizes.unique().tolist() == [32 * 5]


# --- devices by themselves ---------------------------------------------------------------------------


def made() -> DeviceSet:
    return DeviceSetData().load(seed=0)


def test_some_devices_are_graphs_of_their_own() -> None:
    batch = made().packed.batch(torch.arange(3))
    taken = take_devices(batch, [4, 2])
    assert taken.joints.tolist() == [2, 2, 2]
    assert torch.equal(taken.x.view(-1, 2, 3), batch.x.view(-1, 4, 3)[:, [1, 3]])
    assert torch.equal(taken.ptr * 2, batch.ptr)
    for one, graph in zip(taken.to_data_list(), batch.to_data_list(), strict=True):
        alone = take_devices(graph, [2, 4])
        assert torch.equal(one.x, alone.x)
        assert torch.equal(one.edge_index, alone.edge_index)
        assert torch.equal(one.pos, alone.pos)
    assert torch.equal(take_devices(batch, [1, 2, 3, 4]).edge_index, batch.edge_index)
    for wrong in ([0], [5], []):
        with pytest.raises(UserError, match="numbers from 1 to 4"):
            take_devices(batch, wrong)
    window = build_windows(torch.zeros(3, 2), torch.tensor([0]), torch.tensor([3]))
    with pytest.raises(UserError, match="needs graphs of several devices"):
        take_devices(window, [1])


@pytest.mark.parametrize("pieces", [1, 2])
def test_apart_each_device_has_the_embedding_that_it_has_alone(pieces: int) -> None:
    batch = made().packed.batch(torch.arange(3))
    options = {"pieces": pieces, "apart": True, "graph": batch}
    tower = ChainConv(dim=5, num_layers=2, pooling=["mean", "max"], generator=generator(0), **options)
    head = MLPHead(dim=3, apart=True, in_dim=tower.graphs_dim, graph=batch, generator=generator(0))
    for module, width in ((tower, 10 * pieces), (PooledValues(**options), 3 * pieces)):
        every = module(View(batch))
        assert every.graphs.shape == (3, 4 * width) == (3, module.graphs_dim)
        for device in range(4):
            alone = module(View(take_devices(batch, [device + 1])))
            torch.testing.assert_close(every.graphs[:, device * width : (device + 1) * width], alone.graphs)
            torch.testing.assert_close(every.nodes.view(-1, 4, module.out_dim)[:, device], alone.nodes)
    projected = head(tower(View(batch)).graphs)
    assert projected.shape == (3, 12) == (3, head.out_dim)
    alone = head(tower(View(take_devices(batch, [3]))).graphs)
    torch.testing.assert_close(projected[:, 6:9], alone)
    assert head(torch.zeros(0, tower.graphs_dim)).shape == (0, 12)


def test_windows_of_devices_are_their_chains() -> None:
    batch = made().packed.batch(torch.arange(2))
    chains = read_apart(batch)
    assert chains.tracks == 4
    assert torch.equal(chains.spread(chains.x), batch.x)
    for number, (start, stop) in enumerate(zip(chains.ptr[:-1].tolist(), chains.ptr[1:].tolist(), strict=True)):
        graph = batch.get_example(number // 4)
        assert torch.equal(chains.x[start:stop], graph.x[number % 4 :: 4])
        assert torch.equal(chains.pos[start:stop], torch.arange(stop - start))


def test_a_head_apart_needs_a_tower_apart() -> None:
    batch = made().packed.batch(torch.arange(2))
    with pytest.raises(UserError, match="needs a latent of 4 devices and this one is 6 wide"):
        build("head", "mlp", {"apart": True}, in_dim=6, graph=batch, generator=generator(0))


# --- runs --------------------------------------------------------------------------------------------


def test_collossl_learns_and_gives_a_useless_device_no_weight() -> None:
    recipe = graphcl.load(
        "collossl", "train.epochs=2", "encoder.dim=8", "heads.proj.dim=8", "eval.folds=3", "train.threads=1",
        "eval.baselines=[]", "eval.random_encoder=false", "eval.probe_options={grid: [10.0]}",
        "terms.device_contrast.negatives=2", "train.monitor=loss",
    )  # fmt: skip
    told: dict[str, float] = {}
    watch = Observer()
    watch.epoch_ended = lambda *, metrics, **_: told.update(metrics)  # type: ignore[method-assign]
    fitted = graphcl.fit(recipe, observers=[watch])
    assert fitted.metrics["test/accuracy"] > 0.7  # of three classes, by the wrist
    weights = [told[f"device_contrast/weight/{device}"] for device in range(1, 5)]
    assert weights[3] == 0  # the table, although it is an anchor too
    assert min(weights[:3]) > 0
