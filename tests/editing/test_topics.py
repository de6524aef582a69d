"""What sentences are about."""

import numpy as np

from clipmill.editing.topics import Topics, terms_of


def test_terms_leave_out_common_words_and_marks() -> None:
    assert terms_of("The Garden, and the river's bank!") == ["garden", "river's", "bank"]


def test_chinese_terms_are_pairs_of_characters() -> None:
    assert terms_of("学习很好") == ["学习", "习很", "很好"]


def test_the_sentence_on_the_common_subject_is_the_most_central() -> None:
    texts = ["money market bank", "money market loan", "money bank loan", "purple elephant dancing"]
    central = Topics(texts).centrality()
    assert int(np.argmin(central)) == 3


def test_local_centrality_looks_at_neighbours_only() -> None:
    texts = ["money bank"] * 6 + ["garden river"] + ["garden river"] * 3
    local = Topics(texts).centrality(neighbours=2)
    assert local[8] > 0.99
    assert Topics(texts).centrality()[8] < 0.9


def test_local_centrality_agrees_with_the_plain_computation() -> None:
    texts = [f"alpha{place % 3} beta{place % 5} gamma{place}" for place in range(12)]
    topics = Topics(texts)
    local = topics.centrality(neighbours=3)
    for place in range(12):
        alone = Topics(texts)
        around = np.zeros(len(alone._idf))
        for columns, values in alone._rows[max(0, place - 3) : place + 4]:
            around[columns] += values
        columns, values = alone._rows[place]
        assert np.isclose(local[place], values @ around[columns] / np.linalg.norm(around))


def test_terms_of_one_sentence_only_are_rarer() -> None:
    rarity = Topics(["money bank", "money bank", "zebra"]).rarity()
    assert rarity[2] > rarity[0]


def test_sentences_without_terms_are_of_mean_rarity_and_not_central() -> None:
    topics = Topics(["money bank", "and so it is"])
    assert topics.rarity()[1] == topics.rarity()[0]
    assert topics.centrality()[1] == 0.0
