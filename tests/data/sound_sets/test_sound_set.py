"""Reading sounds: every depth and rate, what is no sound, and what names of files say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import graphcl
from graphcl.core.errors import UserError
from graphcl.data.sound_sets.file_names import NamePattern
from graphcl.data.sound_sets.frames import FrameLayout, fft_size, log_mel, mel_bands, resampled_to
from graphcl.data.sound_sets.sound_set import SoundSet, SoundSetData

soundfile = pytest.importorskip("soundfile")

LAYOUT = FrameLayout(rate=8000, bands=20, window_ms=25.0, hop_ms=10.0)


def tone(hertz: float, seconds: float = 0.3, rate: int = 8000) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def write(path: Path, samples: np.ndarray, rate: int = 8000, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)


def load(path: Path, **options: Any) -> SoundSet:
    return SoundSetData(path=str(path), **{"bands": 20, "scale": "none", **options}).load(seed=0)


def frames(data: SoundSet, name: str) -> torch.Tensor:
    assert data.ids is not None
    return data.packed[data.ids.index(name)].x


# --- frames ------------------------------------------------------------------------------------------


def slow_log_mel(samples: np.ndarray, layout: FrameLayout) -> np.ndarray:
    """Frame by frame, with numpy's transform of exactly the samples of a frame."""
    size = fft_size(layout.window)
    shape = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(layout.window) / layout.window)
    bands, made = mel_bands(layout.rate, size, layout.bands).double().numpy(), []
    for begin in range(0, len(samples) - layout.window + 1, layout.hop):
        power = np.abs(np.fft.rfft(shape * samples[begin : begin + layout.window], size)) ** 2 / layout.window
        made.append(np.log(bands @ power + 1e-6))
    return np.stack(made)


def test_frames_are_those_taken_one_by_one() -> None:
    samples = np.random.default_rng(0).standard_normal(1234)
    np.testing.assert_allclose(log_mel(samples, LAYOUT), slow_log_mel(samples, LAYOUT), atol=1e-4)


def test_a_tone_is_loudest_in_the_band_that_holds_it() -> None:
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 4000 / 700), 22) / 2595) - 1)
    for band in (5, 10, 16):
        assert set(log_mel(tone(edges[band + 1]), LAYOUT).argmax(1)) == {band}
    weights = mel_bands(8000, 256, 40)
    assert bool((weights.sum(1) > 0).all())
    assert weights.shape == (40, 129)


def test_resampling_keeps_a_tone() -> None:
    made = resampled_to(tone(440.0, rate=11025), 11025, 8000)
    assert abs(len(made) - 2400) <= 1
    middle = slice(200, -200)
    assert np.abs(made[middle] - tone(440.0)[: len(made)][middle]).max() < 0.02


def test_a_sound_shorter_than_a_window_is_one_frame() -> None:
    assert log_mel(np.ones(3), LAYOUT).shape == (1, 20)
    assert np.isfinite(log_mel(np.zeros(1), LAYOUT)).all()


# --- files -------------------------------------------------------------------------------------------


def test_depths_channels_and_formats_give_the_same_frames(tmp_path: Path) -> None:
    samples = tone(600.0)
    write(tmp_path / "a" / "plain.wav", samples, subtype="FLOAT")
    write(tmp_path / "a" / "stereo.wav", np.stack([2 * samples, 0 * samples], axis=1), subtype="FLOAT")
    write(tmp_path / "b" / "eight.wav", samples, subtype="PCM_U8")
    write(tmp_path / "b" / "sixteen.flac", samples)
    write(tmp_path / "b" / "other.wav", tone(600.0, rate=16000), 16000)
    data = load(tmp_path)
    plain = frames(data, "a/plain.wav")
    assert torch.allclose(frames(data, "a/stereo.wav"), plain, atol=1e-3)
    loud = plain > plain.max() - 6  # the noise of eight bits is far below
    for name in ("b/eight.wav", "b/sixteen.flac", "b/other.wav"):
        found = frames(data, name)
        assert found.shape == plain.shape
        assert torch.allclose(found[loud], plain[loud], atol=0.1), name
    assert "sounds of other rates, resampled to 8,000 samples a second: 1" in data.report.lines()
    assert (data.class_names, data.labels.tolist()) == (["a", "b"], [0, 0, 1, 1, 1])
    assert data.split is None


def test_what_is_no_sound_is_skipped_and_counted(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / f"{number}.wav", tone(300.0 + 100 * number, 0.02 + 0.1 * number))
    whole = (tmp_path / "2.wav").read_bytes()
    (tmp_path / "text.wav").write_text("no sound at all")
    (tmp_path / "cut.wav").write_bytes(whole[:20])
    (tmp_path / "half.wav").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "of_a_pipe.wav").write_bytes(whole[:4] + b"\xff\xff\xff\xff" + whole[8:])  # its length was not known
    (tmp_path / "nothing.wav").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("x")
    write(tmp_path / "no_samples.wav", np.zeros(0))
    write(tmp_path / "nan.wav", np.full(800, np.nan), subtype="FLOAT")
    data = load(tmp_path)
    assert data.ids == ["0.wav", "1.wav", "2.wav", "of_a_pipe.wav"]
    notes = data.report.lines()
    for told in (
        "skipped 1 file, not WAV, FLAC or OGG (the first: notes.txt)",
        "skipped 4 files, truncated, damaged or no sound (the first: cut.wav)",
        "skipped 1 file, without a sample (the first: no_samples.wav)",
        "skipped 1 file, with samples that are no numbers (the first: nan.wav)",
        "sounds of a single frame, kept: 1",
    ):
        assert told in notes, notes


def test_a_silent_sound_is_no_trouble(tmp_path: Path) -> None:
    write(tmp_path / "a" / "silent.wav", np.zeros(4000))
    write(tmp_path / "b" / "tone.wav", tone(500.0))
    for scale in ("series", "set"):
        assert bool(torch.isfinite(load(tmp_path, scale=scale).packed.x).all())


def test_names_say_class_group_and_part(tmp_path: Path) -> None:
    for name in ("0_ann_0", "0_ann_7", "1_bob_2", "1_ann_10", "odd"):
        write(tmp_path / f"{name}.wav", tone(400.0))
    data = load(tmp_path, pattern="CLASS_GROUP_NUMBER", test_below=3)
    assert data.ids == ["0_ann_7.wav", "1_ann_10.wav", "0_ann_0.wav", "1_bob_2.wav"]
    assert data.groups == ["ann", "ann", "ann", "bob"]
    assert data.labels.tolist() == [0, 1, 0, 1]
    assert data.split is not None
    assert data.split.sizes() == {"train": 2, "valid": 0, "test": 2}
    assert any("with a name of another form than data.pattern (the first: odd.wav)" in n for n in data.report.lines())


@pytest.mark.parametrize("pattern", ["class_group", "plain", "CLASS_CLASS"])
def test_patterns_that_say_nothing(pattern: str) -> None:
    with pytest.raises(UserError, match=r"data\.pattern: .*fields are"):
        NamePattern(pattern)
    assert NamePattern("take NUMBER of CLASS").read("take 0 of cat") == ("cat", "", 0)


def test_mistakes_end_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist; give a folder that holds WAV"):
        load(tmp_path / "none")
    with pytest.raises(UserError, match="holds no sound that can be read; give WAV or FLAC"):
        load(tmp_path)
    (tmp_path / "a.wav").write_text("x")
    with pytest.raises(UserError, match=r"holds no sound that can be read: skipped 1 file, truncated, damaged"):
        load(tmp_path)
    with pytest.raises(UserError, match=r"needs a data\.pattern with"):
        load(tmp_path, test_below=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bands": 5000}, r"data.bands: 5,000 bands of a spectrum of 129 frequencies \(frames of 200 samples\)"),
        ({"bands": 130}, r"data.bands: 130 bands of a spectrum of 129 frequencies"),
        ({"window_ms": 0.001}, r"data.window_ms: 0.001 ms are fewer than 2 samples at 8,000 a second"),
        ({"window_ms": 1e5}, r"data.window_ms: 100000 ms are 800,000 samples at 8,000 a second; a frame has at most"),
        ({"hop_ms": 1e-4}, r"data.hop_ms: 0.0001 ms are less than a sample at 8,000 a second"),
        ({"rate": 10}, r"data.window_ms: 25 ms are fewer than 2 samples at 10 a second"),
    ],
)
def test_frames_that_cannot_be_cut(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        SoundSetData(**options).load(seed=0)


def test_a_set_is_kept_and_new_sounds_are_cut_as_it_was(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / "old" / f"{number % 2}_{'xyz'[number % 3]}_{number}.wav", tone(300.0 + 50 * number))
    data = load(tmp_path / "old", pattern="CLASS_GROUP_NUMBER", hop_ms=12.5, scale="set")
    data.save(tmp_path / "kept")
    again = SoundSetData.read(tmp_path / "kept")
    assert torch.equal(again.packed.x, data.packed.x)
    assert (again.layout, again.groups, again.ids) == (data.layout, data.groups, data.ids)
    write(tmp_path / "new" / "one.wav", tone(300.0, rate=22050), 22050)
    unseen = SoundSetData(path=str(tmp_path / "new"), pattern="CLASS_NUMBER", test_below=1).load_unseen(again)
    assert unseen.layout == data.layout
    assert float((unseen.packed.x - data.packed[0].x).abs().median()) < 0.1


def test_fsdd_as_its_card_says(shared_data: Path) -> None:
    data = SoundSetData.from_card("fsdd", data_root=shared_data).load(seed=0)
    assert (len(data), len(data.class_names)) == (800, 10)
    assert data.split is not None
    assert data.split.sizes() == {"train": 600, "valid": 0, "test": 200}
    assert sorted(set(data.groups or [])) == ["jackson", "nicolas", "theo", "yweweler"]


# --- runs --------------------------------------------------------------------------------------------

QUICK = ("train.epochs=2", "encoder.dim=16", "eval.probe_options={grid: [10.0]}", "eval.baselines=[flat_features]",
         "eval.random_encoder=false", "train.threads=1")  # fmt: skip


@pytest.mark.parametrize("recipe", ["simclr_sound", "tera", "cab_kws"])
def test_recipes_learn_what_pitch_does(recipe: str) -> None:
    fitted = graphcl.fit(graphcl.load(recipe, *QUICK, "eval.folds=3"))
    assert fitted.metrics["test/accuracy"] > 0.7  # of three classes


def test_a_group_is_held_out_or_each_in_turn() -> None:
    held = graphcl.fit(graphcl.load("simclr_sound", *QUICK, "eval.hold_out=voice 1", "eval.shots=2"))
    protocol = held.task.describe()["protocol"]
    assert "without voice 1: 60 train" in protocol
    assert "fitted on 2 graphs of each class and group" in protocol
    assert held.task.data.groups is not None
    seen = {held.task.data.groups[n] for n in held.task.training_ids.tolist()}
    assert seen == {"voice 0", "voice 2"}
    turns = graphcl.fit(graphcl.load("simclr_sound", *QUICK, "eval.split=groups"))
    assert "each of 3 groups left out" in turns.task.describe()["protocol"]
    assert turns.task.describe()["fold_sizes"] == [30, 30, 30]
    with pytest.raises(UserError, match=r"eval\.hold_out: no group 'voice 9'; nearest: 'voice"):
        graphcl.fit(graphcl.load("simclr_sound", *QUICK, "eval.hold_out=voice 9"))
    with pytest.raises(UserError, match="says no groups"):
        graphcl.fit(graphcl.load("simclr_series", *QUICK, "eval.split=groups"))
