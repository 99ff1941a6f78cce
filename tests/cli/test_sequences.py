"""A run of histories is asked as a run of pairs is; and what is wrong with a log of histories is said in one line."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pandas as pd
import pytest

from graphcl.cli import main
from graphcl.cli.ids import read_ids
from graphcl.core.files import read_json
from graphcl.data.histories import Histories
from tests.cli.conftest import Command, Outcome, spawn

#: p0 to p11: item k is followed by 2 k + 1 modulo 13, which goes through all of them.
ITEMS = 12
COLUMNS = ["data.user=customer", "data.item=product", "data.time=when"]
SMALL = ["encoder.dim=16", "train.batch_size=16", "train.threads=1", "train.device=cpu", "eval.baselines=[popularity]"]


def write(path: Path, rows: list[str], head: str = "customer,product,when") -> Path:
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 users of 5 to 8 events, shuffled rows with ISO times; ``lone`` has one event and ``pair`` has two."""
    rows = []
    for user in range(48):
        item = user % ITEMS
        for day in range(5 + user % 4):
            rows.append(f"c{user},p{item},2024-03-{1 + day:02d}T{user % 24:02d}:30:00")
            item = (2 * item + 1) % 13
    rows += ["lone,p1,2024-03-01T00:00:00", "pair,p1,2024-03-01T00:00:00", "pair,p3,2024-03-02T00:00:00"]
    random.Random(0).shuffle(rows)
    return write(tmp_path_factory.mktemp("log") / "log.csv", rows)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, log: Path) -> Path:
    """A finished run that knows the rule."""
    folder = tmp_path_factory.mktemp("runs") / "sequences"
    learn = ["train.epochs=40", "train.lr=1e-2", "encoder.dropout=0.1", "data.max_len=6"]
    code = main.run(["train", "sasrec", f"data.path={log}", *COLUMNS, *SMALL, *learn, "--out", str(folder), "--quiet"])
    assert code == 0
    return folder


def follows(item: str) -> str:
    return f"p{(2 * int(item[1:]) + 1) % 13}"


def first(out: str) -> str:
    return str(json.loads(out)[0]["items"][0]["item"])


@pytest.fixture(scope="module")
def kept(run: Path) -> Histories:
    return Histories.load(run / "data")


def had(kept: Histories, user: str, *parts: str) -> list[str]:
    position = kept.users.index_of([user])[0]
    pairs = {"train": kept.train, "valid": kept.held_out.valid, "test": kept.held_out.test}
    return [str(kept.items.values[i]) for part in parts for i in pairs[part].items[pairs[part].users == position]]


# --- recommend --------------------------------------------------------------------------------------


def test_a_user_gets_what_follows_the_history_that_the_evaluation_reads(
    graphcl: Command, run: Path, kept: Histories
) -> None:
    for user in ("c3", "c10"):
        asked = ["recommend", run, "--user", user, "-k", 3, "--json", "--quiet"]
        assert first(graphcl(*asked).out) == follows(had(kept, user, "train", "valid")[-1])
        (entry,) = json.loads(graphcl(*asked[:4], "-k", ITEMS, "--json", "--quiet").out)
        everything = {f"p{n}" for n in range(ITEMS)}
        assert {row["item"] for row in entry["items"]} == everything - set(had(kept, user, "train", "valid"))


def test_without_test_reads_to_the_end_and_leaves_all_out(graphcl: Command, run: Path, kept: Histories) -> None:
    asked = ["recommend", run, "--user", "c4", "-k", 20, "--json", "--quiet"]
    whole = had(kept, "c4", "train", "valid", "test")
    (entry,) = json.loads(graphcl(*asked, "--without-test").out)
    assert not {row["item"] for row in entry["items"]} & set(whole)
    assert entry["items"][0]["item"] == follows(whole[-1])
    (again,) = json.loads(graphcl("recommend", run, "--history", ",".join(whole), "-k", 20, "--json", "--quiet").out)
    scores = [row["score"] for row in again["items"]]
    assert [row["score"] for row in entry["items"]] == pytest.approx(scores, abs=1e-4)


def test_a_history_that_was_never_seen(graphcl: Command, run: Path) -> None:
    outcome = graphcl("recommend", run, "--history", "p9,p6,p0", "-k", 3)
    assert "user new, by the history" in outcome.out
    for history in ("p9,p6,p0", "p0,p1,p3", "p1,p3,p7,p2", "p5"):
        found = first(graphcl("recommend", run, "--history", history, "-k", 3, "--json").out)
        assert found == follows(history.rpartition(",")[2])
    assert (
        graphcl("recommend", run, "--history", "p0,p1", "--json", "--quiet").out
        != graphcl("recommend", run, "--history", "p1,p0", "--json", "--quiet").out
    )  # the order counts


def test_a_stored_history_given_again_is_answered_as_its_user_is(graphcl: Command, run: Path, kept: Histories) -> None:
    (user,) = json.loads(graphcl("recommend", run, "--user", "c5", "--json", "--quiet").out)
    history = ",".join(had(kept, "c5", "train", "valid"))
    (new,) = json.loads(graphcl("recommend", run, "--history", history, "--json", "--quiet").out)
    assert [row["item"] for row in new["items"]] == [row["item"] for row in user["items"]]
    assert [row["score"] for row in new["items"]] == pytest.approx([row["score"] for row in user["items"]], abs=1e-4)


def test_unknown_ids_of_a_history_are_left_out_and_counted(graphcl: Command, run: Path) -> None:
    outcome = graphcl("recommend", run, "--history", "p9,sold-out,p3", "-k", 3, "--json")
    assert outcome.err == "--history: 1 of 3 ids are no items of this run\n"
    assert outcome.out == graphcl("recommend", run, "--history", "p9,p3", "-k", 3, "--json").out
    outcome = graphcl("recommend", run, "--history", "q1,q2", "-k", 3)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == (
        "error: --history: none of its 2 ids ('q1', 'q2') is an item of this run, and there is no file 'q1,q2'\n"
    )


def test_of_a_long_history_the_last_items_are_read(graphcl: Command, run: Path) -> None:
    tail = ["p0", "p1", "p3", "p7", "p2", "p5"]
    outcome = graphcl("recommend", run, "--history", ",".join(["p7"] * 60 + tail), "-k", 3, "--json")
    assert outcome.err == "--history: the last 6 of its 66 items are read\n"
    assert outcome.out == graphcl("recommend", run, "--history", ",".join(tail), "-k", 3, "--json").out


def test_a_run_that_does_not_mask_gives_items_of_the_history(graphcl: Command, run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    config = (copy / "config.yaml").read_text()
    assert "mask_history: true" in config
    (copy / "config.yaml").write_text(config.replace("mask_history: true", "mask_history: false"))
    for asked in (["--user", "c5"], ["--history", "p1,p7"]):
        (masked,) = json.loads(graphcl("recommend", run, *asked, "-k", ITEMS, "--json", "--quiet").out)
        (every,) = json.loads(graphcl("recommend", copy, *asked, "-k", ITEMS, "--json", "--quiet").out)
        assert len(masked["items"]) < len(every["items"]) == ITEMS


def test_all_users_to_a_file_are_the_lists_of_the_metrics(
    graphcl: Command, run: Path, kept: Histories, tmp_path: Path
) -> None:
    outcome = graphcl("recommend", run, "--out", tmp_path / "recs.parquet", "-k", 5)
    assert outcome.code == 0
    table = pd.read_parquet(tmp_path / "recs.parquet")
    lists = table.groupby("user")["item"].apply(list)
    assert set(lists.index) == set(kept.users.values)
    found = [test[0] in lists[user] for user in kept.users.values if (test := had(kept, user, "test"))]
    assert sum(found) / len(found) == pytest.approx(read_json(run / "metrics.json")["test/recall@5"])
    (c7,) = json.loads(graphcl("recommend", run, "--user", "c7", "-k", 5, "--json").out)
    assert [row["item"] for row in c7["items"]] == lists["c7"]


# --- score, similar, embed, evaluate, resume --------------------------------------------------------


def test_score_similar_and_embed(graphcl: Command, run: Path, tmp_path: Path) -> None:
    (user,) = json.loads(graphcl("recommend", run, "--user", "c1", "-k", 2, "--json").out)
    best = user["items"][0]
    pairs = write(tmp_path / "pairs.csv", [f"c1,{best['item']}", f"lone,{best['item']}"], "customer,product")
    scored = json.loads(graphcl("score", run, pairs, "--json", "--quiet").out)
    assert scored[0]["score"] == pytest.approx(best["score"], rel=1e-5)
    similar = json.loads(graphcl("similar", run, "--item", "p1", "-k", 50, "--json", "--quiet").out)["similar"]
    assert sorted(row["item"] for row in similar) == sorted(f"p{n}" for n in range(ITEMS) if n != 1)
    similar = json.loads(graphcl("similar", run, "--user", "c0", "-k", 3, "--json").out)["similar"]
    assert "c0" not in {row["user"] for row in similar}
    assert graphcl("embed", run, "--out", tmp_path / "e.parquet").code == 0
    table = pd.read_parquet(tmp_path / "e.parquet").set_index(["type", "id"])["vector"]
    assert table["user", "c1"] @ table["item", best["item"]] == pytest.approx(best["score"], rel=1e-5)


def test_evaluate_repeats_the_metrics_and_reads_less_when_told_to(graphcl: Command, run: Path) -> None:
    stored = read_json(run / "metrics.json")
    found = json.loads(graphcl("evaluate", run, "--slices", "--json").out)
    assert {name: stored[name] for name in found["metrics"]} == found["metrics"]
    assert {row["kind"] for row in found["slices"]} == {"user activity", "item popularity"}
    # Where validation may be ranked, who has not read it finds it first.
    every, less = (
        json.loads(graphcl("evaluate", run, "eval.mask_history=false", *more, "--json").out)
        for more in ([], ["eval.valid_in_input=false"])
    )
    assert "test reads train;" in less["protocol"]["protocol"]
    assert less["metrics"]["test/ndcg@5"] < every["metrics"]["test/ndcg@5"] - 0.2


def test_sampled_metrics_come_on_request_and_are_marked_wherever_they_stand(graphcl: Command, run: Path) -> None:
    said = "3 uniform negatives a user; sampled metrics: not comparable with full ranking (Krichene & Rendle, KDD 2020)"
    found = json.loads(graphcl("evaluate", run, "eval.sampled=3", "--json").out)
    assert said in found["protocol"]["protocol"]
    assert said in found["protocol"]["ranking"]
    assert found["metrics"]["test/recall@5"] == 1  # of at most four
    shown = graphcl("evaluate", run, "eval.sampled=3", "--baselines").out
    assert said in " ".join(shown.split())
    assert "sampled" not in graphcl("evaluate", run).out


def test_mclrec_learns_from_own_ids_and_iso_times_and_resumes(log: Path, tmp_path: Path) -> None:
    """Each command in a process of its own, as a user has it."""
    more = ["train.epochs=2", "heads.w1.hidden=[4]", "heads.w2.hidden=[4]", "--out", "mine"]
    trained = spawn("train", "mclrec", f"data.path={log}", *COLUMNS, *SMALL, *more, cwd=tmp_path)
    assert trained.code == 0, trained.err
    assert "columns: user=customer, item=product, time=when" in trained.err
    assert "mclrec" in trained.out
    record, before = tmp_path / "mine" / "run.json", (tmp_path / "mine" / "metrics.json").read_text()
    record.write_text(record.read_text().replace('"complete"', '"training"'))
    for name in ("metrics.json", "embeddings.safetensors"):
        (tmp_path / "mine" / name).unlink()
    resumed = spawn("resume", "mine", "--quiet", cwd=tmp_path)
    assert resumed.code == 0, resumed.err
    after = read_json(tmp_path / "mine" / "metrics.json")
    assert after["test/ndcg@10"] == json.loads(before)["test/ndcg@10"]
    asked = spawn("recommend", "mine", "--user", "c1", "-k", 3, "--json", cwd=tmp_path)
    assert len(json.loads(asked.out)[0]["items"]) == 3


def test_a_run_of_hidden_items_answers_as_others_do(graphcl: Command, log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bert"
    learn = ["train.epochs=2", "data.max_len=6", "encoder.max_len=6", "views.asked.augment.append_mask.max_len=6"]
    outcome = graphcl("train", "bert4rec", f"data.path={log}", *COLUMNS, *SMALL, *learn, "--out", folder, "--quiet")
    assert outcome.code == 0, outcome.err
    kept = Histories.load(folder / "data")
    (user,) = json.loads(graphcl("recommend", folder, "--user", "c5", "-k", 4, "--json", "--quiet").out)
    history = had(kept, "c5", "train", "valid")
    asked = ["recommend", folder, "--history", ",".join(history), "-k", 4, "--json", "--quiet"]
    (new,) = json.loads(graphcl(*asked).out)
    assert [row["item"] for row in new["items"]] == [row["item"] for row in user["items"]]
    assert [row["score"] for row in new["items"]] == pytest.approx([row["score"] for row in user["items"]], abs=1e-4)
    similar = json.loads(graphcl("similar", folder, "--item", "p1", "-k", 3, "--json", "--quiet").out)["similar"]
    assert len(similar) == 3
    found = json.loads(graphcl("evaluate", folder, "--json").out)
    assert found["metrics"] == {name: read_json(folder / "metrics.json")[name] for name in found["metrics"]}
    assert "whole rows, max_len 6" in found["protocol"]["protocol"]


# --- bad input --------------------------------------------------------------------------------------


def trained(graphcl: Command, folder: Path, rows: list[str], *settings: str) -> Outcome:
    path = write(folder / "own.csv", rows)
    common = ["train.epochs=1", *SMALL, *settings, "--out", folder / "run"]
    return graphcl("train", "sasrec", f"data.path={path}", *COLUMNS, *common)


GOOD = [f"u{user},i{(user + place) % 4},{100 * user + place}" for user in range(6) for place in range(4)]


def test_users_with_one_and_two_events(graphcl: Command, tmp_path: Path, run: Path) -> None:
    outcome = graphcl("recommend", run, "--user", "lone", "pair", "-k", 2, "--json", "--quiet")
    assert [entry["user"] for entry in json.loads(outcome.out)] == ["lone", "pair"]
    outcome = trained(graphcl, tmp_path, [f"u{n},i{n % 3},{n}" for n in range(9)])
    assert outcome.code == 2
    assert outcome.err.count("error:") == 1
    assert "own.csv: the leave_one_out split leaves nothing for test and valid" in outcome.err


def test_users_of_whom_nothing_came_before_the_cut(graphcl: Command, tmp_path: Path) -> None:
    late = [f"late,i1,{10**6}", f"late,i2,{10**6 + 1}"]
    outcome = trained(graphcl, tmp_path, GOOD + late, "data.split={by: temporal, cuts: [502, 503]}")
    assert outcome.code == 0, outcome.err
    run = tmp_path / "run"
    outcome = graphcl("recommend", run, "--user", "late", "-k", 2)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: user 'late' is without an event before what is held out")
    assert json.loads(graphcl("recommend", run, "--user", "late", "--fallback", "popularity", "--json").out)
    assert graphcl("recommend", run, "--user", "late", "--without-test").code == 0
    outcome = graphcl("recommend", run, "--out", tmp_path / "all.csv")
    assert "1 user without a history to read: no list" in outcome.err
    pairs = write(tmp_path / "pairs.csv", ["late,i1", "u1,i1"], "customer,product")
    assert "first: user 'late'" in graphcl("score", run, pairs).err
    scored = json.loads(graphcl("score", run, pairs, "--skip-unknown", "--json", "--quiet").out)
    assert [row["score"] is None for row in scored] == [True, False]


def test_unsorted_and_equal_times(graphcl: Command, tmp_path: Path) -> None:
    rows = [f"u{user},i{(user + place) % 4},{5 if place < 2 else 9 - place}" for user in range(6) for place in range(4)]
    outcome = trained(graphcl, tmp_path, rows)
    assert outcome.code == 0, outcome.err
    assert "events in the order of 'when'; those of equal time in the order of the file" in outcome.err
    kept = Histories.load(tmp_path / "run" / "data")
    assert had(kept, "u0", "train", "valid", "test") == ["i0", "i1", "i3", "i2"]


def test_mixed_units_and_a_time_column_that_is_not_there(
    graphcl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = [f"u{n % 3},i{n % 4},{1700000000 + n if n % 2 else (1700000000 + n) * 1000}" for n in range(12)]
    outcome = trained(graphcl, tmp_path, mixed)
    assert outcome.code == 2
    assert "times of different units: 6 rows in seconds" in outcome.err

    from graphcl.data.readers import Table

    def read(*_: object) -> None:
        raise AssertionError("the file was read through")

    monkeypatch.setattr(Table, "chunks", read)
    path = write(tmp_path / "good.csv", GOOD)
    outcome = graphcl("train", "sasrec", f"data.path={path}", *COLUMNS, "data.time=wen", "--out", tmp_path / "other")
    assert outcome.code == 2
    assert outcome.err.endswith(f"error: {path} has no column 'wen'; nearest: 'when'; set data.time=when\n")


def test_histories_beyond_what_the_tower_has_places_for(graphcl: Command, tmp_path: Path) -> None:
    outcome = trained(graphcl, tmp_path, GOOD, "encoder.max_len=1", "data.max_len=3")
    assert outcome.code == 2
    assert "max_len" in outcome.err.splitlines()[-1]


@pytest.mark.parametrize("tower", ["encoder=session_gnn", "encoder.causal=false"])
def test_a_tower_that_sees_later_items_takes_no_packed_rows(graphcl: Command, tmp_path: Path, tower: str) -> None:
    outcome = trained(graphcl, tmp_path, GOOD, tower)
    assert outcome.code == 2
    line = outcome.err.splitlines()[-1]
    assert line.startswith("error: terms.info_nce.anchors: tower 'main' (")
    assert line.endswith("would be told what it is to predict; set data.row_layout=prefix, or take a causal tower")
    assert trained(graphcl, tmp_path, GOOD, tower, "data.row_layout=prefix", "--overwrite").code == 0


def test_a_history_longer_than_a_file_name_may_be_is_a_list() -> None:
    ids = [f"p{number}" for number in range(200)]
    assert read_ids(",".join(ids), "--history") == ids
