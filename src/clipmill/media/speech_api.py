"""What was said in a source, heard by a remote service that speaks OpenAI's transcription API."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from clipmill.editing.heard import Heard, NotHeard, read_answer
from clipmill.editing.joining import join_pieces
from clipmill.editing.languages import language_code
from clipmill.editing.words import settle, without_loops
from clipmill.errors import OutageError, RemoteError, ToolError
from clipmill.media.launcher import Tick
from clipmill.media.pieces import FORMS, Piece, Sound, longest_piece, survey, write_piece
from clipmill.media.speech_call import Call, ask_service
from clipmill.media.speech_memory import Memory, Waiting
from clipmill.media.speech_service import NotSo, TooLarge, Trouble, refused
from clipmill.media.speech_service import SpeechService as SpeechService
from clipmill.model import Media, Recording, Transcript
from clipmill.sharing import Keep, Turns

FIRST_FORM, LAST_FORM = next(iter(FORMS)), next(reversed(FORMS))

SMALLER, SMALLEST_S = 4.0, 10.0
"""A service that found a piece too large gets pieces of this part of it, but no smaller ones."""

SURVEY_SHARE = 0.1
"""The share of the work that it is to find out where to cut."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How to ask a service: in which language (empty to let it find out), when, and what becomes of it.

    ``pieces`` keeps what was answered so far, so that nothing is asked twice; ``spend`` is told the US
    dollars of each answer.
    """

    service: SpeechService
    language: str
    turns: Turns
    pieces: Keep
    spend: Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Course:
    """How a source goes to the service: its pieces, the form of the files, and what is asked of them.

    ``exact`` asks for the times of words. ``shrunk`` says that pieces were too large once.
    """

    pieces: tuple[Piece, ...]
    form: str = FIRST_FORM
    exact: bool = True
    shrunk: bool = False


def transcribe_remotely(
    ffmpeg: Path, source: Path, media: Media | Recording, *, asking: Asking, cwd: Path, tick: Tick
) -> Transcript:
    """All words of ``source`` with times in its seconds. Files are made in ``cwd``.

    The sound goes in pieces; what was answered is kept, so coming again costs nothing. Warnings are
    ``no-speech``, ``no-audio-stream`` and ``word-times-estimated`` (the service only timed segments). Raises
    BusyError ``rate-limited`` or ``service-resting`` (come again), OutageError ``speech-service-down`` when
    the service's patience is used up, RemoteError for what will not pass: ``speech-key-wrong``,
    ``speech-model-unknown``, ``speech-quota-used-up``, ``speech-refused``, ``speech-too-large``,
    ``speech-no-times``.
    """
    if media.audio is None:
        return Transcript("", 0.0, media.duration, (), "nobody", ("no-audio-stream",))
    errand = _Errand(Sound(ffmpeg, source, media, cwd), asking, tick)
    course = errand.begin()
    heard: list[Heard] = []
    while len(heard) < len(course.pieces):
        piece = course.pieces[len(heard)]
        try:
            heard.append(errand.heard(course, piece))
        except TooLarge:
            course = errand.with_smaller_pieces(course, piece)
        except NotSo as error:
            course = errand.in_another_way(course, error)
    return _transcript(asking, media, course, heard)


class _Errand:
    """One source on its way to the service."""

    def __init__(self, sound: Sound, asking: Asking, tick: Tick) -> None:
        service = asking.service
        self._sound = sound
        self._asking = asking
        self._tick = tick
        self._language = language_code(asking.language) or asking.language
        self._longest_s = longest_piece(service.most_mb)
        name = f"{_identity(sound)} {self._longest_s} {service.url} {service.model}"
        self._memory = Memory(asking.pieces, name)
        self._waiting = Waiting(service, self._memory)

    # --- the course ---

    def begin(self) -> Course:
        """The course that was found last time, else a new one."""
        return self._memory.recall("course", Course) or self._go(Course(self._pieces(self._longest_s)))

    def with_smaller_pieces(self, course: Course, piece: Piece) -> Course:
        """The same, but all from ``piece`` on in smaller pieces; raises RemoteError the second time."""
        longest_s = max(SMALLEST_S, piece.span.length / SMALLER)
        if course.shrunk or piece.span.length <= longest_s:
            raise RemoteError(
                f"The speech service at {self._asking.service.host} takes no file as large as"
                f" {piece.span.length:.0f} s of sound: lower CLIPMILL_SPEECH_MB.",
                code="speech-too-large",
            )
        done = course.pieces[: course.pieces.index(piece)]
        rest = self._pieces(longest_s, after=piece.span.start)
        return self._go(replace(course, pieces=(*done, *rest), shrunk=True))

    def in_another_way(self, course: Course, refusal: NotSo) -> Course:
        """The same asked in another way after the service refused; raises RemoteError after the last.

        Some do not know times of words, some do not know the form of the file.
        """
        if course.exact and not refusal.about_file:
            return self._go(replace(course, exact=False))
        if course.form != LAST_FORM:
            return self._go(replace(course, form=LAST_FORM, exact=True))
        raise refused(self._asking.service, refusal.words)

    def _pieces(self, longest_s: float, *, after: float = 0.0) -> tuple[Piece, ...]:
        found = survey(self._sound, tick=lambda share: self._tick(SURVEY_SHARE * share))
        return found.pieces(longest_s=longest_s, after=after)

    def _go(self, course: Course) -> Course:
        self._memory.remember("course", course)
        return course

    # --- a piece ---

    def heard(self, course: Course, piece: Piece) -> Heard:
        """What was said in a piece, as it was answered before or is answered now."""
        service = self._asking.service
        asked = f"{piece.sha256} {service.url} {service.model} {self._language}"
        key = hashlib.sha256(asked.encode()).hexdigest()
        kept = self._asking.pieces.find(f"speech piece {key}")
        if kept is not None:
            return _read(self._asking.service, json.loads(kept), piece)
        answer, heard = self._ask(course, piece, key)
        try:
            self._pay(piece.span.length / 60)
        finally:
            self._asking.pieces.put(f"speech piece {key}", json.dumps(answer).encode())
        return heard

    def _pay(self, minutes: float) -> None:
        if self._asking.service.usd_a_minute:
            self._asking.spend(minutes * self._asking.service.usd_a_minute)

    def _ask(self, course: Course, piece: Piece, key: str) -> tuple[Any, Heard]:
        """The answer for a piece, as it came and as it is understood."""
        turns = self._asking.turns
        self._waiting.turn(turns.look)
        call = self._call(course, piece, key)
        try:
            answered = self._answered(call, piece)
        except Trouble as trouble:
            turns.went_wrong(trouble.retry_after)
            raise self._waiting.trouble(trouble.why, trouble.retry_after or 0.0) from None
        except OutageError:  # it rests for longer than we wait: it was not asked
            raise
        except (TooLarge, NotSo, RemoteError):
            turns.went_well()
            raise
        turns.went_well()
        self._waiting.over()
        return answered

    def _call(self, course: Course, piece: Piece, key: str) -> Call:
        file = self._file(piece, course.form)
        if file.stat().st_size > self._asking.service.most_mb * 1e6:
            raise TooLarge
        return Call(file, piece.span.length, _call_key(key, course), self._language, course.exact)

    def _file(self, piece: Piece, form: str) -> Path:
        """The piece as a file; in a form that every ffmpeg can write where this one cannot write ``form``."""
        write = partial(write_piece, self._sound, piece, tick=partial(self._stand, piece))
        try:
            return write(form)
        except ToolError as error:
            if "Unknown encoder" not in error.detail:
                raise
        return write(LAST_FORM)

    def _answered(self, call: Call, piece: Piece) -> tuple[Any, Heard]:
        service, take = self._asking.service, self._asking.turns.take
        begin = partial(self._waiting.turn, take)
        answer = ask_service(service, call, begin=begin, tick=partial(self._stand, piece))
        return answer, _read(service, answer, piece)

    def _stand(self, piece: Piece, _: float) -> None:
        done = piece.span.start / max(piece.span.end, self._sound.media.duration)
        self._tick(SURVEY_SHARE + (1 - SURVEY_SHARE) * done)


def _read(service: SpeechService, answer: Any, piece: Piece) -> Heard:
    try:
        return read_answer(answer, seconds=piece.span.length)
    except NotHeard:
        raise RemoteError(
            f"The speech service at {service.host} tells what was said, but not when: choose a model that"
            " gives times (CLIPMILL_SPEECH_MODEL).",
            code="speech-no-times",
        ) from None
    except ValueError as error:
        raise Trouble(f"its answer is none ({error})") from None


def _identity(sound: Sound) -> str:
    """A name for what is listened to."""
    media = sound.media
    if isinstance(media, Media):
        return f"{media.sha256} {media.audio.index if media.audio else ''}"
    facts = sound.source.stat()
    return f"{sound.source.absolute()} {facts.st_size} {facts.st_mtime_ns}"


def _call_key(key: str, course: Course) -> str:
    """The key of a call: that of the piece, but another one when it is asked in another way."""
    if course.exact and course.form == FIRST_FORM:
        return key
    return hashlib.sha256(f"{key} {course.form} {course.exact}".encode()).hexdigest()


def _transcript(asking: Asking, media: Media | Recording, course: Course, heard: list[Heard]) -> Transcript:
    pieces = []
    for piece, one in zip(course.pieces, heard, strict=True):
        first = piece.span.start
        words = [replace(word, start=word.start + first, end=word.end + first) for word in one.words]
        pieces.append((piece.span, words))
    joined = without_loops(settle(join_pieces(pieces), duration=media.duration))
    exact = all(one.exact for one in heard)
    warnings = ("no-speech",) if not joined else () if exact else ("word-times-estimated",)
    language = language_code(asking.language) or asking.language or _language(heard)
    by = f"service {asking.service.model}"
    return Transcript(language, 1.0 if language else 0.0, media.duration, joined, by, warnings)


def _language(heard: list[Heard]) -> str:
    """The language that most words were heard in."""
    counts: dict[str, int] = {}
    for one in heard:
        counts[one.language] = counts.get(one.language, 0) + len(one.words)
    return max(counts, key=lambda name: counts[name], default="")
