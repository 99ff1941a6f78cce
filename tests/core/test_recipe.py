from __future__ import annotations

from pathlib import Path

import pytest

from graphcl.core.config.part_names import OF_MODULES
from graphcl.core.config.recipe import load_recipe, recipe_names
from graphcl.core.errors import ConfigError, UserError

TERMS = """
terms:
  - bpr: {user: "main.nodes[user][users]", pos: "main.nodes[item][items_pos]", neg: "main.nodes[item][items_neg]"}
"""
NODE_TERMS = "terms: [{uniformity: {x: a.nodes}}]\n"


def write(folder: Path, text: str, name: str = "mine.yaml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def problems(folder: Path, text: str, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_recipe(write(folder, text), overrides)
    return caught.value.problems


@pytest.mark.parametrize("text", ["+views.c=[]", "+states.own={kmeans: {}}", "+views.a.augment.odd={p: 1}"])
def test_what_has_a_name_is_not_appended_under_it(text: str) -> None:
    path = text[1:].partition("=")[0]
    with pytest.raises(ConfigError, match=f"'{path}': there is nothing to add to or take from; to make it, {path}="):
        load_recipe("grace", [text])


def test_overrides_reach_every_form_of_a_path() -> None:
    recipe = load_recipe("lightgcl", [
        "train.lr=1e-2", "views.svd.augment.low_rank.rank=8", "encoder.dim=16", "terms.info_nce.weight=0.5",
        "data.path=x.csv", "+regularizers=l2", "data.split.by=leave_one_out",
    ])  # fmt: skip
    assert recipe["train.lr"] == 1e-2
    assert recipe["views.svd.augment.low_rank.rank"] == 8
    assert recipe["towers.main.dim"] == 16
    assert recipe["terms.info_nce.weight"] == 0.5
    assert list(recipe["regularizers"]) == ["l2", "l2#2"]
    assert recipe["data.split.by"] == "leave_one_out"


def test_a_star_stands_for_every_name_at_its_place(tmp_path: Path) -> None:
    recipe = load_recipe("grace", ["views.*.augment.*.p=0.15"])
    found = [options["p"] for view in recipe["views"].values() for options in view["augment"].values()]
    assert found == [0.15] * 4
    recipe = load_recipe("grace", ["views.*.augment.drop_edges.p=0.15"])
    assert [view["augment"]["drop_edges"]["p"] for view in recipe["views"].values()] == [0.15] * 2
    assert recipe["views.b.augment.mask_features.p"] == 0.4
    with pytest.raises(ConfigError, match=r"unknown key 'views\.a\.augment\.drop_edges\.q'"):
        load_recipe("grace", ["views.*.augment.drop_edges.q=0.15"])
    with pytest.raises(ConfigError, match=r"'latents\.\*\.ratio': the recipe has nothing that '\*' could stand for"):
        load_recipe("grace", ["latents.*.ratio=0.15"])
    recipe = load_recipe("gaugllm", ["views.*.augment.prompt_experts.mix=uniform"])  # view a has none
    assert "prompt_experts" not in recipe["views.a.augment"]
    assert recipe["views.mixed.augment.prompt_experts.mix"] == "uniform"
    text = write(tmp_path, "extends: grace\nper_data: {cora: {views.*.augment.drop_edges.p: 0.3}}\n")
    assert load_recipe(text, ["data=cora"])["views.b.augment.drop_edges.p"] == 0.3
    assert load_recipe(text, ["data=karate"])["views.b.augment.drop_edges.p"] == 0.4


def test_removing_a_term() -> None:
    assert list(load_recipe("lightgcl", ["~terms=info_nce"])["terms"]) == ["bpr"]
    with pytest.raises(ConfigError, match="no part 'infonce' to remove; nearest: 'info_nce'"):
        load_recipe("lightgcl", ["~terms=infonce"])


def test_settings_of_a_data_set_hold_for_it_alone_and_yield_to_the_command_line() -> None:
    assert load_recipe("lightgcl", ["data=gowalla"])["train.lr"] == 1e-3
    assert load_recipe("lightgcl", ["data=gowalla", "train.lr=0.1"])["train.lr"] == 0.1
    assert load_recipe("lightgcl")["train.lr"] == 5e-3
    assert load_recipe("lightgcl", ["data.path=gowalla"])["train.lr"] == 5e-3


def test_a_mapping_on_the_command_line_is_laid_over_what_is_there() -> None:
    recipe = load_recipe("mclrec", ["data={name: beauty}", "train={epochs: 3}", "encoder={dim: 8}"])
    plain = load_recipe("mclrec", ["data=beauty"])
    assert recipe["data"] == plain["data"]
    assert recipe["data.format"] == "adjacency"
    assert recipe["train"] == {**plain["train"], "epochs": 3}
    assert recipe["towers.main"] == {**plain["towers.main"], "dim": 8}
    assert recipe.origins["train.epochs"] == "command line"
    assert recipe.origins["train.lr"] == plain.origins["train.lr"]


@pytest.mark.parametrize("override", ["encoder={name: gru}", "encoder={dim: -1}", "data={kind: x}", "train={epoks: 3}"])
def test_what_is_wrong_in_a_mapping_of_the_command_line_is_said_of_it(override: str) -> None:
    with pytest.raises(ConfigError, match=r"^command line: "):
        load_recipe("sasrec", [override])


def test_another_kind_of_data_drops_the_options_of_the_old_one() -> None:
    recipe = load_recipe("simclr_code", ["data={kind: images, name: digits}"])
    assert "nodes" not in recipe["data"]
    assert recipe["data.name"] == "digits"


def test_a_part_within_a_part_is_replaced_by_another_and_keeps_what_is_not_said_of_its_own(tmp_path: Path) -> None:
    mlp = "{mlp: {dim: 32, num_layers: 1, pooling: mean}}"
    for recipe in (
        load_recipe("simclr_code", [f"encoder.tower={mlp}"]),
        load_recipe(write(tmp_path, f"extends: simclr_code\nencoder: {{token_input: {{tower: {mlp}}}}}\n")),
    ):
        assert list(recipe["towers.main.tower"]) == ["mlp"]
    whole, narrow = load_recipe("simclr_code"), load_recipe("simclr_code", ["encoder.tower={gin: {dim: 8}}"])
    assert narrow["towers.main.tower.gin"] == {**whole["towers.main.tower.gin"], "dim": 8}


def test_overrides_in_a_list_say_so() -> None:
    with pytest.raises(ConfigError, match="an override is text of the form key=value"):
        load_recipe("grace", [["train.lr=1e-2"]])  # type: ignore[list-item]


def test_extending_changes_what_differs_and_null_removes() -> None:
    recipe = load_recipe("xsimgcl")
    assert list(recipe["views"]) == ["noisy"]
    assert recipe["towers.main.num_layers"] == 3  # lightgcn's
    assert recipe["towers.main.readout_from"] == 1  # its own


def test_all_problems_at_once_with_line_and_nearest_key(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "task: recommend\nencoder: {lightgcn: {dim: 0}}\nviews:\n  main: [drop_edge]\n"
        "train:\n  batchsize: 5\n  lr: fast\n" + TERMS,
        "train.epochs=nan".replace("nan", ".nan"),
    )
    text = "\n".join(found)
    path = tmp_path / "mine.yaml"
    assert f"{path}:6: unknown key 'train.batchsize'; nearest: 'train.batch_size'" in text
    assert f"{path}:7: 'train.lr' must be a number > 0, got 'fast'" in text
    assert f"{path}:4: unknown augmenter 'drop_edge'; nearest: 'drop_edges'" in text
    assert f"{path}:2: 'towers.main.dim' must be a whole number >= 1, got 0" in text
    assert "command line: 'train.epochs' must be a finite number" in text


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("mian.nodes[user][users]", "no view 'mian'; nearest: 'main'"),
        ("main.nodse[user][users]", "no level or head 'nodse'; nearest: 'nodes'"),
        ("main.nodes[user][usres]", "no row set 'usres'; nearest: 'users'"),
        ("teacher(main).nodes[user][users]", "no tower 'teacher'"),
        ("state.queue.keys", "no state 'queue'"),
        ("main.nodes[*][users]", "'each'"),
    ],
)
def test_addresses_are_checked_before_data_is_read(tmp_path: Path, address: str, message: str) -> None:
    text = "task: recommend\nencoder: lightgcn\nviews: {main: []}\n" + TERMS.replace("main.nodes[user][users]", address)
    assert any(message in line for line in problems(tmp_path, text))


def test_values_are_data(tmp_path: Path) -> None:
    hostile = "__import__('os').mkdir('/tmp/graphcl-hostile')"
    recipe = load_recipe("lightgcl", [f"data.path={hostile}"])
    assert recipe["data.path"] == hostile
    assert not Path("/tmp/graphcl-hostile").exists()


def test_a_recipe_is_extended_by_one_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    top = write(tmp_path / "mine", "extends: base.yaml\n", "top.yaml")
    with pytest.raises(UserError, match=rf"base\.yaml does not exist; looked for in {tmp_path}/mine and in .*/here$"):
        load_recipe(top)
    write(tmp_path / "here", "extends: grace\ntrain: {epochs: 3}\n", "base.yaml")
    assert load_recipe(top)["train.epochs"] == 3
    write(tmp_path / "mine", "extends: grace\ntrain: {epochs: 4}\n", "base.yaml")
    assert load_recipe(top)["train.epochs"] == 4


@pytest.mark.parametrize(
    ("recipe", "name", "nearest"), [("grace", "corra", "cora"), ("simclr_series", "gunpoit", "gunpoint")]
)
def test_a_name_that_no_data_set_has_is_told(recipe: str, name: str, nearest: str) -> None:
    (line,) = load_recipe(recipe, [f"data={name}"]).unknown_data()
    assert f"unknown data set '{name}'; nearest: '{nearest}'" in line
    assert load_recipe(recipe, [f"data.path={name}"]).unknown_data() == []


@pytest.mark.parametrize("recipe", recipe_names())
def test_data_that_recipes_read_are_known(recipe: str) -> None:
    assert load_recipe(recipe).unknown_data() == []


@pytest.mark.parametrize(
    ("recipe", "names"),
    [("grace", ["karate", "python-stdlib", "pyg:Planetoid/Cora"]), ("lightgcn", ["generated", "gowalla"])],
)
def test_data_sets_without_a_card_are_known(recipe: str, names: list[str]) -> None:
    assert [load_recipe(recipe, [f"data={name}"]).unknown_data() for name in names] == [[]] * len(names)


def test_a_circle_of_extends_is_refused(tmp_path: Path) -> None:
    other = write(tmp_path, f"extends: {tmp_path}/mine.yaml", "other.yaml")
    with pytest.raises(UserError, match="without a circle"):
        load_recipe(write(tmp_path, f"extends: {other}\n"))


def test_strangers_code_needs_permission(tmp_path: Path) -> None:
    text = "task: recommend\nplugins: [os_evil]\nencoder: lightgcn\nviews: {main: []}\n" + TERMS
    with pytest.raises(UserError, match="--allow-plugins"):
        load_recipe(write(tmp_path, text))


def test_a_mistake_of_shape_does_not_hide_the_others(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "task: {name: recomend}\nencoder: 5\nviews: {main: []}\nterms: {bpr: {weigth: 2}}\ntrian: {}\n"
        "train: {epochs: -3}\n",
    )
    text = "\n".join(found)
    assert "mine.yaml:2: a part is written" in text
    assert "mine.yaml:1: 'task' is the name of a task, got {'name': 'recomend'}; known: " in text
    assert "unknown key 'trian'; nearest: 'train'" in text
    assert "'train.epochs' must be a whole number >= 1, got -3" in text
    assert "unknown key 'terms.bpr.weigth'; nearest: 'terms.bpr.weight'" in text


@pytest.mark.parametrize(
    ("block", "line"),
    [
        ("heads: {half: mlp}", "mine.yaml:5: 'heads.half': the name 'half' is taken by torch's modules"),
        ("latents: {values: sketch}", "mine.yaml:5: 'latents.values': the name 'values' is taken"),
        ("states: {\n  train: {queue: {rows: a.nodes, dim: 2, size: 2}}}", "mine.yaml:6: 'states.train': the name"),
        ("towers: {forward: gcn}", "mine.yaml:5: 'towers.forward': the name 'forward' is taken"),
        ("heads: {nodes: mlp}", "mine.yaml:5: 'heads.nodes': 'nodes' is what a tower gives"),
        ("heads: {a.b: mlp}", "mine.yaml:5: 'heads.a.b': 'a.b' cannot be a name here"),
        ("heads: {_modules: mlp}", "mine.yaml:5: 'heads._modules': '_modules' cannot be a name here"),
    ],
)
def test_a_name_that_cannot_be_is_refused_before_anything_is_built(tmp_path: Path, block: str, line: str) -> None:
    above = "task: node\ndata: karate\nencoder: gcn\nviews: {a: [], half: []}\n"
    found = problems(tmp_path, f"{above}{block}\n{NODE_TERMS}")
    assert [one for one in found if line in one], found
    assert not [one for one in found if "views.half" in one]  # views are no modules


def test_every_attribute_of_torchs_modules_is_known_to_be_taken() -> None:
    from torch import nn

    taken = {name for name in dir(nn.ModuleDict()) if not name.startswith("_")}
    assert taken <= OF_MODULES


def test_null_takes_away_also_where_nothing_is_below(tmp_path: Path) -> None:
    text = f"task: node\ndata: karate\nencoder: gcn\nviews: {{a: [], b: null}}\nheads: {{proj: null}}\n{NODE_TERMS}"
    recipe = load_recipe(write(tmp_path, text))
    assert list(recipe["views"]) == ["a"]
    assert recipe["heads"] == {}
    found = problems(tmp_path, text.replace("encoder: gcn", "encoder: 5"))
    assert any("mine.yaml:3: a part is written" in line for line in found)


def test_a_data_set_of_another_task_is_refused_by_its_name() -> None:
    for recipe, data, of in (("grace", "ml-100k", "recommend"), ("lightgcl", "cs", "node"), ("graphcl", "cs", "node")):
        with pytest.raises(UserError, match=rf"{data} is a data set for the task '{of}', and this recipe's task is"):
            load_recipe(recipe, [f"data={data}"])


def test_a_log_is_read_as_pairs_and_as_histories() -> None:
    for recipe, data in (("lightgcn", "beauty"), ("sasrec", "selfrec-amazon-beauty")):
        assert load_recipe(recipe, [f"data={data}"])["data.format"] in ("adjacency", "sequence")


def test_a_parent_that_is_not_there_and_an_empty_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "child.yaml").write_text("extends: grase\n")
    with pytest.raises(UserError, match=r"child\.yaml: 'extends': unknown recipe 'grase'; nearest: 'grace'"):
        load_recipe(str(tmp_path / "child.yaml"))
    (tmp_path / "empty.yaml").write_text("# nothing yet\n")
    with pytest.raises(UserError, match=r"empty\.yaml is empty"):
        load_recipe(str(tmp_path / "empty.yaml"))


def test_what_is_not_close_is_not_suggested() -> None:
    with pytest.raises(UserError, match=r"unknown recipe 'pot'; known: [a-z_0-9]+, .*bert4rec, "):
        load_recipe("pot")
    with pytest.raises(ConfigError, match=r"unknown key 'train\.wiggle'; known in train: .*epochs"):
        load_recipe("grace", ["train.wiggle=1"])


def test_a_list_of_a_fixed_length_is_asked_for_as_such() -> None:
    with pytest.raises(ConfigError, match=r"'data\.split\.ratios' must be a list of 3 \(a number > 0\), got \[0\.5"):
        load_recipe("grace", ["data.split.ratios=[0.5, 0.5]"])


def test_what_is_embedded_is_a_view_of_the_recipe() -> None:
    with pytest.raises(ConfigError, match=r"'embed\.view' names no view: 'mian'; nearest: 'main'"):
        load_recipe("sasrec", ["embed.view=mian"])


def test_another_source_of_a_view_drops_the_options_of_the_old_one(tmp_path: Path) -> None:
    recipe = load_recipe("simclr_code", ["views.b.source=self"])
    assert recipe["views.b.source"] == {"name": "self"}
    child = load_recipe(write(tmp_path, "extends: simclr_code\nviews: {b: {source: {neighbour: {hops: 2}}}}\n"))
    assert child["views.b.source"] == {"name": "neighbour", "hops": 2}


def test_a_value_in_the_place_of_a_mapping_is_told_its_option() -> None:
    with pytest.raises(ConfigError, match=r"'data\.split' must be a mapping, got .*; set data\.split\.by=temporal"):
        load_recipe("sasrec", ["data.split=temporal"])
    with pytest.raises(ConfigError, match=r"'data\.split' must be a mapping, got 0\.2; it has by, ratios"):
        load_recipe("sasrec", ["data.split=0.2"])
