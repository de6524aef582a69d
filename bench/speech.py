"""What hearing costs and how well it hears: ``python -m bench.run speech`` (needs the shared recordings)."""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg

from bench.places import DATA
from bench.table import Row
from clipmill.editing.spelling import spoken
from clipmill.media.decode import sound_to
from clipmill.media.launcher import Command, Limits, Profile, launch
from clipmill.media.speech import Listening, find_models, question, transcript_of
from clipmill.model import AudioStream, Media, Span, Transcript, VideoStream, Word

FFMPEG = Path(imageio_ffmpeg.get_ffmpeg_exe())
RECORDINGS = DATA / "speech"
RATE = 16_000
GAP_S = 3.0
"""Seconds of silence between two recordings of the set, so that none is heard with its neighbour."""

SHORT = {
    "n't": " not", "'re": " are", "'ve": " have", "'ll": " will", "'d": " would", "'m": " am",
    "let's": "let us", "it's": "it is", "that's": "that is", "he's": "he is", "she's": "she is",
    "what's": "what is", "there's": "there is", "here's": "here is", "who's": "who is",
}  # fmt: skip
"""Contractions spelled out, as Whisper's English normaliser does."""

FILLERS = {"hmm", "mm", "mhm", "mmm", "uh", "um"}
"""Sounds that Whisper's English normaliser leaves out."""

ALIKE = {"mister": "mr", "missus": "mrs", "doctor": "dr", "o": "oh", "okay": "ok"}


@dataclass(frozen=True, slots=True)
class Recording:
    """One file of the set with what is said in it."""

    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A transcript and the CPU seconds of all children that it took, decoding included."""

    transcript: Transcript
    cpu_s: float


def measure() -> list[Row]:
    """Cost, word errors and word times; none where the recordings are not at hand."""
    folder = RECORDINGS
    if not folder.is_dir():
        return []
    with tempfile.TemporaryDirectory() as work:
        cwd = Path(work)
        talk = folder / "podcast" / "podcast.opus"
        truth = json.loads((folder / "podcast" / "podcast.json").read_text())
        english = listen(talk, truth["duration"], Listening(), cwd)
        other = listen(talk, truth["duration"], Listening(model="base", language="en"), cwd)
        errors = set_errors(folder, cwd)
    cost, dear = english.cpu_s / truth["duration"], other.cpu_s / truth["duration"]
    return [
        Row("hearing English, CPU-s per second of sound", f"{cost:.3f}", "<= 0.060", cost <= 0.06),
        Row("hearing with base, CPU-s per second of sound", f"{dear:.3f}", "<= 0.130", dear <= 0.13),
        Row("word errors on the set", f"{errors:.1%}", "<= 6.5 %", errors <= 0.065),
        *time_rows(english.transcript.words, [Word(w["word"], w["start"], w["end"]) for w in truth["words"]]),
    ]


def time_rows(heard: Sequence[Word], truth: Sequence[Word]) -> list[Row]:
    """How far word starts are from known ones."""
    off = start_errors(heard, truth)
    middle = statistics.median(map(abs, off))
    most = sorted(map(abs, off))[int(len(off) * 0.95)]
    late = sum(one > 0.08 for one in off) / len(off)
    return [
        Row("word start, median error", f"{middle * 1000:.0f} ms", "<= 80 ms", middle <= 0.08),
        Row("word start, 95 % within", f"{most * 1000:.0f} ms", "<= 200 ms", most <= 0.2),
        Row("words more than 80 ms late", f"{late:.1%}", "<= 10 %", late <= 0.1),
        Row("word start, median with its sign", f"{statistics.median(off) * 1000:+.0f} ms", "", True),
    ]


def start_errors(heard: Sequence[Word], truth: Sequence[Word]) -> list[float]:
    """Seconds by which each word that was understood starts late."""
    ours = [" ".join(spoken(word.text)) for word in heard]
    theirs = [" ".join(spoken(word.text)) for word in truth]
    blocks = SequenceMatcher(None, theirs, ours, autojunk=False).get_matching_blocks()
    return [heard[b + i].start - truth[a + i].start for a, b, size in blocks for i in range(size)]


def set_errors(folder: Path, cwd: Path) -> float:
    """Word error rate over all recordings of the set, heard as one file with silences between them."""
    recordings = list(recording_set(folder))
    sound, spans = joined(recordings, cwd)
    heard = listen(sound, spans[-1].end, Listening(language="en"), cwd).transcript.words
    wrong = total = 0
    for recording, span in zip(recordings, spans, strict=True):
        said = " ".join(word.text for word in heard if span.start <= word.start < span.end)
        truth = normal(recording.text)
        mistakes = word_errors(truth, normal(said))
        if os.environ.get("BENCH_VERBOSE"):
            print(f"{recording.path.name} {mistakes}/{len(truth)}", file=sys.stderr)
        wrong, total = wrong + mistakes, total + len(truth)
    return wrong / total


def recording_set(folder: Path) -> Iterator[Recording]:
    """Real recordings with known text: readings, prepared speech, sonnets, a phone call, an address."""
    for line in (folder / "ljspeech" / "transcripts.txt").read_text().splitlines():
        name, _, text = line.partition("|")
        yield Recording(folder / "ljspeech" / f"{name}.flac", text)
    for line in (folder / "azure" / "transcripts.tsv").read_text().splitlines():
        name, _, text = line.partition("\t")
        yield Recording(folder / "azure" / name, text)
    for line in (folder / "pocketsphinx" / "transcription").read_text().splitlines():
        found = re.fullmatch(r"<s> (.*) </s> \((.*)\)", line.strip())
        if found:
            yield Recording(folder / "pocketsphinx" / f"{found[2]}.flac", found[1])
    for number in (1, 2, 3):
        lines = (folder / "sonnets" / f"sonnet00{number}.txt").read_text().splitlines()
        text = " ".join(line.partition("|")[2] for line in lines if line.strip())
        yield Recording(folder / "sonnets" / f"p00{number}.mp3", text)
    lines = (folder / "pyannote" / "sample.stm").read_text().splitlines()
    yield Recording(folder / "pyannote" / "sample.flac", " ".join(line.split(None, 5)[5] for line in lines))
    yield Recording(folder / "jfk" / "jfk.flac", (folder / "jfk" / "jfk.txt").read_text())


def joined(recordings: Sequence[Recording], cwd: Path) -> tuple[Path, list[Span]]:
    """One WAV file of all recordings, and where each of them is."""
    path, spans, place = cwd / "set.wav", [], 0
    with wave.open(str(path), "wb") as whole:
        whole.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
        for recording in recordings:
            argv = [str(FFMPEG), "-v", "error", "-i", str(recording.path), "-ac", "1", "-ar", str(RATE)]
            sound = subprocess.run([*argv, "-f", "s16le", "-"], check=True, stdout=subprocess.PIPE).stdout
            whole.writeframes(sound + bytes(2 * int(GAP_S * RATE)))
            after = place + len(sound) // 2 + int(GAP_S * RATE)
            spans.append(Span(place / RATE, after / RATE))
            place = after
    return path, spans


def normal(text: str) -> list[str]:
    """The words of a text as spoken, contractions spelled out, without fillers."""
    text = re.sub(r"[-–—/]", " ", text.lower().replace("’", "'"))
    for short, long in SHORT.items():
        text = re.sub(rf"{short}\b", long, text)
    words = (word for piece in text.split() for word in spoken(piece))
    return [ALIKE.get(word, word) for word in words if word not in FILLERS]


def word_errors(truth: Sequence[str], heard: Sequence[str]) -> int:
    """The fewest words to change, drop or add (Levenshtein's distance over words)."""
    row = list(range(len(heard) + 1))
    for place, word in enumerate(truth, 1):
        above, row = row, [place]
        for at, other in enumerate(heard, 1):
            row.append(min(above[at] + 1, row[at - 1] + 1, above[at - 1] + (word != other)))
    return row[-1]


def listen(source: Path, seconds: float, listening: Listening, cwd: Path) -> Heard:
    """The transcript as ``clipmill.media.speech`` makes it, and what its two children cost."""
    media, span = _sound(source, seconds), Span(0.0, seconds)
    models = find_models(listening)
    request = json.dumps(question(listening, models, seconds))
    argv = (sys.executable, "-P", "-m", "clipmill.inside.speech", request)
    reads = tuple(folder for one in models.values() for folder in one.folders)
    limits = Limits(wall_s=3600, cpu_s=3600)
    command = Command("speech", argv, cwd, profile=Profile.ML, reads=reads, limits=limits)
    read, write = os.pipe()
    sound = sound_to(FFMPEG, source, media, cwd=cwd, stdout=write)
    os.close(write)
    with sound, launch(command, stdin=read) as child:
        os.close(read)
        assert child.stdout is not None
        answer = json.loads(child.stdout.read().splitlines()[-1])["result"]
        child.wait()
        sound.wait()
    return Heard(transcript_of(answer, media, span), child.cpu_s + sound.cpu_s)


def _sound(source: Path, seconds: float) -> Media:
    video = VideoStream(
        0, "none", 2, 2, 2, 2, 0, Fraction(1), Fraction(25), False, False, None, "yuv420p", 0.0
    )
    audio = AudioStream(0, "any", 1, RATE, "", 0.0)
    return Media(source.name, source.stat().st_size, "", "any", 0.0, seconds, video, audio)
