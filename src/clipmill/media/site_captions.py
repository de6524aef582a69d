"""A transcript from the captions that a site has for its video, where they are good enough."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from clipmill.editing.caption_check import check_captions
from clipmill.editing.words import settle
from clipmill.errors import SourceError
from clipmill.media.captions import read_words
from clipmill.model import CaptionTrack, Listing, Transcript, Word

MOST_TRACKS = 8
"""Tracks that are read; a site has one or two in the language that is spoken."""

OTHER_CODES = {"iw": "he", "in": "id", "ji": "yi", "fil": "tl", "nb": "no", "cmn": "zh"}
"""Codes that sites still use for languages that have others now."""

UNNAMED = ("", "und", "mul", "mis")
"""What stands where a language should."""

ESTIMATED = "word-times-estimated"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Read:
    """A track with its words; ``exact`` says that each has a time of its own, ``why`` why it is no good."""

    track: CaptionTrack
    words: tuple[Word, ...] = ()
    exact: bool = False
    why: str = ""


def words_of_captions(
    folder: Path, listing: Listing, *, duration: float, language: str
) -> tuple[Transcript | None, str]:
    """The transcript of the best captions in ``folder`` that are good enough, else None and a reason.

    ``language`` is the one that is spoken; empty means what the site says. Captions in any other are not
    used. What people uploaded comes before what the site heard, and then what has times for every word.
    ``duration`` is of the source in seconds. The warning ``word-times-estimated`` says that only lines had
    times.
    """
    if not listing.captions:
        return None, "The site has no captions for this video."
    spoken = language or spoken_language(listing)
    if not spoken:
        return None, "The site does not say which language is spoken, so its captions may be translations."
    tracks = [track for track in listing.captions if _is_spoken(track, spoken, listing)]
    if not tracks:
        had = ", ".join(dict.fromkeys(track.language for track in listing.captions))
        return None, f"The site has no captions in the language that is spoken ({spoken}), only {had}."
    read = [_read(folder, track, duration) for track in tracks[:MOST_TRACKS]]
    good = sorted((one for one in read if not one.why), key=lambda one: (one.track.automatic, not one.exact))
    if good:
        return _transcript(good[0], spoken, duration), ""
    whys = "; ".join(dict.fromkeys(one.why for one in read))
    return None, f"The site's captions are not good enough: {whys}."


def spoken_language(listing: Listing) -> str:
    """The language of a video, as the site says it or as its own recogniser heard it; empty if unsure."""
    if listing.language:
        return listing.language
    heard = {_base(track.language) for track in listing.captions if track.automatic}
    written = {_base(track.language) for track in listing.captions if not track.automatic}
    for known in (heard.difference(UNNAMED), written):
        if known and not known & {*UNNAMED}:
            return known.pop() if len(known) == 1 else ""
    return ""


def _base(language: str) -> str:
    """``en`` for ``en-US``, ``en_GB`` and ``en-orig``."""
    code = language.lower().replace("_", "-").partition("-")[0]
    return OTHER_CODES.get(code, code)


def _is_spoken(track: CaptionTrack, spoken: str, listing: Listing) -> bool:
    """Whether a track is what was said; automatic ones in another language are translations.

    One without a language is believed when people uploaded no other.
    """
    if _base(track.language) in UNNAMED:
        return not track.automatic and sum(not other.automatic for other in listing.captions) == 1
    translated = track.automatic and listing.language and _base(track.language) != _base(listing.language)
    return _base(track.language) == _base(spoken) and not translated


def _read(folder: Path, track: CaptionTrack, duration: float) -> _Read:
    """A track read and judged."""
    try:
        words, exact, _ = read_words(folder / Path(track.file).name)
    except SourceError as error:
        log.info("Captions are not used: %s", error)
        return _Read(track, why="a file of them cannot be read")
    settled = settle(words, duration=duration)
    verdict = check_captions(words, duration=duration)
    return _Read(track, settled, exact, verdict.why if settled or verdict.why else "they hold no words")


def _transcript(read: _Read, spoken: str, duration: float) -> Transcript:
    language = spoken if _base(read.track.language) in UNNAMED else read.track.language
    by = name_of(replace(read.track, language=language))
    warnings = () if read.exact else (ESTIMATED,)
    return Transcript(_base(language), 1.0, duration, read.words, by, warnings)


def name_of(track: CaptionTrack) -> str:
    """Who is said to have heard the words: ``captions en``, ``captions en (automatic)``."""
    language = track.language.removesuffix("-orig")
    return f"captions {language} (automatic)" if track.automatic else f"captions {language}"
