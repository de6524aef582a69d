"""The hearing child's own decisions."""

import io
import tracemalloc

import numpy as np
import pytest

from clipmill.errors import MissingError, UsageError
from clipmill.inside.speech import RATE, WINDOW, choose_device, plain_code, windows


def test_a_graphics_card_is_used_when_there_is_one() -> None:
    assert choose_device("auto", 1).name == "cuda"
    assert choose_device("auto", 0).numbers == "int8"
    assert choose_device("cpu", 1).name == "cpu"
    with pytest.raises(MissingError) as caught:
        choose_device("cuda", 0)
    assert caught.value.code == "gpu-not-found"


def test_language_codes_lose_their_country() -> None:
    assert [plain_code(code) for code in ("en-US", "PT_br", "de", "")] == ["en", "pt", "de", ""]
    with pytest.raises(UsageError) as caught:
        plain_code("klingon")
    assert caught.value.code == "language-unknown"


def test_no_sound_is_one_empty_window() -> None:
    (window,) = windows(io.BytesIO(b"\x00"))
    assert (window[0], len(window[1]), window[2]) == (0.0, 0, [])


def test_long_sound_is_taken_in_windows_that_lose_no_sample() -> None:
    sound = np.arange(int((WINDOW + 7.5) * RATE), dtype=np.int32).astype(np.int16)
    found = list(windows(io.BytesIO(sound.tobytes())))
    assert [offset for offset, _, _ in found] == [0.0, float(WINDOW)]
    assert np.array_equal(np.concatenate([raw for _, raw, _ in found]), sound)


class _Endless(io.RawIOBase):
    """Silence of a given length that never lies in memory."""

    def __init__(self, seconds: float) -> None:
        self.left = int(seconds * RATE) * 2

    def read(self, size: int = -1) -> bytes:
        size = min(size, self.left)
        self.left -= size
        return bytes(size)


def test_memory_does_not_grow_with_the_sound() -> None:
    peaks = []
    for seconds in (WINDOW * 2.2, WINDOW * 3.5):
        tracemalloc.start()
        for _ in windows(_Endless(seconds)):  # type: ignore[arg-type]
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.1
