"""When the words of the best candidates were truly said, where captions only say so for whole lines.

``transcript.json`` never changes. Better times of its words are kept beside it in ``words.json``.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clipmill.clipfile import words_key
from clipmill.editing.choose import ESTIMATED, Choice, Wanted
from clipmill.editing.recut import recut, speech_of
from clipmill.editing.retime import retime
from clipmill.errors import MissingError, ToolError, UsageError
from clipmill.media.launcher import Tick
from clipmill.media.speech import hear_parts
from clipmill.model import Media, Span, Transcript
from clipmill.studio import Studio, working_file
from clipmill.wording import known_transcript
from clipmill.workspace import Workspace

AROUND = 2.0
"""Seconds that are heard before and after a moment: captions may be late, and a cut needs its neighbours."""

log = logging.getLogger(__name__)


def known_words(studio: Studio) -> Transcript:
    """The words that clips are cut and captioned by: the transcript, with the times of ``words.json``."""
    transcript = known_transcript(studio)
    return _kept(studio.work, transcript) or transcript


def keep_words(studio: Studio, words: Transcript) -> None:
    """Leave the times of ``words`` for those of the transcript, unless they are not as many."""
    transcript = known_transcript(studio)
    if len(words.words) != len(transcript.words):
        return
    pairs = zip(transcript.words, words.words, strict=True)
    timed = tuple(replace(word, start=better.start, end=better.end) for word, better in pairs)
    whole = replace(transcript, words=timed, warnings=words.warnings)
    studio.work.save(whole, studio.work.path("words.json"), key=words_key(transcript))


def words_beside(transcript: Path) -> Path:
    """Where the better times of a transcript's words are: ``words.json`` for ``transcript.json``."""
    return transcript.with_name(transcript.name.replace("transcript", "words"))


def refine(
    studio: Studio, media: Media, transcript: Transcript, choice: Choice, *, wanted: Wanted, tick: Tick
) -> tuple[Choice, Transcript]:
    """The choice cut by the times at which its words are heard, and the words; leaves ``words.json``.

    Both are as they were where every word has its time, where there is no sound, and where it cannot be
    heard: ``word-times-estimated`` then stays in the transcript's warnings.
    """
    parts = _parts(speech_of(choice, transcript, wanted=wanted), media.duration)
    if ESTIMATED not in transcript.warnings or media.audio is None or not parts:
        studio.work.remove(studio.work.path("words.json"))
        return choice, transcript
    heard = _heard(studio, media, transcript, parts, tick)
    words = _retimed(transcript, heard, parts, media.duration) if heard else transcript
    if words.words == transcript.words:
        studio.work.remove(studio.work.path("words.json"))
        return choice, transcript
    keep_words(studio, words)
    return recut(choice, transcript, words.words, wanted=wanted), words


def _kept(work: Workspace, transcript: Transcript) -> Transcript | None:
    """The words with better times that were found for this transcript."""
    return work.load(Transcript, work.path("words.json"), key=words_key(transcript))


def _parts(speech: Sequence[Span], duration: float) -> tuple[Span, ...]:
    """The spans with what is around them, in order of time, none overlapping."""
    parts: list[Span] = []
    for span in sorted(speech, key=lambda span: span.start):
        start, end = max(0.0, span.start - AROUND), min(duration, span.end + AROUND)
        if parts and start <= parts[-1].end:
            parts[-1] = Span(parts[-1].start, max(end, parts[-1].end))
        elif start < end:
            parts.append(Span(start, end))
    return tuple(parts)


def _heard(
    studio: Studio, media: Media, transcript: Transcript, parts: Sequence[Span], tick: Tick
) -> Transcript | None:
    """What the local model hears in these parts, once for each choice; None where it cannot."""
    language = transcript.language or studio.job.options.language
    listening = replace(studio.services.listening, model=studio.job.options.model, language=language)
    file = studio.work.kept / "heard.json"
    key = f"{media.sha256} {listening.model} {language} {parts}"
    known = studio.work.load(Transcript, file, key=key)
    if known:
        return known
    source, cwd = working_file(studio), studio.work.scratch("hear-parts")
    try:
        heard = hear_parts(
            studio.services.ffmpeg, source, media, parts, listening=listening, cwd=cwd, tick=tick
        )
    except (MissingError, ToolError, UsageError) as error:
        log.warning("The times of words stay estimated, as they cannot be heard: %s", error)
        return None
    if heard.words:
        studio.work.save(heard, file, key=key)
    return heard


def _retimed(transcript: Transcript, heard: Transcript, parts: Sequence[Span], duration: float) -> Transcript:
    """The transcript at the times that were heard; without the warning where all parts were."""
    found = retime(transcript.words, heard.words, parts, duration=duration)
    log.info("Of the words around the moments, these shares were heard: %s", found.heard)
    left = tuple(name for name in transcript.warnings if name != ESTIMATED or not found.good)
    return replace(transcript, words=found.words, warnings=left)
