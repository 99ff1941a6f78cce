"""RecBole's checkpoints, case study, resuming and settings work with our models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphcl.core.errors import ConfigError, UserError
from graphcl.recbole import data
from tests.recbole.conftest import Run
from tests.recbole.test_equal_to_ours import TINY, Make

BOTH = [("SimGCL", {"data": "tiny"}), ("CL4SRec", TINY)]


def saved(name: str) -> str:
    (file,) = Path("saved").glob(f"{name}-*.pth")
    return str(file)


@pytest.mark.parametrize(("name", "settings"), BOTH)
def test_load_data_and_model_and_case_study(run: Run, name: str, settings: dict[str, Any]) -> None:
    from recbole.quick_start import load_data_and_model
    from recbole.trainer import Trainer
    from recbole.utils.case_study import full_sort_scores, full_sort_topk

    result = run(name, saved=True, **settings)
    config, model, dataset, _, _, test = load_data_and_model(saved(name))
    assert dict(Trainer(config, model).evaluate(test, load_best_model=False)) == dict(result["test_result"])
    users = dataset.token2id(dataset.uid_field, ["1", "2"])
    scores, items = full_sort_topk(users, model, test, k=5, device=config["device"])
    assert scores.shape == items.shape == (2, 5)
    assert (items > 0).all()  # nobody is recommended the padding
    every = full_sort_scores(users, model, test, device=config["device"])
    assert torch.isneginf(every[:, 0]).all()
    assert torch.equal(every.topk(5)[1], items)
    if name == "SimGCL":  # what a user had is left out
        had = {int(item) for item in test.uid2history_item[users[0]]}
        assert not had & set(items[0].tolist())


@pytest.mark.parametrize(("name", "settings"), [*BOTH, ("GraphCLNCL", {"data": "tiny", "warm_up_step": 0})])
def test_resumed_is_uninterrupted(make: Make, name: str, settings: dict[str, Any]) -> None:
    def fit(epochs: int, file: str = "") -> tuple[dict[str, torch.Tensor], str]:
        made = make(name, **settings | {"epochs": epochs, "shuffle": False})
        if file:
            made.trainer.resume_checkpoint(file)
        made.trainer.eval_step = 0  # so that every epoch is saved
        made.trainer.fit(fixed, saved=True, verbose=False)
        return dict(made.model.state_dict()), made.trainer.saved_model_file

    fixed = list(make(name, **settings).train)[:2]
    whole, _ = fit(3)
    _, file = fit(2)
    resumed, _ = fit(3, file)
    assert whole.keys() == resumed.keys()
    for key, value in whole.items():
        torch.testing.assert_close(resumed[key], value, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["GraphCLSGL", "GraphCLNCL"])  # a view of the epoch, a state of the epoch
def test_recboles_own_trainer_trains_what_ours_does(make: Make, name: str) -> None:
    from recbole.trainer import Trainer

    settings = {"data": "tiny", "train_batch_size": 64} | ({"warm_up_step": 1} if "NCL" in name else {})
    ours, theirs = make(name, **settings), make(name, **settings)
    batches = list(ours.train)[:3]
    plain = Trainer(theirs.config, theirs.model)
    for epoch in range(3):
        for trainer in (ours.trainer, plain):
            trainer._train_epoch(batches, epoch)
    expected = dict(ours.model.named_parameters())
    for key, value in theirs.model.named_parameters():
        torch.testing.assert_close(value, expected[key], rtol=1e-3, atol=1e-5)
    assert (theirs.model.progress.epoch, theirs.model.progress.step) == (2, 9)


def test_dynamic_negatives_are_those_of_the_model_as_it_stands(make: Make) -> None:
    from recbole.trainer import Trainer

    negatives = {"distribution": "uniform", "sample_num": 1, "alpha": 1.0, "dynamic": True, "candidate_num": 20}
    made = make("LightGCL", data="tiny", train_neg_sample_args=negatives, train_batch_size=64, shuffle=False)
    made.train.get_model(made.model)

    def mean_score() -> float:
        batch = next(iter(made.train))
        made.model.eval()
        scores = made.model.full_sort_predict(batch)
        made.model.train()
        picked = scores.gather(1, batch["neg_item_id"][:, None]).mean()
        return float((picked - scores[:, 1:].mean()) / scores[:, 1:].std())

    assert mean_score() > 1  # the best of 20
    made.trainer._train_epoch(made.train, 0)
    assert mean_score() > 1  # of the new scores too
    with pytest.raises(UserError, match="dynamic: use the trainer that get_trainer finds"):
        Trainer(made.config, made.model)._train_epoch(made.train, 0)


def test_predict_and_full_sort_agree(make: Make) -> None:
    from recbole.data.interaction import Interaction

    for name, settings in BOTH:
        made = make(name, **settings)
        made.model.eval()
        interaction = next(iter(made.train))
        scores = made.model.full_sort_predict(interaction)
        pairs = made.model.predict(interaction)
        picked = scores.gather(1, interaction["item_id"][:, None]).squeeze(1)
        torch.testing.assert_close(pairs, picked)
        assert isinstance(interaction, Interaction)
        assert scores.shape[1] == made.model.n_items


def test_scores_follow_the_training(make: Make) -> None:
    made = make("LightGCL", data="tiny")
    batches = list(made.train)
    users = batches[0]
    before = made.model.full_sort_predict(users)
    made.trainer._train_epoch(batches, 0)
    made.model.eval()
    assert not torch.equal(made.model.full_sort_predict(users), before)


def test_our_settings_are_the_property_file_and_a_data_sets_win(make: Make) -> None:
    config = make("LightGCL").config
    assert (config["learning_rate"], config["train_batch_size"], config["reg_weight"]) == (5e-3, 1024, 1e-7)
    assert (config["n_layers"], config["temp"], config["ssl_weight"], config["q"]) == (2, 0.2, 0.01, 5)
    assert config["stopping_step"] == 9  # RecBole waits for one more
    assert make("BPR").config["learning_rate"] == 1e-3
    sequence = make("CL4SRec", **TINY).config
    assert sequence["repeatable"] is True
    assert sequence["eval_args"]["split"] == {"LS": "valid_and_test"}


def test_a_setting_reaches_the_recipe(make: Make) -> None:
    given = {"n_layers": 1, "eps": 0.3, "temp": 0.5, "learning_rate": 0.01, "clip_grad_norm": {"max_norm": 2}}
    recipe = make("SimGCL", **given).model.stepper.recipe
    assert (recipe["towers.main.dim"], recipe["towers.main.num_layers"]) == (16, 1)
    assert recipe["views.a.augment.propagation_noise.eps"] == recipe["views.b.augment.propagation_noise.eps"] == 0.3
    assert recipe["terms.info_nce.temperature"] == 0.5
    assert (recipe["train.lr"], recipe["train.clip_norm"], recipe["train.seed"]) == (0.01, 2.0, 2020)


def test_keys_of_other_models_are_noted_and_unknown_ones_refused(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING")  # RecBole's own logging may have set another for all that follows
    make("LightGCL", require_pow=True, inner_size=4)
    assert "LightGCL does not read inner_size" in caplog.text
    with pytest.raises(ConfigError, match="unknown key 'embeding_size'; nearest: 'embedding_size'"):
        make("LightGCL", embeding_size=8)


def test_rows_that_are_no_prefixes_are_refused(make: Make) -> None:
    rows = make("CL4SRec", **TINY).train._dataset
    rows.inter_feat = rows.inter_feat[torch.arange(len(rows)) != 5]
    with pytest.raises(UserError, match="not the beginnings of their users' histories"):
        data.to_histories(rows, max_len=10, row_layout="prefix")


def test_rows_by_ratio_in_order_of_time_are_taken(make: Make) -> None:
    split = {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "TO", "group_by": "user", "mode": "full"}
    made = make("CL4SRec", **TINY, eval_args=split)
    batch = made.model.batch(interaction := next(iter(made.train)))
    assert batch.rows["next"].equal(interaction["item_id"] - 1)


def test_a_batch_from_elsewhere_is_refused(make: Make) -> None:
    made = make("LightGCL", data="tiny")
    interaction = next(iter(made.train))
    del interaction.interaction[data.ROW]
    with pytest.raises(UserError, match="not from the loader"):
        made.model.calculate_loss(interaction)


def test_several_negatives_of_a_pair(make: Make) -> None:
    negatives = {"distribution": "uniform", "sample_num": 3, "alpha": 1.0, "dynamic": False, "candidate_num": 0}
    made = make("LightGCL", data="tiny", train_neg_sample_args=negatives, train_batch_size=64)
    interaction = next(iter(made.train))
    batch = made.model.batch(interaction)
    for name, column in (("users", "user_id"), ("items_pos", "item_id"), ("items_neg", "neg_item_id")):
        assert np.array_equal(batch.rows[name], interaction[column] - 1)
    assert made.model.stepper.batches == len(made.train) > 1
    with pytest.raises(UserError, match="train_neg_sample_args: models of graphcl read a negative"):
        make("LightGCL", data="tiny", train_neg_sample_args=None)
