"""The data part of sets of sounds: each a chain of its log-mel frames."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from graphcl.core.errors import UserError
from graphcl.core.options import Count, Index, Positive, UserPath
from graphcl.core.registry import register
from graphcl.core.seeds import derive
from graphcl.data.cards import FromCard, open_card
from graphcl.data.report import DataReport
from graphcl.data.series_sets.chains_of_values import SeriesSet
from graphcl.data.series_sets.make import Nouns, make_set, make_unseen
from graphcl.data.series_sets.raw import RawSeriesSet
from graphcl.data.sound_sets.folder import read_sound_folder
from graphcl.data.sound_sets.frames import FrameLayout, check_layout, log_mel

NOUNS: Nouns = ("sound", "frame", "band")
#: Sounds that are made where no data is named, and their rate.
GENERATED, RATE = 90, 8000


@dataclass(frozen=True, eq=False)
class SoundSet(SeriesSet):
    """A set of series of log-mel frames.

    Attributes:
        layout: What a frame is, for sounds to come.
    """

    layout: FrameLayout = field(kw_only=True)

    @classmethod
    def of(cls, series: SeriesSet, layout: FrameLayout) -> SoundSet:
        """These frames."""
        return cls(**{one.name: getattr(series, one.name) for one in fields(series)}, layout=layout)

    def save(self, folder: Path) -> None:
        """See :meth:`~graphcl.data.graph_sets.graph_set.GraphSet.save`."""
        from graphcl.data.sound_sets.storage import save_sounds

        save_sounds(self, folder)


@register("data", "sound_set", example={"bands": 8}, task="graph")
class SoundSetData(FromCard):
    """Sounds that have a class each, of any lengths, as chains of log-mel frames.

    By name: ``generated`` (tones made by a formula; offline) or a data card (``fsdd``). By path: a folder of WAV, FLAC
    or OGG files (needs the extra `audio`), in which a folder is a class, or ``train``, ``val`` and ``test`` with such
    folders; or whose names say the class. Channels are mixed, files of another rate than most are resampled.
    """

    part = "sound_set"

    def __init__(
        self,
        name: str = "generated",
        path: UserPath = "",
        pattern: str = "",
        test_below: Index = 0,
        rate: Annotated[int, Field(ge=0, le=1_000_000)] = 0,
        bands: Count = 40,
        window_ms: Positive = 25.0,
        hop_ms: Positive = 10.0,
        scale: Literal["set", "series", "level", "none"] = "series",
        *,
        data_root: Path | None = None,
    ) -> None:
        """
        Args:
            name: Data set: generated, or the name of a card.
            path: A folder of sounds; wins over name.
            pattern: How names of files say what they hold, such as `CLASS_GROUP_NUMBER`; a group is a speaker,
                say. Empty: a folder is a class.
            test_below: Files whose number is below are the test part; 0: folders say it, or nothing does.
            rate: Samples a second to which sounds are brought; 0 takes the rate of most files.
            bands: Mel bands of a frame.
            window_ms: Length of a frame, in milliseconds.
            hop_ms: From frame to frame.
            scale: Each band less its mean, in standard deviations: those of the training sounds together (set), or of
                each sound by itself (series); level: set, after each sound less one mean and in one deviation of all
                its bands, which takes its loudness away and leaves how loud bands are beside each other.
            data_root: Folder in which named data sets are looked up first.
        """
        self.name, self.path, self.data_root = name, path, data_root
        self.pattern, self.test_below, self.rate, self.scale = pattern, test_below, rate, scale
        self.bands, self.window_ms, self.hop_ms = bands, window_ms, hop_ms

    @staticmethod
    def read(folder: Path) -> SoundSet:
        """The sounds that a run keeps in its folder.

        Raises:
            UserError: not such a folder, damaged, or of another format version.
        """
        from graphcl.data.sound_sets.storage import load_sounds

        return load_sounds(folder)

    def load(self, *, seed: int) -> SoundSet:
        """Read, and take the frames.

        Args:
            seed: Of the run; draws the folds of evaluation.

        Raises:
            UserError: the data cannot be found or used.
        """
        raw, layout, report = self._located(seed, self.layout)
        return SoundSet.of(make_set(raw, report, self.scale, seed, NOUNS), layout)

    def load_unseen(self, trained_on: SoundSet) -> SoundSet:
        """Read sounds to embed with what was trained on others, in the frames of these.

        Args:
            trained_on: Whose frames the new sounds are cut into.

        Raises:
            UserError: the data cannot be found or used.
        """
        self.pattern, self.test_below = "", 0  # of no file is asked what it is
        raw, layout, report = self._located(0, lambda _: trained_on.layout)
        return SoundSet.of(make_unseen(raw, report, trained_on, NOUNS), layout)

    def layout(self, rate: int) -> FrameLayout:
        """The frames of sounds most of which have this rate."""
        return check_layout(FrameLayout(self.rate or rate, self.bands, self.window_ms, self.hop_ms))

    def _located(self, seed: int, layout: Any) -> tuple[RawSeriesSet, FrameLayout, DataReport]:
        options = {"pattern": self.pattern, "test_below": self.test_below}
        if self.path:
            folder = Path(self.path)
            if not folder.exists():
                raise UserError(f"data.path: {folder} does not exist; give a folder that holds WAV or FLAC files")
            report = DataReport(source=str(folder), format="sounds", files={"all": str(folder)})
            return *read_sound_folder(folder, layout, **options), report  # type: ignore[arg-type]
        if self.name == "generated":
            made = layout(RATE)
            return make_tones(GENERATED, made, seed), made, DataReport(source="generated (synthetic)", format="sounds")
        card, folder, report = open_card(self.name, "graph", self.data_root, "sound_set")
        report.format = "sounds"
        return *read_sound_folder((folder / next(iter(card.files))).parent, layout, **options), report  # type: ignore[arg-type]


def make_tones(count: int, layout: FrameLayout, seed: int) -> RawSeriesSet:
    """Sounds of a quarter to half a second whose pitch rises, falls or stays, of three voices, in noise."""
    rng = np.random.default_rng(derive(seed, "tones") % 2**32)
    voices = (200.0, 300.0, 450.0)
    frames, labels, groups = list[np.ndarray](), np.arange(count) % 3, [f"voice {n // 3 % 3}" for n in range(count)]
    for number in range(count):
        at = np.arange(int(layout.rate * rng.uniform(0.25, 0.5))) / layout.rate
        course = (labels[number] - 1) * np.linspace(-0.5, 0.5, len(at))  # in octaves
        phase = 2 * np.pi * np.cumsum(voices[number // 3 % 3] * rng.uniform(0.9, 1.1) * 2.0**course) / layout.rate
        wave = sum(np.sin(k * phase) / k for k in range(1, 6)) + 0.3 * rng.standard_normal(len(at))
        frames.append(log_mel(0.2 * wave, layout))
    names = ["falling", "level", "rising"]
    return RawSeriesSet(frames, labels, class_names=names, groups=groups, source="generated tones")
