"""What a finished run is asked: evaluate, recommend, score, similar, embed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphcl.core.files import read_json
from graphcl.data.interactions import Interactions
from tests.cli.conftest import Command


@pytest.fixture(scope="module")
def kept(finished: Path) -> Interactions:
    """The data of the run."""
    return Interactions.load(finished / "data")


def items_of(kept: Interactions, user: str, *parts: str) -> set[str]:
    position = kept.users.index_of([user])[0]
    pairs = {"train": kept.train, "valid": kept.held_out.valid, "test": kept.held_out.test}
    return {str(kept.items.values[i]) for part in parts for i in pairs[part].items[pairs[part].users == position]}


def listed(outcome_out: str) -> list[list[str]]:
    return [[item["item"] for item in entry["items"]] for entry in json.loads(outcome_out)]


# --- recommend --------------------------------------------------------------------------------------


def test_recommend_in_own_ids_with_names(graphcl: Command, finished: Path, kept: Interactions) -> None:
    outcome = graphcl("recommend", finished, "--user", "c1", "c2", "-k", 3)
    assert (outcome.code, outcome.err) == (0, "")
    assert "user c1" in outcome.out
    assert "user c2" in outcome.out
    (first, _) = json.loads(graphcl("recommend", finished, "--user", "c1", "--user", "c2", "-k", 3, "--json").out)
    assert [item["rank"] for item in first["items"]] == [1, 2, 3]
    for item in first["items"]:
        assert item["name"] == f"Thing {item['item'][1:]}"
        assert f"{item['name']} " in outcome.out


def test_recommend_leaves_out_what_a_user_has(graphcl: Command, finished: Path, kept: Interactions) -> None:
    def recommended(*more: str) -> set[str]:
        return set(listed(graphcl("recommend", finished, "--user", "c5", "-k", 40, "--json", "--quiet", *more).out)[0])

    everything = set(kept.items.values)
    assert recommended() == everything - items_of(kept, "c5", "train", "valid")
    assert recommended("--without-test") == everything - items_of(kept, "c5", "train", "valid", "test")
    assert recommended("--with-seen") == everything


def test_users_without_an_item_left_are_counted(
    graphcl: Command, finished: Path, kept: Interactions, tmp_path: Path
) -> None:
    had = next(iter(items_of(kept, "c5", "train")))
    item = kept.items.index_of([had])[0]
    have = {int(u) for pairs in (kept.train, kept.held_out.valid) for u in pairs.users[pairs.items == item]}
    outcome = graphcl("recommend", finished, "--out", tmp_path / "one.csv", "--allow", had)
    assert f"{len(have)} users without an item left to recommend: no list" in outcome.err
    assert outcome.out == f"{len(kept.users) - len(have)} rows written to {tmp_path / 'one.csv'}\n"


def test_recommend_has_learned_the_groups(graphcl: Command, finished: Path) -> None:
    """Users and items of one group have the same remainder by 3."""
    for entry in json.loads(graphcl("recommend", finished, "--user", "c4", "c9", "-k", 3, "--json").out):
        group = int(entry["user"][1:]) % 3
        assert [int(item["item"][1:]) % 3 for item in entry["items"]] == [group] * 3


def test_recommend_all_is_what_metrics_json_was_computed_on(
    graphcl: Command, finished: Path, kept: Interactions, tmp_path: Path
) -> None:
    outcome = graphcl("recommend", finished, "--out", tmp_path / "recs.parquet", "-k", 10)
    assert outcome.code == 0
    assert outcome.out == f"600 rows written to {tmp_path / 'recs.parquet'}\n"
    lists = pd.read_parquet(tmp_path / "recs.parquet").groupby("user")["item"].apply(set)
    recalls = []
    for user in kept.users.values:
        test = items_of(kept, user, "test")
        if test:
            recalls.append(len(test & lists[user]) / len(test))
    assert np.mean(recalls) == pytest.approx(read_json(finished / "metrics.json")["test/recall@10"])


def test_recommend_all_equals_recommend_each(graphcl: Command, finished: Path, tmp_path: Path) -> None:
    graphcl("recommend", finished, "--out", tmp_path / "recs.csv", "-k", 4)
    table = pd.read_csv(tmp_path / "recs.csv")
    assert table.columns.tolist() == ["user", "rank", "item", "score", "name"]
    (c7,) = listed(graphcl("recommend", finished, "--user", "c7", "-k", 4, "--json").out)
    assert table[table.user == "c7"]["item"].tolist() == c7


def test_recommend_some_users_to_a_file(graphcl: Command, finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "recs.jsonl"
    assert graphcl("recommend", finished, "--user", "c1", "c3", "--out", path, "-k", 2, "--quiet").code == 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["user"], row["rank"]) for row in rows] == [("c1", 1), ("c1", 2), ("c3", 1), ("c3", 2)]


def test_an_unknown_user_is_one_line_that_names_the_fallbacks(graphcl: Command, finished: Path) -> None:
    outcome = graphcl("recommend", finished, "--user", "c1", "nobody", "nowhere")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == (
        "error: 2 of 3 users ('nobody', 'nowhere') are unknown to this run; recommend for a new user by what they had "
        "(--history ITEM,ITEM), or give popular items (--fallback popularity)\n"
    )


def test_fallback_popularity(graphcl: Command, finished: Path, kept: Interactions) -> None:
    outcome = graphcl("recommend", finished, "--user", "c1", "nobody", "--fallback", "popularity", "-k", 40, "--json")
    known, unknown = json.loads(outcome.out)
    assert (known["by"], unknown["by"]) == ("model", "popularity")
    counts = np.bincount(kept.train.items, minlength=40)
    assert [item["score"] for item in unknown["items"]] == sorted(counts.tolist(), reverse=True)


def test_history_folds_in_a_new_user(graphcl: Command, finished: Path) -> None:
    outcome = graphcl("recommend", finished, "--history", "p1,p4,p7", "-k", 5)
    assert "by the history" in outcome.out
    (items,) = listed(graphcl("recommend", finished, "--history", "p1,p4,p7", "-k", 5, "--json").out)
    assert not {"p1", "p4", "p7"} & set(items)
    assert [int(item[1:]) % 3 for item in items] == [1] * 5


def test_allow_and_deny_as_list_and_as_file(graphcl: Command, finished: Path, tmp_path: Path) -> None:
    (tmp_path / "allow.txt").write_text("p1\np2\n\np3\nnot-sold-any-more\n")
    outcome = graphcl("recommend", finished, "--user", "c1", "--allow", tmp_path / "allow.txt", "--deny", "p2",
                      "--with-seen", "--json")  # fmt: skip
    assert set(listed(outcome.out)[0]) == {"p1", "p3"}
    assert outcome.err == "--allow: 1 of 4 ids are no items of this run\n"
    outcome = graphcl("recommend", finished, "--user", "c1", "--deny", "denied.txt")
    assert outcome.code == 2
    assert "none of its 1 ids ('denied.txt') is an item of this run, and there is no file 'denied.txt'" in outcome.err


def test_k_above_the_catalogue_is_clipped_and_said(graphcl: Command, finished: Path) -> None:
    outcome = graphcl("recommend", finished, "--user", "c1", "-k", 1000, "--with-seen", "--json")
    assert outcome.code == 0
    assert outcome.err == "k=1,000 is clipped to the catalogue of 40 items\n"
    assert len(listed(outcome.out)[0]) == 40


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "say for whom: --user ID, --history ITEM,ITEM for a new user, or --out FILE for all users"),
        (["--user", "c1", "--with-seen", "--without-test"], "contradict each other"),
        (["--user", "c1", "c2", "--history", "p1"], "--history is of one user, but there are 2: c1, c2"),
        (["--history", "nothing"], "none of its 1 ids ('nothing') is an item of this run"),
        (["--history", ","], "--history: ',' holds no id"),
        (["--out", "recs.xlsx"], "the format goes by the ending of the name; known: .parquet, .csv, .tsv, .jsonl"),
        (["--out", "nowhere/recs.csv"], "cannot write nowhere/recs.csv: there is no folder nowhere; make it, or mend"),
    ],
)
def test_recommend_refuses(
    graphcl: Command, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clicks").touch()
    outcome = graphcl("recommend", finished, *arguments)
    assert outcome.code == 2
    assert says in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("command", [["recommend"], ["embed"], ["score", "pairs.csv"]])
def test_an_existing_file_is_kept_unless_told(
    graphcl: Command, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pairs.csv").write_text("customer,product\nc1,p1\n")
    Path("out.csv").write_text("mine")
    arguments = [command[0], finished, *command[1:], "--out", "out.csv"]
    outcome = graphcl(*arguments)
    assert (outcome.code, outcome.err) == (2, "error: out.csv exists; replace it with --overwrite\n")
    assert Path("out.csv").read_text() == "mine"
    assert graphcl(*arguments, "--overwrite").code == 0
    assert Path("out.csv").read_text() != "mine"


# --- score, similar, embed ---------------------------------------------------------------------------


def test_score_finds_the_columns_of_the_log(graphcl: Command, finished: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("product;when;customer\np1;today;c1\np2;today;c1\np1;today;c2\n")
    outcome = graphcl("score", finished, pairs)
    assert outcome.err == f"{pairs}: 3 pairs of customer and product\n"
    assert [line.rpartition(",")[0] for line in outcome.out.splitlines()] == ["user,item", "c1,p1", "c1,p2", "c2,p1"]
    (found,) = json.loads(graphcl("recommend", finished, "--user", "c1", "-k", 40, "--with-seen", "--json").out)
    recommended = {item["item"]: item["score"] for item in found["items"]}
    scored = json.loads(graphcl("score", finished, pairs, "--json", "--quiet").out)
    assert scored[0]["score"] == pytest.approx(recommended["p1"], rel=1e-5)
    assert scored[1]["score"] == pytest.approx(recommended["p2"], rel=1e-5)


def test_score_of_unknown_pairs(graphcl: Command, finished: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("customer,product\nc1,p1\nnobody,p1\nc1,nothing\n")
    outcome = graphcl("score", finished, pairs, "--quiet")
    assert outcome.code == 2
    assert "2 of 3 pairs with a user or item that the run does not know (first: user 'nobody', " in outcome.err
    assert f"{pairs} line 3); --skip-unknown" in outcome.err
    scored = json.loads(graphcl("score", finished, pairs, "--skip-unknown", "--json").out)
    assert [row["score"] is None for row in scored] == [False, True, True]


def test_score_of_a_file_without_such_columns(graphcl: Command, finished: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("a,b\nc1,p1\n")
    outcome = graphcl("score", finished, pairs)
    assert outcome.code == 2
    assert "set --user-column to one of a, b" in outcome.err
    assert graphcl("score", finished, pairs, "--user-column", "a", "--item-column", "b").code == 0
    assert "nearest: 'a'" in graphcl("score", finished, pairs, "--user-column", "aa", "--item-column", "b").err


def test_similar(graphcl: Command, finished: Path) -> None:
    outcome = graphcl("similar", finished, "--item", "p1", "-k", 3)
    assert outcome.out.startswith("items like p1 Thing 1\n")
    found = json.loads(graphcl("similar", finished, "--item", "p1", "-k", 3, "--json").out)
    assert [int(row["item"][1:]) % 3 for row in found["similar"]] == [1, 1, 1]
    users = json.loads(graphcl("similar", finished, "--user", "c3", "-k", 500, "--json", "--quiet").out)["similar"]
    assert len(users) == 59
    assert "item 'zz' is unknown" in graphcl("similar", finished, "--item", "zz").error
    assert graphcl("similar", finished).code == 2


def test_embed(graphcl: Command, finished: Path, tmp_path: Path) -> None:
    outcome = graphcl("embed", finished, "--out", tmp_path / "emb.parquet")
    assert outcome.code == 0
    table = pd.read_parquet(tmp_path / "emb.parquet").set_index(["type", "id"])["vector"]
    assert len(table) == 100
    scored = json.loads(graphcl("recommend", finished, "--user", "c1", "-k", 1, "--json").out)[0]["items"][0]
    product = table["user", "c1"] @ table["item", scored["item"]]
    assert product == pytest.approx(scored["score"], rel=1e-5)
    assert graphcl("embed", finished, "--type", "item", "--out", tmp_path / "items.npz").code == 0
    with np.load(tmp_path / "items.npz") as arrays:
        assert sorted(arrays) == ["item", "item_ids"]
    outcome = graphcl("embed", finished, "--type", "itm", "--out", tmp_path / "x.npz")
    assert "no embeddings of type 'itm'; nearest: 'item'" in outcome.err


# --- evaluate ----------------------------------------------------------------------------------------


def test_evaluate_repeats_metrics_json(graphcl: Command, finished: Path) -> None:
    found = json.loads(graphcl("evaluate", finished, "--json").out)["metrics"]
    stored = read_json(finished / "metrics.json")
    assert found
    assert {name: stored[name] for name in found} == found


def test_evaluate_by_slices(graphcl: Command, finished: Path) -> None:
    outcome = graphcl("evaluate", finished, "--slices")
    assert "user activity" in outcome.out
    assert "item popularity" in outcome.out
    rows = json.loads(graphcl("evaluate", finished, "--slices", "--json").out)["slices"]
    assert {row["kind"] for row in rows} == {"user activity", "item popularity"}


def test_evaluate_with_other_cut_offs_and_baselines(graphcl: Command, finished: Path) -> None:
    outcome = graphcl("evaluate", finished, "eval.k=[3]", "eval.baselines=[popularity]", "--baselines", "--json")
    found = json.loads(outcome.out)["metrics"]
    assert {name for name in found if "recall" in name} == {"test/recall@3", "baseline/popularity/recall@3"}
    assert "only eval.* can differ" in graphcl("evaluate", finished, "train.lr=1").err
    assert "unknown key 'eval.kk'; nearest: 'eval.k'" in graphcl("evaluate", finished, "eval.kk=3").err
    assert "'recommend' is not judged by probes" in graphcl("evaluate", finished, "--probe", "knn").err
    assert "'recommend' has no labelled nodes" in graphcl("evaluate", finished, "--split", "random").err


def test_embeddings_that_were_cut_off(graphcl: Command, finished: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    path = copy / "embeddings.safetensors"
    path.write_bytes(path.read_bytes()[:500])
    outcome = graphcl("recommend", copy, "--user", "c1")
    assert outcome.code == 2
    assert outcome.err.startswith(f"error: cannot read the embeddings {path}")
    assert outcome.err.count("\n") == 1


def test_a_run_that_is_not_finished(graphcl: Command, stopped: Path) -> None:
    outcome = graphcl("recommend", stopped, "--user", "c1")
    assert outcome.code == 2
    assert outcome.err == f"error: {stopped} is not finished; go on with it by: graphcl resume {stopped}\n"
