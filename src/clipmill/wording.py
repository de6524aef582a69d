"""The stage ``transcribe``: the words of the source, from wherever they are had most cheaply."""

from pathlib import Path

from clipmill.errors import SourceError
from clipmill.listening import Found, hear
from clipmill.media.captions import read_transcript
from clipmill.media.launcher import Tick
from clipmill.media.site_captions import words_of_captions
from clipmill.model import Listing, Media, Transcript
from clipmill.plan import Options
from clipmill.sourcing import known_listing, known_media, listing_of, media_of
from clipmill.studio import Studio
from clipmill.workspace import Workspace, file_stamp


def find_words(studio: Studio, tick: Tick) -> bool:
    """Find the words; leaves ``transcript.json``. False when they were known, here or from another job.

    Raises SourceError ``captions-not-usable`` where only the site's captions were asked for and they will not
    do, and what ``listening.hear`` raises.
    """
    media = known_media(studio)
    key = _transcript_key(studio.job.options, media)
    if studio.work.load(Transcript, studio.work.path("transcript.json"), key=key) is not None:
        return False
    found = _words(studio, media, tick)
    keep_transcript(studio, found.transcript)
    return found.anew


def words_at_hand(work: Workspace, options: Options) -> bool:
    """Whether nobody need listen: the words were given, there is no sound, or the site's captions will do."""
    media, listing = media_of(work), listing_of(work)
    if options.transcript or media is None or media.audio is None:
        return True
    if listing is None or options.transcriber not in ("auto", "captions"):
        return False
    folder, language = work.captions, options.language
    return words_of_captions(folder, listing, duration=media.duration, language=language)[0] is not None


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


def _words(studio: Studio, media: Media, tick: Tick) -> Found:
    """The words, from the first of those who may have them: a file, nobody, the site, an ear."""
    options = studio.job.options
    if options.transcript:
        return Found(read_transcript(Path(options.transcript), duration=media.duration), anew=True)
    if media.audio is None:
        return Found(Transcript(options.language, 0.0, media.duration, (), "nobody"), anew=True)
    words = _site_words(studio, media) if options.transcriber in ("auto", "captions") else None
    return Found(words, anew=True) if words else hear(studio, media, tick)


# --- captions of the site ---------------------------------------------------------------------------


def _site_words(studio: Studio, media: Media) -> Transcript | None:
    """The words of the site's captions, None where they will not do and others may be asked."""
    words, why = _captions(studio, known_listing(studio.work, studio.job.address), media)
    if words is None and studio.job.options.transcriber == "captions":
        raise SourceError(
            f"{why} Let the sound be heard instead: use another --transcriber, or none.",
            code="captions-not-usable",
        )
    return words


def _captions(studio: Studio, listing: Listing | None, media: Media) -> tuple[Transcript | None, str]:
    """The words of the site's captions, or why they will not do."""
    if listing is None:
        return None, "Only a video that comes from an address has captions of a site."
    folder, language = studio.work.captions, studio.job.options.language
    return words_of_captions(folder, listing, duration=media.duration, language=language)


# --- which transcript it is -------------------------------------------------------------------------


def _transcript_key(options: Options, media: Media) -> str:
    asked = (options.model, options.language, options.transcriber)
    return " ".join((media.sha256, *asked, _given_words(options)))


def _given_words(options: Options) -> str:
    """A name for the transcript that was given; a plan is rendered after that file is gone, too."""
    try:
        return file_stamp(Path(options.transcript)) if options.transcript else ""
    except SourceError:
        return options.transcript
