"""How right words are, and when they are said to begin: captions, a service, the local model, side by side.

The podcast of the recordings has the exact times of its words. Captions are made from it as people upload
them, in lines with times that are a little off, and as a site hears them, word for word without marks. The
service is a real one on loopback with the packaged English model.
"""

import json
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.speech import (
    FFMPEG,
    RATE,
    RECORDINGS,
    joined,
    listen,
    normal,
    recording_set,
    start_errors,
    word_errors,
)
from bench.stage import srt_time
from bench.table import Row
from clipmill.means import Means
from clipmill.media.site_captions import words_of_captions
from clipmill.media.speech import Listening
from clipmill.media.speech_api import Asking, SpeechService, transcribe_remotely
from clipmill.model import AudioStream, CaptionTrack, Listing, Recording, Span, Word
from clipmill.pipeline import run_task
from clipmill.plan import Options, read_plan
from clipmill.settings import read_settings
from clipmill.sharing import Anytime, NothingKept
from clipmill.studio import Job, Stage, Studio, Task
from clipmill.timing import known_words
from clipmill.wording import known_transcript
from clipmill.workspace import Workspace

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from speech_kit import listening

JITTER_S = 0.3
LINE, LINES = 42, 2
"""Letters of a line and lines of a caption, as they are uploaded."""

MOST_MEDIAN_S, MOST_S = 0.08, 0.2
SEED = 7


@dataclass(frozen=True, slots=True)
class Truth:
    """A recording, its length, and its words with their exact times."""

    sound: Path
    seconds: float
    words: tuple[Word, ...]


def measure(folder: Path) -> list[Row]:
    """All rows; none where the recordings are not at hand. ``folder`` is for what is made on the way."""
    if not RECORDINGS.is_dir():
        return []
    talk = podcast(folder)
    local = listen(talk.sound, talk.seconds, Listening(language="en"), folder).transcript.words
    with listening() as service:
        remote = ask(service, talk.sound, talk.seconds, folder)
        on_set = service_errors(service, folder)
    return [
        row_of("captions, uploaded", uploaded(talk, folder), talk.words),
        row_of("captions, automatic", automatic(local, talk, folder), talk.words),
        row_of("service", remote, talk.words),
        row_of("local model", local, talk.words, judged=True),
        *retimed_rows(talk, folder),
        Row("word errors on the set, service", f"{on_set:.1%}", "reported", True),
    ]


def podcast(folder: Path, *, most_s: float = 3600.0) -> Truth:
    """The talk with known times, its first ``most_s`` seconds; ``BENCH_SHARE`` shortens it."""
    known = RECORDINGS / "podcast"
    truth = json.loads((known / "podcast.json").read_text())
    share = min(1.0, max(0.2, float(os.environ.get("BENCH_SHARE", "1"))))
    seconds = min(most_s, round(share * truth["duration"], 1))
    words = (Word(w["word"], w["start"], w["end"]) for w in _written(truth) if w["end"] < seconds)
    sound = folder / "podcast.opus"
    arguments = ("-v", "error", "-y", "-i", str(known / "podcast.opus"), "-t", str(seconds), "-c", "copy")
    subprocess.run([FFMPEG, *arguments, str(sound)], check=True, stdin=subprocess.DEVNULL)
    return Truth(sound, seconds, tuple(words))


def _written(truth: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The words of the talk as its text writes them, with their marks, where the two agree."""
    texts = [word for turn in truth["turns"] for word in turn["text"].split()]
    same = len(texts) == len(truth["words"])
    for place, word in enumerate(truth["words"]):
        yield {**word, "word": texts[place] if same else word["word"]}


# --- captions -------------------------------------------------------------------------------------


def uploaded(talk: Truth, folder: Path) -> tuple[Word, ...]:
    """The words that are had from captions as a person uploads them."""
    return _had(talk, write_srt(talk, folder), automatic=False)


def write_srt(talk: Truth, folder: Path) -> Path:
    """The truth as captions of two lines whose times are up to 0.3 s off."""
    chance, rows = random.Random(SEED), []
    for number, cue in enumerate(cues(talk.words), 1):
        start = max(0.0, cue[0][0].start + chance.uniform(-JITTER_S, JITTER_S))
        end = max(start + 0.3, cue[-1][-1].end + chance.uniform(-JITTER_S, JITTER_S))
        text = "\n".join(" ".join(word.text for word in line) for line in cue)
        rows.append(f"{number}\n{srt_time(start)} --> {srt_time(end)}\n{text}\n")
    file = folder / "uploaded.srt"
    file.write_text("\n".join(rows), encoding="utf-8")
    return file


def cues(words: Sequence[Word]) -> Iterator[list[list[Word]]]:
    """Words in captions of at most two lines; a pause of more than a second ends one."""
    cue: list[list[Word]] = []
    last = None
    for word in words:
        if cue and last and word.start - last.end > 1.0:
            yield cue
            cue = []
        if not cue or len(" ".join(one.text for one in [*cue[-1], word])) > LINE:
            if len(cue) == LINES:
                yield cue
                cue = []
            cue.append([])
        cue[-1].append(word)
        last = word
    if cue:
        yield cue


def automatic(heard: Sequence[Word], talk: Truth, folder: Path) -> tuple[Word, ...]:
    """The words that are had from captions as a site makes them of what it ``heard``."""
    file = folder / "automatic.json3"
    file.write_text(json.dumps(json3(heard)))
    return _had(talk, file, automatic=True)


def json3(words: Sequence[Word]) -> dict[str, Any]:
    """Words as YouTube tells what it heard: small letters, no marks, eight to a line that scrolls."""
    events = []
    for first in range(0, len(words), 8):
        line = words[first : first + 8]
        begin = round(line[0].start * 1000)
        segs = [
            {
                "utf8": (" " if place else "") + word.text.strip(".,?!;:\"'").lower(),
                "tOffsetMs": round(word.start * 1000) - begin,
            }
            for place, word in enumerate(line)
        ]
        long = {"tStartMs": begin, "dDurationMs": round(line[-1].end * 1000) - begin}
        events += [
            {**long, "wWinId": 1, "segs": segs},
            {**long, "wWinId": 1, "aAppend": 1, "segs": [{"utf8": "\n"}]},
        ]
    return {"wireMagic": "pb3", "events": events}


def _had(talk: Truth, file: Path, *, automatic: bool) -> tuple[Word, ...]:
    track = CaptionTrack("en", automatic, file.suffix[1:], file.name)
    listing = Listing("", "", "", "talk", duration=talk.seconds, language="en", captions=(track,))
    found, why = words_of_captions(file.parent, listing, duration=talk.seconds, language="en")
    if found is None:
        raise RuntimeError(f"the captions {file.name} are not taken: {why}")
    return found.words


# --- the service ----------------------------------------------------------------------------------


def ask(service: SpeechService, sound: Path, seconds: float, folder: Path) -> tuple[Word, ...]:
    """The words that a service hears."""
    recording = Recording(0.0, seconds, AudioStream(0, "any", 1, RATE, "", 0.0))
    asking = Asking(service, "en", Anytime(), NothingKept(), lambda _: None)
    heard = transcribe_remotely(FFMPEG, sound, recording, asking=asking, cwd=folder, tick=lambda _: None)
    return heard.words


def service_errors(service: SpeechService, folder: Path) -> float:
    """Word error rate of a service over the set of recordings, heard as one file."""
    recordings = list(recording_set(RECORDINGS))
    sound, spans = joined(recordings, folder)
    heard = ask(service, sound, spans[-1].end, folder)
    wrong = total = 0
    for recording, span in zip(recordings, spans, strict=True):
        truth = normal(recording.text)
        said = " ".join(word.text for word in heard if span.start <= word.start < span.end)
        wrong, total = wrong + word_errors(truth, normal(said)), total + len(truth)
    return wrong / total


# --- words with better times ----------------------------------------------------------------------


def retimed_rows(talk: Truth, folder: Path) -> list[Row]:
    """Uploaded captions before and after the chosen moments were listened to: the words of these only."""
    studio = _studio(talk, folder)
    for stage in (Stage.DOWNLOAD, Stage.TRANSCRIBE, Stage.SCORE):
        run_task(Task(stage), studio)
    plan = read_plan(studio.work.path("plan.json"))
    spans = [plan.span_of(moment) for moment in plan.chosen_moments]
    before, after = known_transcript(studio).words, known_words(studio).words
    truth, who = inside(talk.words, spans), "captions, uploaded, chosen moments"
    return [
        row_of(f"{who}, as written", inside(before, spans), truth),
        row_of(f"{who}, after listening", inside(after, spans), truth, judged=True),
    ]


def _studio(talk: Truth, folder: Path) -> Studio:
    film, captions = make_film(talk, folder / "podcast.mp4"), write_srt(talk, folder)
    options = Options(count=6, least=15, most=40, transcript=str(captions))
    services = Means(read_settings()).services(lambda *_: None)
    work = folder / "retimed"
    work.mkdir()
    return Studio(Job(film, options), Workspace(work), services)


def inside(words: Sequence[Word], spans: Sequence[Span]) -> list[Word]:
    """The words that are said in the middle of one of these spans."""
    return [w for w in words if any(s.start < (w.start + w.end) / 2 < s.end for s in spans)]


def make_film(talk: Truth, target: Path) -> Path:
    """The talk as a small video."""
    picture = f"testsrc2=s=320x180:r=10:d={talk.seconds}"
    arguments = (
        *("-v", "error", "-y", "-f", "lavfi", "-i", picture, "-i", str(talk.sound), "-t", str(talk.seconds)),
        *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "40", "-g", "50", "-c:a", "aac", str(target)),
    )
    subprocess.run([FFMPEG, *arguments], check=True, stdin=subprocess.DEVNULL)
    return target


# --- rows -----------------------------------------------------------------------------------------


def row_of(who: str, words: Sequence[Word], truth: Sequence[Word], *, judged: bool = False) -> Row:
    """Word errors, and how far word starts are from the true ones; ``judged`` by the target for captions."""
    spoken = normal(" ".join(word.text for word in truth))
    wrong = word_errors(spoken, normal(" ".join(word.text for word in words))) / len(spoken)
    off = sorted(map(abs, start_errors(words, truth)))
    middle, most = statistics.median(off), off[int(len(off) * 0.95)]
    times = f"{wrong:.1%} wrong; starts {middle * 1000:.0f} ms, 95 % within {most * 1000:.0f} ms"
    target = f"<= {MOST_MEDIAN_S * 1000:.0f} ms, 95 % <= {MOST_S * 1000:.0f} ms" if judged else "reported"
    reached = not judged or (middle <= MOST_MEDIAN_S and most <= MOST_S)
    return Row(f"words of the podcast, {who}", times, target, reached)
