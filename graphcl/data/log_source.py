"""What data parts over a log share: files found, read and filtered, from a data set's name or the user's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from graphcl.core.errors import UserError
from graphcl.core.options import Count, PathBeside, UserPath
from graphcl.core.words import counted
from graphcl.data import generated
from graphcl.data.cards import FromCard, load_card, locate
from graphcl.data.columns import choose_columns
from graphcl.data.filters import Repeats, apply_filter, k_core, keep_ratings, merge_repeats
from graphcl.data.interactions import Interactions
from graphcl.data.layout import Layout, existing, find_files
from graphcl.data.log import Log, read_log
from graphcl.data.names import read_item_names
from graphcl.data.readers import ReadOptions, Table, open_table
from graphcl.data.readers.sniff import as_separator, separator_name
from graphcl.data.report import DataReport, Step
from graphcl.data.splits import By, Split
from graphcl.data.text import known_encoding
from graphcl.data.times import refuse_mixed_units


@dataclass(frozen=True)
class KCore:
    """Least counts of an iterated k-core.

    Args:
        user: Different items that every user has.
        item: Different users that every item has.
    """

    user: Count = 1
    item: Count = 1


class LogData(FromCard, ABC):
    """A log of who did what with which item; what is made of it is the subclass's.

    Class attributes:
        part: registered name.
        default_by: what an empty ``split.by`` means where the files do not part the log.
        weighted: whether a weight of a row means anything.
    """

    default_by: ClassVar[By]
    weighted: ClassVar[bool] = True
    ships: ClassVar[tuple[str, ...]] = (generated.NAME,)

    def __init__(
        self,
        name: str = "",
        path: UserPath = "",
        format: Literal["", "delimited", "atomic", "triples", "adjacency", "sequence", "jsonl", "parquet", "npz"] = "",
        user: str = "",
        item: str = "",
        time: str = "",
        rating: str = "",
        weight: str = "",
        min_rating: float | None = None,
        repeats: Repeats = "last",
        k_core: Count | KCore | None = None,
        missing: Literal["error", "drop"] = "error",
        separator: str = "",
        encoding: str = "utf-8",
        items: PathBeside = "",
        item_id: str = "",
        item_name: str = "",
        split: Split = Split(),
        *,
        data_root: Path | None = None,
    ) -> None:
        """Choose what is read and how; nothing is read before :meth:`load`.

        Args:
            name: Data set with a card (`graphcl list data`). Not looked up when `path` is given.
            path: File or folder of your own.
            format: Of the files; empty finds out by name and content.
            user: Column of the user ids; empty takes the one column with a usual name, and says so.
            item: Column of the item ids; likewise.
            time: Column of the time; likewise, if the split needs it. Numbers, or dates (ISO 8601).
            rating: Column of the rating; likewise, if `min_rating` is given.
            weight: Column of the edge weight, above 0; empty: every row counts one.
            min_rating: Least rating of a row that counts as an interaction.
            repeats: What becomes of several rows of one user and item. last: the last by time, else by place
                in the file. sum: one row that has the sum of the weights (or the number of repeats) as weight.
                keep: all of them in train.
            k_core: Least number of different partners of every user and item, or `{user, item}`; applied
                until nothing changes.
            missing: What becomes of a row without user, item, or a finite number that was asked for.
            separator: Between columns: comma, tab, semicolon, pipe, space or one character; empty finds out.
            encoding: Of text files.
            items: File with the names of items.
            item_id: Its column of the ids; empty finds it.
            item_name: Its column of the names; empty finds it.
            split: How the log is parted.
            data_root: Folder of data sets, looked up first.

        Raises:
            UserError: options that contradict each other.
        """
        self.name, self.path, self.format = name, path, format
        self.named = {"user": user, "item": item, "time": time, "rating": rating, "weight": weight}
        self.min_rating, self.repeats, self.missing = min_rating, repeats, missing
        self.reads_ratings = min_rating is not None
        self.k_core = KCore(k_core, k_core) if isinstance(k_core, int) else k_core
        self.read_options = ReadOptions(as_separator(separator) if separator else "", known_encoding(encoding))
        self.items, self.item_id, self.item_name = items, item_id, item_name
        self.split = split
        self.data_root = data_root
        if not (name or path or split.files):
            raise UserError("no data: set data.name=NAME (see: graphcl list data) or data.path=FILE")
        if weight and not self.weighted:
            raise UserError(f"data.weight means nothing for {self.part}; leave it out")
        if self.k_core is not None and split.by == "given":
            raise UserError("data.k_core would change a given split; leave it out, or read one file")

    def load(self, *, seed: int) -> Interactions:
        """Read, filter and split.

        Args:
            seed: Of the run; random splits derive from it.

        Raises:
            UserError: whatever is wrong with the files or does not fit them, in one line.
        """
        report = DataReport(source=self.path or self.name)
        if self.name == generated.NAME and not self.path:
            report.format = generated.NAME
            layout, split = Layout({}), replace(self.split, by=self.split.by or self.default_by)
            log = self.generate()
        else:
            layout, split = self._layout(report)
            log = self._read(layout, split, report)
        log = self._filtered(log, report).compact()
        names = self._item_names(layout, log, report)
        return self.build(log, split, seed=seed, report=report, item_names=names)

    @abstractmethod
    def generate(self) -> Log:
        """The log of the data set `generated`."""

    @abstractmethod
    def build(
        self, log: Log, split: Split, *, seed: int, report: DataReport, item_names: np.ndarray | None
    ) -> Interactions:
        """Split a compact, filtered log."""

    def times(self, table: Table, split: Split) -> tuple[Sequence[str], Sequence[str]]:
        """``time`` among the roles that must be found, or that are taken where a column can be meant."""
        return (["time"] if split.needs_time else []), []

    def _layout(self, report: DataReport) -> tuple[Layout, Split]:
        """The files, and the split with its protocol settled."""
        path = existing(Path(self.path).expanduser()) if self.path else None
        if path is None and self.name:
            card = load_card(self.name)
            located = locate(card, self.data_root)
            path = located.folder / next(iter(card.files)) if len(card.files) == 1 else located.folder
            for sentence in located.notes:
                report.note(sentence)
        layout = find_files(path, self.split, self.items)
        for sentence in layout.notes:
            report.note(sentence)
        report.files.update({part: str(file) for part, file in layout.files.items()})
        split = replace(self.split, by=self.split.by or ("given" if "train" in layout.files else self.default_by))
        if self.k_core is not None and split.by == "given":
            raise UserError("data.k_core would change a given split; leave it out, or set data.split.by")
        return layout, split

    def _read(self, layout: Layout, split: Split, report: DataReport) -> Log:
        format: str = self.format
        needed = ["user", "item"] + (["rating"] if self.reads_ratings else [])
        tables, columns = {}, {}
        for part, file in layout.files.items():
            tables[part] = table = open_table(file, format, self.read_options)
            format = format or table.format  # the first file decides for all
            must, may = self.times(table, split)
            columns[part], notes = choose_columns(table, self.named, [*needed, *must], may)
            for sentence in notes:
                report.note(sentence)
        first = next(iter(tables))
        report.format, report.separator = tables[first].format, tables[first].separator
        report.sniffed = list(tables[first].sniffed)
        for table in tables.values():
            if table.separator != report.separator:
                report.note(f"{table.path.name} is {separator_name(table.separator or '')}-separated (sniffed)")
        report.encoding, report.columns = self.read_options.encoding, dict(columns[first])
        if self.weighted and "weight" in tables[first].columns and "weight" not in columns[first].values():
            report.note("the weights in the file are not used; data.weight=weight uses them")
        log = read_log(tables, columns, self.missing, report)
        if log.time is not None:
            refuse_mixed_units(log.time, f"{report.source}, column {columns[first]['time']!r}")
        if log.weight is not None and (bad := int((log.weight <= 0).sum())):
            raise UserError(f"{report.source}: {counted(bad, 'row')} with a weight of 0 or less; a weight is above 0")
        return log if split.by == "given" else replace(log, part=None)

    def _filtered(self, log: Log, report: DataReport) -> Log:
        """The log after ratings, repeats and k-core, in this order."""
        if self.min_rating is not None:
            minimum = self.min_rating
            name = f"min_rating={minimum:g}"
            log = apply_filter(log, name, "lower it", lambda rows: keep_ratings(rows, minimum), report)
        elif log.rating is not None:
            report.note("every rating counts as an interaction; data.min_rating keeps the good ones")
        name = f"repeats={self.repeats}"
        log = apply_filter(log, name, "", lambda rows: merge_repeats(rows, self.repeats), report)
        if self.k_core is not None:
            log = self._core(log, self.k_core, report)
        return log

    def _core(self, log: Log, core: KCore, report: DataReport) -> Log:
        rounds = 0

        def run(rows: Log) -> Log:
            nonlocal rounds
            kept, rounds = k_core(rows, core.user, core.item)
            return kept

        setting = str(core.user) if core.user == core.item else f"{{user: {core.user}, item: {core.item}}}"
        log = apply_filter(log, f"k_core={setting}", "lower it", run, report)
        step = report.steps[-1]
        report.steps[-1] = Step(f"{step.name} (fixed point after {counted(rounds, 'round')})", step.before, step.after)
        return log

    def _item_names(self, layout: Layout, log: Log, report: DataReport) -> Any:
        if layout.items is None:
            if self.item_id or self.item_name:
                raise UserError("data.item_id and data.item_name need data.items=FILE")
            return None
        return read_item_names(
            layout.items,
            log.item_ids,
            id_column=self.item_id,
            name_column=self.item_name,
            options=replace(self.read_options, separator=""),
            required=bool(self.items or self.item_name),
            report=report,
        )
