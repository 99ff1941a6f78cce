"""Programs of similar words against a loop over pairs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import scipy.sparse as sp
import torch

from graphcl.augment.similar_words import SimilarWords, most_similar, word_sets
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.tasks.base import Batch
from tests.contract.toys import program_graph


def test_the_nearest_sets_by_hand() -> None:
    sets = sp.csr_matrix(torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1]], dtype=torch.float32))
    # Jaccard: 0-1 2/3; 1-2 1/4; 2-3 1/2; 0-2, 0-3, 1-3 none
    assert most_similar(sets, 2).tolist() == [[1, -1], [0, 2], [3, 1], [2, -1]]
    assert most_similar(sets, 9).shape == (4, 9)


def test_against_a_loop() -> None:
    dense = (torch.rand(40, 12, generator=generator(0)) < 0.3).float()
    near = most_similar(sp.csr_matrix(dense), 3)
    for row in range(40):
        shared, union = (dense[row] * dense).sum(1), ((dense[row] + dense) > 0).sum(1)
        scores = shared / union.clamp_min(1)
        scores[row] = 0
        expected = scores.sort(descending=True).values[:3].tolist()
        found = [float(scores[n]) if n >= 0 else 0.0 for n in near[row].tolist()]
        assert found == pytest.approx(expected)


def test_word_sets_of_programs() -> None:
    sets = word_sets([program_graph(), program_graph()], 32)
    assert sets.shape == (4, 32)
    assert [row.indices.tolist() for row in sets] == [[7, 8, 9, 10, 11], [7]] * 2
    assert set(sets.data.tolist()) == {1.0}


def test_partners_are_training_programs_by_their_numbers() -> None:
    ids = torch.tensor([3, 7])
    task = SimpleNamespace(training_examples=lambda: [Batch(ids, {}, {"graph": program_graph()})])
    source = SimilarWords(k=1, task=task)
    found = source(torch.tensor([7, 3]), program_graph(), generator=generator(0))
    assert found.ids.tolist() == [3, 7]
    assert not found.alone.any()
    with pytest.raises(UserError, match="no programs"):
        SimilarWords(task=SimpleNamespace())
