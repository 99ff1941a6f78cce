from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.graphs.splits import NodeSplits, fixed_split, random_split


@given(
    counts=st.lists(st.integers(3, 40), min_size=1, max_size=5),
    unknown=st.integers(0, 10),
    stratified=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_parts_have_their_names_sizes_and_are_disjoint(counts, unknown, stratified, seed) -> None:
    labels = torch.cat([torch.full((n,), c) for c, n in enumerate(counts)] + [torch.full((unknown,), -1)])
    labels = labels[torch.randperm(labels.numel(), generator=generator(seed))]
    total = sum(counts)
    ratios = [0.2, 0.3, 0.5]
    if min(round(total * 0.2), round(total * 0.3)) == 0:
        return
    split = random_split(labels, ratios, stratified=stratified, generator=generator(seed, "split"))
    sizes = split.sizes()
    assert sizes == {
        "train": round(total * 0.2),
        "valid": round(total * 0.3),
        "test": total - sum(round(total * r) for r in ratios[:2]),
    }
    nodes = torch.cat([split.train, split.valid, split.test])
    assert nodes.unique().numel() == total
    assert bool((labels[nodes] >= 0).all())
    if stratified:
        for label, count in enumerate(counts):
            for part, share in zip((split.train, split.valid, split.test), ratios, strict=True):
                assert abs(int((labels[part] == label).sum()) - count * share) <= 2


def test_stratified_keeps_shares_where_a_plain_draw_does_not() -> None:
    labels = torch.cat([torch.zeros(90), torch.ones(10)]).long()
    draws = [random_split(labels, [0.1, 0.1, 0.8], stratified=True, generator=generator(s)) for s in range(20)]
    assert {int(labels[d.train].sum()) for d in draws} == {1}
    plain = [random_split(labels, [0.1, 0.1, 0.8], stratified=False, generator=generator(s)) for s in range(20)]
    assert len({int(labels[d.train].sum()) for d in plain}) > 1
    assert not torch.equal(draws[0].train, draws[1].train)


def test_the_same_seed_gives_the_same_split_and_another_index_another_one() -> None:
    def family(index: int, seed: int = 3) -> NodeSplits:
        return NodeSplits("random", torch.arange(100) % 3, {}, [0.1, 0.1, 0.8], False, index, seed)

    assert family(0).at(1).digest() == family(1).at(0).digest()
    assert family(0).at(0).digest() != family(0).at(1).digest()
    assert family(0).at(0).digest() != family(0, seed=4).at(0).digest()


@pytest.mark.parametrize("ratios", [[0.5, 0.5, 0.5], [0.0, 0.2, 0.8], [0.1, 0.9], [1.2, -0.1, -0.1]])
def test_ratios_that_are_no_shares(ratios: list[float]) -> None:
    with pytest.raises(UserError, match="three positive shares"):
        random_split(torch.arange(50) % 2, ratios, stratified=False, generator=generator(0))


def test_a_part_that_would_be_empty() -> None:
    with pytest.raises(UserError, match="leave a part empty"):
        random_split(torch.tensor([0, 1, 0, 1]), [0.1, 0.1, 0.8], stratified=False, generator=generator(0))


def test_one_class_in_train_is_refused_before_training() -> None:
    labels = torch.cat([torch.zeros(97), torch.ones(3)]).long()
    split = NodeSplits("random", labels, {}, [0.01, 0.2, 0.79], False, 0, 0)  # one training node
    with pytest.raises(UserError, match="all of one class"):
        split.at(0)
    assert split.at(0, to_judge=False).train.numel() == 1


def masks(**parts: list[int]) -> dict[str, torch.Tensor]:
    made = {}
    for part in ("train", "valid", "test"):
        made[part] = torch.zeros(6, 2, dtype=torch.bool)
        made[part][parts[part], 1] = True
    return made


def test_given_masks() -> None:
    labels = torch.tensor([0, 1, 0, 1, 0, -1])
    split = fixed_split(masks(train=[0, 1], valid=[2], test=[3, 4, 5]), labels, 1)
    assert split.train.tolist() == [0, 1]
    assert split.valid.tolist() == [2]
    assert split.test.tolist() == [3, 4]  # 5 has no label
    with pytest.raises(UserError, match="node 2 is in more than one"):
        fixed_split(masks(train=[0, 2], valid=[2], test=[3]), labels, 1)
    with pytest.raises(UserError, match="no labelled node in test"):
        fixed_split(masks(train=[0, 1], valid=[2], test=[5]), labels, 1)
    with pytest.raises(UserError, match="comes with 2 split"):
        fixed_split(masks(train=[0, 1], valid=[2], test=[3]), labels, 2)
