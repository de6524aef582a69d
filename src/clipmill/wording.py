"""The stage ``transcribe``: the words of the source, from wherever they are had most cheaply."""

from dataclasses import replace
from pathlib import Path

from clipmill.errors import SourceError
from clipmill.media.captions import read_transcript
from clipmill.media.launcher import Tick
from clipmill.media.speech import transcribe
from clipmill.model import Media, Transcript
from clipmill.plan import Options
from clipmill.sourcing import known_media
from clipmill.studio import Studio, working_file
from clipmill.workspace import file_stamp


def find_words(studio: Studio, tick: Tick) -> bool:
    """Find the words; leaves ``transcript.json``."""
    media = known_media(studio)
    key = _transcript_key(studio.job.options, media)
    if studio.work.load(Transcript, studio.work.path("transcript.json"), key=key) is not None:
        return False
    keep_transcript(studio, _words(studio, media, tick))
    return True


def known_transcript(studio: Studio) -> Transcript:
    """The words that the stage left."""
    key = _transcript_key(studio.job.options, known_media(studio))
    transcript = studio.work.load(Transcript, studio.work.path("transcript.json"), key=key)
    if transcript is None:
        raise SourceError(
            "The transcript was changed while clipmill worked on it: pass it with --transcript instead.",
            code="transcript-changed",
        )
    return transcript


def keep_transcript(studio: Studio, transcript: Transcript) -> None:
    """Leave words that were found elsewhere."""
    key = _transcript_key(studio.job.options, known_media(studio))
    studio.work.save(transcript, studio.work.path("transcript.json"), key=key)


def _words(studio: Studio, media: Media, tick: Tick) -> Transcript:
    options = studio.job.options
    if options.transcript:
        return read_transcript(Path(options.transcript), duration=media.duration)
    if media.audio is None:
        return Transcript(options.language, 0.0, media.duration, (), "nobody")
    return hear(studio, media, tick)


def hear(studio: Studio, media: Media, tick: Tick) -> Transcript:
    """Listen to the sound."""
    options = studio.job.options
    listening = replace(studio.services.listening, model=options.model, language=options.language)
    cwd = studio.work.scratch("hear")
    studio.services.shared.listening.take()
    return transcribe(
        studio.services.ffmpeg, working_file(studio), media, listening=listening, cwd=cwd, tick=tick
    )


def _transcript_key(options: Options, media: Media) -> str:
    asked = (options.model, options.language, options.transcriber)
    return " ".join((media.sha256, *asked, _given_words(options)))


def _given_words(options: Options) -> str:
    """A name for the transcript that was given; a plan is rendered after that file is gone, too."""
    try:
        return file_stamp(Path(options.transcript)) if options.transcript else ""
    except SourceError:
        return options.transcript
