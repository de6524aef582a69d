"""Words found in the sound."""

import numpy as np

from clipmill.inside.align import Aligner
from clipmill.model import Word

SILENCE = np.zeros(32_000, np.int16)


def test_words_that_cannot_be_found_keep_their_times() -> None:
    words = [Word("antidisestablishmentarianism", 9.0, 9.1), Word("again", 9.1, 9.2), Word("—", 9.2, 9.3)]
    assert Aligner().aligned(words, SILENCE, offset=0.0) == words


def test_no_words_and_no_sound_are_no_trouble() -> None:
    aligner = Aligner()
    assert aligner.aligned([], SILENCE, offset=0.0) == []
    assert aligner.aligned([Word("hi", 0.0, 0.1)], SILENCE[:10], offset=0.0) == [Word("hi", 0.0, 0.1)]
    assert aligner.aligned([Word("日本", 0.0, 0.1)], SILENCE, offset=0.0) == [Word("日本", 0.0, 0.1)]


def test_words_without_a_dictionary_entry_are_learned() -> None:
    aligner = Aligner()
    better = aligner.aligned([Word("Zorblaxian", 0.5, 1.5)], SILENCE, offset=0.0)
    assert better[0].text == "Zorblaxian"
    assert 0.0 <= better[0].start < better[0].end <= 2.1
