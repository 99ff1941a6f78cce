"""Several latents that leave a recipe together."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphcl.core.errors import ConfigError, UserError
from graphcl.engine.embed import embed
from graphcl.engine.training import Training

from .toy import RECIPE, toy_recipe, toy_training

TWO = RECIPE.replace("encoder: {toy_tower: {dim: 4}}", "towers: {main: {toy_tower: {dim: 4}}, other: {mlp: {dim: 4}}}")
TWO += "heads: {proj: toy_head}\n"


def training(folder: Path, block: str, text: str = TWO) -> Training:
    return toy_training(toy_recipe(folder, f"{text}embed: {block}\n"))


def embedded(found: Training) -> torch.Tensor:
    return embed(found.model, found.views, found.task, "valid")[""]


def parts(found: Training) -> tuple[torch.Tensor, torch.Tensor]:
    clean = found.views.draw("clean", epoch=0, step=0)
    with torch.no_grad():
        return found.model.towers["main"](clean).nodes, found.model.towers["other"](clean).nodes


def test_latents_are_added_or_put_beside_each_other(tmp_path: Path) -> None:
    latents = '{latents: ["main(clean).nodes", "other(clean).nodes"]'
    added = training(tmp_path, latents + "}")
    a, b = parts(added)
    torch.testing.assert_close(embedded(added), a + b)
    torch.testing.assert_close(embedded(training(tmp_path, latents + ", combine: concat}")), torch.cat([a, b], dim=1))
    scaled = embedded(training(tmp_path, latents + ", normalize: true}"))
    torch.testing.assert_close(scaled, torch.nn.functional.normalize(a + b, dim=1))


def test_one_latent_may_be_a_head_or_a_view_that_is_drawn(tmp_path: Path) -> None:
    found = training(tmp_path, '{latents: ["clean.proj"]}')
    a, _ = parts(found)
    torch.testing.assert_close(embedded(found), (a @ found.model.heads["proj"].weight).detach())
    noisy = training(tmp_path, '{latents: ["a.nodes"]}')
    assert torch.equal(embedded(noisy), embedded(noisy))
    assert not torch.equal(embedded(noisy), embedded(training(tmp_path, "{}")))


def test_latents_of_other_widths_can_only_stand_beside_each_other(tmp_path: Path) -> None:
    latents = '{latents: ["clean.nodes", "clean.proj"]'
    with pytest.raises(UserError, match=r"only latents of one shape can be added: 'clean.nodes' \[12, 4\]"):
        embedded(training(tmp_path, latents + "}"))
    assert embedded(training(tmp_path, latents + ", combine: concat}")).shape == (12, 6)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("clean.nodes[batch]", "all rows of a tower on a view"),
        ("input.x", "all rows of a tower on a view"),
        ("claen.nodes", "no view 'claen'; nearest: 'clean'"),
        ("othr(clean).nodes", "no tower 'othr'; nearest: 'other'"),
        ("clean.nodes.x", "address"),
    ],
)
def test_what_cannot_be_embedded_is_said_before_data_is_read(tmp_path: Path, address: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        toy_recipe(tmp_path, f'{TWO}embed: {{latents: ["{address}"]}}\n')
