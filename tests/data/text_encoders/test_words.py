from __future__ import annotations

from collections import Counter
from math import log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphcl.core.errors import UserError
from graphcl.data.text_encoders import TextOptions, fit_text_encoder, restore_text_encoder

TEXTS = ["red cats sleep", "red dogs bark and dogs run", "blue cats run", "", "blue dogs sleep"]
WIDE = TextOptions(dim=50, max_df=1.0)


def test_full_width_svd_keeps_the_cosines_of_tf_idf_by_hand() -> None:
    """Rows of TF-IDF by loops; an SVD of full rank turns the space and keeps every angle."""
    kept = [[word for word in text.split() if word not in ("and", "bark")] for text in TEXTS]
    words = sorted({word for text in kept for word in text})
    df = {word: sum(word in text for text in kept) for word in words}
    rows = []
    for text in kept:
        counts = Counter(text)
        rows.append([(1 + log(counts[w])) * (log(6 / (1 + df[w])) + 1) if counts[w] else 0.0 for w in words])
    expected = torch.nn.functional.normalize(torch.tensor(rows))
    x = fit_text_encoder(TEXTS, WIDE).encode(TEXTS)
    assert torch.allclose(x @ x.T, expected @ expected.T, atol=1e-5)


def test_a_bag_is_presence_on_rows_of_length_one() -> None:
    encoder = fit_text_encoder(TEXTS, TextOptions("bag_of_words", min_df=2, max_df=1.0))
    x = encoder.encode(["red red cats", "unknown"])
    assert encoder.vocabulary == ["blue", "cats", "dogs", "red", "run", "sleep"]
    assert torch.allclose(x, torch.tensor([[0, 1, 0, 1, 0, 0], [0] * 6]) / 2**0.5)


@pytest.mark.parametrize("options", [WIDE, TextOptions("bag_of_words", min_df=1, max_df=1.0, units="characters")])
def test_what_a_run_keeps_encodes_the_same(options: TextOptions) -> None:
    encoder = fit_text_encoder(TEXTS, options)
    again = restore_text_encoder(encoder.options, *encoder.state())
    new = ["green cats run far", "Ωmega", ""]
    assert torch.equal(again.encode(new), encoder.encode(new))
    assert again.told == encoder.told


def test_texts_that_were_not_fitted_on_change_nothing() -> None:
    alone = fit_text_encoder(TEXTS[:3], WIDE)
    assert not alone.encode(["barks loudly"]).any()
    assert torch.equal(alone.encode(TEXTS)[:3], alone.encode(TEXTS[:3]))


def test_rare_and_frequent_words_are_left_out_as_asked() -> None:
    encoder = fit_text_encoder(TEXTS, TextOptions("bag_of_words", min_df=2, max_df=0.4))
    assert encoder.vocabulary == ["blue", "cats", "dogs", "red", "run", "sleep"]
    assert fit_text_encoder([*TEXTS, "red", "red"], encoder.options).vocabulary == [
        "blue", "cats", "dogs", "run", "sleep"
    ]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["", "  "], "all texts are empty"),
        (["🙂 🎉", "🙂"], r"no word of the 2 texts occurs in at least 2 texts.*data.text.units=characters"),
        (["the", "and"], "data.text.min_df"),
    ],
)
def test_texts_without_a_word_are_refused_in_one_line(texts: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        fit_text_encoder(texts)


def test_scripts_without_spaces_have_pieces() -> None:
    texts = ["图神经网络对比学习", "图神经网络分类", "今天天气很好", "明天天气不好"]
    x = fit_text_encoder(texts, TextOptions(units="characters", max_df=1.0)).encode(texts)
    assert x[0] @ x[1] > 0.5 > abs(x[0] @ x[2])


@given(st.lists(st.text(max_size=30), min_size=1, max_size=6))
def test_rows_are_finite_and_of_length_one_or_zero(texts: list[str]) -> None:
    encoder = fit_text_encoder(["common words here", "common words there"], WIDE)
    lengths = encoder.encode(texts).norm(dim=1)
    assert bool(((lengths - 1).abs() < 1e-4).logical_or(lengths == 0).all())


def test_a_bar_on_real_texts_counts_the_words_it_should(shared_data) -> None:  # type: ignore[no-untyped-def]
    """The vocabulary that the published features of these texts have (8,063 of TF-IDF, 4,339 of the bag)."""
    import gzip
    import json

    with gzip.open(shared_data / "graphs" / "TAG" / "cora" / "nodes.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    assert "8,063 words" in fit_text_encoder(texts).told
    assert "4,339 words" in fit_text_encoder(texts, TextOptions("bag_of_words")).told
