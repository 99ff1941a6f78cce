"""Data cards: complete, found where the user has the data, and never needing the network for that."""

from __future__ import annotations

import importlib.util
import re
import shutil
import time
from pathlib import Path

import pytest
import requests

from graphcl.core.errors import UserError
from graphcl.data import cards
from graphcl.data.cards import Card, RemoteFile, card_names, load_card, locate
from graphcl.data.history_source import HistoriesData
from graphcl.data.source import InteractionsData


@pytest.mark.parametrize("name", card_names())
def test_every_card_is_complete(name: str) -> None:
    card = load_card(name)
    assert card.name == name
    assert card.name == card.name.lower()
    assert card.title
    assert card.licence
    assert card.citation
    for file in card.files.values():
        assert re.fullmatch(r"(https://\S+)?", file.url)
        assert re.fullmatch(r"([0-9a-f]{64})?", file.sha256)
        assert file.url or card.package or card.homepage
    assert bool(card.format) == (card.task == "node" and not card.package)


@pytest.mark.parametrize("name", [name for name in card_names() if load_card(name).task in ("recommend", "sequence")])
def test_counts_of_the_real_data(name: str, shared_data: Path) -> None:
    card = load_card(name)
    part = InteractionsData if card.task == "recommend" else HistoriesData
    data = part.from_card(name, data_root=shared_data).load(seed=0)
    assert not [note for note in data.report.notes if "is not the file that the card" in note]
    sizes = data.report.split["sizes"]
    expected = dict(card.counts)
    assert len(data.users) == expected.pop("users")
    assert len(data.items) == expected.pop("items")
    found = {"train": sizes["train"] + sizes["valid"], "test": sizes["test"], "rows": sum(sizes.values())}
    assert expected == {key: found[key] for key in expected}


def test_unknown_name() -> None:
    with pytest.raises(
        UserError, match=r"unknown data set 'gowala'; nearest: 'gowalla'; a file of your own is data.path"
    ):
        load_card("gowala")
    with pytest.raises(UserError, match=r"unknown data set '../secret'"):
        load_card("../secret")


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Card:
    monkeypatch.setenv("GRAPHCL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GRAPHCL_DATA", raising=False)
    sha = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # of nothing
    files = {"train.txt": RemoteFile(sha256=sha), "test.txt": RemoteFile()}
    return Card("toy", "Toy", "recommend", "CC0", "nobody", homepage="https://example.org/toy", files=files)


def put(folder: Path, content: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / "train.txt").write_text(content)
    (folder / "test.txt").write_text("0 1\n")
    return folder


@pytest.mark.parametrize("place", ["root/toy", "root/recsys/toy"])
@pytest.mark.parametrize("how", ["argument", "environment"])
def test_data_root(card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, how: str) -> None:
    folder = put(tmp_path / place)
    root = tmp_path / "root"
    if how == "environment":
        monkeypatch.setenv("GRAPHCL_DATA", str(root))
    located = locate(card, root if how == "argument" else None)
    assert (located.folder, located.notes) == (folder, (f"data found in {folder}",))


def test_other_file_than_the_card_was_checked_against_is_said(card: Card, tmp_path: Path) -> None:
    put(tmp_path / "root" / "toy", "changed")
    notes = locate(card, tmp_path / "root").notes
    assert "train.txt is not the file that the card toy was checked against" in notes[1]
    assert len(notes) == 2


def test_root_that_is_no_folder(card: Card, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the data root .*nowhere is no folder"):
        locate(card, tmp_path / "nowhere")


def test_not_downloadable(card: Card, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"get train.txt, test.txt from https://example.org/toy into FOLDER/toy"):
        locate(card)


def test_download_goes_to_the_cache_and_states_the_licence(
    card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fetch(url: str, target: Path, sha256: str) -> str:
        asked.append((url, target, sha256))
        return "" if target.name == "test.txt" else "downloaded"

    monkeypatch.setattr(cards, "fetch", fetch)
    card.files.update({"train.txt": RemoteFile("https://x/1", "abc"), "test.txt": RemoteFile("https://x/2")})
    folder = tmp_path / "cache" / "datasets" / "toy"
    located = locate(card, tmp_path)  # a root without the data is passed over
    assert asked == [("https://x/1", folder / "train.txt", "abc"), ("https://x/2", folder / "test.txt", "")]
    assert located == cards.Located(folder, ("downloaded", "licence of toy: CC0"))


def test_ml_100k_is_read_inside_the_package_without_importing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("recbole") is None:
        pytest.skip("recbole is not installed")
    monkeypatch.delenv("GRAPHCL_DATA", raising=False)
    monkeypatch.setitem(__import__("sys").modules, "recbole.quick_start", None)
    data = InteractionsData.from_card("ml-100k").load(seed=0)
    assert data.train.time is not None
    assert (len(data.users), len(data.items)) == (943, 1682)
    assert data.item_names is not None
    assert data.item_names[data.items.index_of(["1"])[0]] == "Toy Story"
    assert sum(data.report.split["sizes"].values()) == 100_000


def test_package_that_is_not_installed(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    ml = load_card("ml-100k")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        UserError, match=r"pip install 'graphcl\[recbole\]' \(Python 3.11\), or put it in a folder"
    ) as error:
        locate(ml)
    assert "FOLDER/ml-100k/ml-100k.inter and give --data-root FOLDER" in str(error.value)
    assert "\n" not in str(error.value)


def test_card_that_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(cards.share("datasets") / "gowalla.yaml", tmp_path / "broken.yaml")
    (tmp_path / "broken.yaml").write_text("name: broken\ntitle: [1]\n")
    monkeypatch.setattr(cards, "share", lambda what: tmp_path)
    with pytest.raises(UserError, match=r"datasets/broken.yaml: title: "):
        load_card("broken")


def test_without_a_network_it_says_so_at_once_and_where_to_put_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NameResolutionError(Exception):
        """As urllib3 raises it, within what requests raises."""

    def no_name(*_: object, **__: object) -> None:
        cause = Exception()
        cause.reason = NameResolutionError()  # type: ignore[attr-defined]
        raise requests.ConnectionError(cause)

    monkeypatch.setenv("GRAPHCL_CACHE", str(tmp_path))
    monkeypatch.delenv("GRAPHCL_DATA", raising=False)
    monkeypatch.setattr(requests, "get", no_name)
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it tries again"))
    message = r"the server is not found; is there a network\? Or get ind\.cora\.x, .* into FOLDER/cora and give --data-"
    with pytest.raises(UserError, match=message):
        cards.locate(cards.load_card("cora"))
