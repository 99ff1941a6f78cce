"""Our recommenders as models of RecBole: around the object that trains them in ``graphcl train``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from recbole.model.abstract_recommender import GeneralRecommender, SequentialRecommender
from recbole.utils import InputType
from torch import Tensor, nn
from torch.nn import functional as F

from graphcl.core import seeds
from graphcl.core.build import build
from graphcl.core.config.recipe import Recipe
from graphcl.core.errors import UserError
from graphcl.engine.checkpoint import Progress, resize_buffers
from graphcl.engine.embed import embed, embed_records
from graphcl.engine.stepper import Stepper
from graphcl.graph.chain import build_chains
from graphcl.recbole import data
from graphcl.recbole.settings import recipe_in
from graphcl.tasks.base import Batch
from graphcl.tasks.recommend import Recommend


class Adapted(nn.Module):
    """What both kinds of models share.

    Parameters and states are under ``parts``. Where the training stands, and the moments of optimizers, go into
    RecBole's checkpoint as other parameters.

    Attributes:
        stepper: The recipe's parts at work.
        progress: Where the training stands.
    """

    other_parameter_name = ("progress_state", "optimizer_states")

    def prepare(self, config: Any, recipe: Recipe, task: Any, examples: int, repeated: int = 1) -> None:
        """Build the recipe's parts for a task whose epochs go over so many rows, each ``repeated`` in its batch."""
        size = max(config["train_batch_size"] // repeated, 1)
        self.stepper = Stepper(recipe, task, device=config["device"], batches=-(-examples // size))
        self.parts = self.stepper.model
        self.progress = Progress(limit=config["epochs"])
        self._embeddings: Mapping[str, Tensor] | None = None
        self._begins, self._dynamic = True, bool(config["train_neg_sample_args"]["dynamic"])

    def batch(self, interaction: Any) -> Batch:
        """A batch of RecBole's loader as ours."""
        raise NotImplementedError

    def calculate_loss(self, interaction: Any) -> Tensor:
        """The loss of a batch where the training stands.

        Our trainer does not call it. For another trainer it counts steps, and epochs by calls of ``train``, of which
        RecBole's trainers make one an epoch, so that views and states change as they should.

        Raises:
            UserError: the recipe trains in phases, each with a loss of its own; or negatives are dynamic, so that the
                loader calls ``train`` for each batch.
        """
        if len(self.stepper.phases) > 1:
            names = ", ".join(phase.name for phase in self.stepper.phases)
            raise UserError(f"this model trains in phases ({names}); use the trainer that get_trainer finds for it")
        if self._dynamic:
            raise UserError("train_neg_sample_args: dynamic: use the trainer that get_trainer finds for this model")
        p = self.progress
        if self.training and self._begins:
            p.epoch, p.batch, self._begins = p.epoch + (p.batch > 0), 0, False
            self.stepper.begin_epoch(p)
        loss = self.stepper.loss(self.batch(interaction), p)[0]
        if self.training:
            p.batch, p.step = p.batch + 1, p.step + 1
        return loss

    def train(self, mode: bool = True) -> Any:
        """Training mode begins an epoch; embeddings that were computed are forgotten."""
        if mode:
            self._embeddings, self._begins = None, True
        return super().train(mode)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """As of torch, for states that have grown too."""
        self._embeddings = None
        resize_buffers(self, state_dict)
        return super().load_state_dict(state_dict, *args, **kwargs)

    @property
    def progress_state(self) -> dict[str, Any]:
        """Where the training stands, as plain values."""
        return asdict(self.progress)

    @progress_state.setter
    def progress_state(self, values: dict[str, Any]) -> None:
        self.progress = Progress(**values)

    @property
    def optimizer_states(self) -> dict[str, Any]:
        """Phase -> state of its optimizer."""
        return {name: optimizer.state_dict() for name, optimizer in self.stepper.optimizers().items()}

    @optimizer_states.setter
    def optimizer_states(self, states: dict[str, Any]) -> None:
        for name, optimizer in self.stepper.optimizers().items():
            optimizer.load_state_dict(states[name])


class General(Adapted, GeneralRecommender):
    """A recipe of the task ``recommend`` as a general recommender: users and items, and a negative for each pair."""

    input_type = InputType.PAIRWISE

    def __init__(self, config: Any, dataset: Any) -> None:
        GeneralRecommender.__init__(self, config, dataset)
        recipe = recipe_in(config)
        self.task: Any = Recommend(data=data.to_interactions(dataset))
        data.mark(dataset, torch.arange(len(dataset)))
        self.prepare(config, recipe, self.task, len(dataset), config["train_neg_sample_args"]["sample_num"])

    def batch(self, interaction: Any) -> Batch:
        """Users, items and the loader's negatives."""
        return self.task.pairs.batch(data.marked(interaction), interaction[self.NEG_ITEM_ID].cpu() - 1)

    def predict(self, interaction: Any) -> Tensor:
        """[B] scores of pairs."""
        users, items = self._rows("user", interaction[self.USER_ID]), self._rows("item", interaction[self.ITEM_ID])
        return (users * items).sum(dim=1)

    def full_sort_predict(self, interaction: Any) -> Tensor:
        """[B, items] scores, padding first."""
        scores = self._rows("user", interaction[self.USER_ID]) @ self._embedded()["item"].T
        return F.pad(scores, (1, 0))

    def _rows(self, kind: str, ids: Tensor) -> Tensor:
        return self._embedded()[kind].index_select(0, ids - 1)

    def _embedded(self) -> Mapping[str, Tensor]:
        if self._embeddings is None:
            self._embeddings = embed(self.parts, self.stepper.views, self.task, "test")
        return self._embeddings


class Sequential(Adapted, SequentialRecommender):
    """A recipe of the task ``sequence`` as a sequential recommender: an item predicted from those before it.

    Negatives, where a recipe's loss reads some, are ours: RecBole's loader has none without ``train_neg_sample_args``.
    """

    input_type = InputType.POINTWISE

    def __init__(self, config: Any, dataset: Any) -> None:
        SequentialRecommender.__init__(self, config, dataset)
        recipe = recipe_in(config)
        options = {"max_len": recipe["data.max_len"], "row_layout": recipe["data.row_layout"]}
        histories, events = data.to_histories(dataset, **options)
        self.task: Any = build("task", "sequence", recipe["eval"], data=histories)
        examples = self.task.training
        if options["row_layout"] == "whole":
            data.take_every_prefix(examples, options["max_len"])
            events = events + 1
        data.mark(dataset, torch.searchsorted(examples.stop, events))
        self.prepare(config, recipe, self.task, len(dataset))

    def batch(self, interaction: Any) -> Batch:
        """The histories of the rows, and the items that follow."""
        p = self.progress
        generator = seeds.generator(self.stepper.seed, p.stage, "negatives", p.step)
        return self.task.training.batch(data.marked(interaction), generator)

    def predict(self, interaction: Any) -> Tensor:
        """[B] scores of a history with an item."""
        found = self._embedded(interaction)
        return (found["chain"] * found["item"].index_select(0, interaction[self.ITEM_ID] - 1)).sum(dim=1)

    def full_sort_predict(self, interaction: Any) -> Tensor:
        """[B, items] scores, padding first."""
        found = self._embedded(interaction)
        return F.pad(found["chain"] @ found["item"].T, (1, 0))

    def _embedded(self, interaction: Any) -> Mapping[str, Tensor]:
        items, ptr = data.runs_of(interaction, str(self.ITEM_SEQ), str(self.ITEM_SEQ_LEN))
        chains = build_chains(items, ptr, num_items=len(self.task.data.items))
        rows = {"last": ptr[1:] - 1, "batch": torch.arange(len(ptr) - 1)}
        batch = Batch(rows["batch"], rows, {"chain": chains})
        return embed_records(self.parts, self.stepper.views, self.task, [batch])
