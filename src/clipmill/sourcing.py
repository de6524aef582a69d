"""The stage ``download``: the source brought here, and what it is found out."""

from dataclasses import replace
from pathlib import Path

from clipmill.errors import SourceError
from clipmill.media.launcher import Tick
from clipmill.media.probe import probe
from clipmill.media.remux import UNWOUND
from clipmill.model import Listing, Media
from clipmill.studio import Studio, given_media, working_file
from clipmill.workspace import Workspace, file_stamp


def bring(studio: Studio, tick: Tick) -> bool:
    """Fetch the source where it is not here, and find out what it is; leaves ``media.json``."""
    if studio.job.address:
        fetch_source(studio, tick)
    return examine(studio)


def fetch_source(studio: Studio, tick: Tick) -> None:
    """Fetch the source and its captions from its address, unless they are here."""
    raise NotImplementedError


def known_listing(work: Workspace, address: str) -> Listing | None:
    """What the site said about the video, None where nobody asked."""
    return work.load(Listing, _listing_file(work), key=address) if address else None


def keep_listing(work: Workspace, address: str, listing: Listing) -> None:
    """Leave what the site says for the stages to come."""
    work.save(listing, _listing_file(work), key=address)


def _listing_file(work: Workspace) -> Path:
    return work.kept / "listing.json"


# --- what it is -------------------------------------------------------------------------------------


def examine(studio: Studio) -> bool:
    """Find out what the source is; False when that was known."""
    work, source = studio.work, studio.job.source
    if work.load(Media, _media_file(work), key=file_stamp(source)) is not None:
        return False
    work.remove(given_media(studio), work.copied_source)
    media = _probed(studio, source)
    if media.container in UNWOUND:
        work.save(media, given_media(studio), key=file_stamp(source))
        media = _of_copy(media, _probed(studio, working_file(studio)))
    work.save(media, _media_file(work), key=file_stamp(source))
    return True


def _probed(studio: Studio, file: Path) -> Media:
    return probe(file, cwd=studio.work.scratch("probe"), max_duration_s=studio.services.max_seconds)


def _of_copy(given: Media, copy: Media) -> Media:
    """The copy's streams and times, and all else of the source that was given."""
    lost = ("no-audio-stream",) if copy.audio is None else ()
    return replace(
        given,
        start=copy.start,
        duration=copy.duration,
        video=copy.video,
        audio=copy.audio,
        warnings=tuple(dict.fromkeys((*given.warnings, *lost))),
    )


def known_media(studio: Studio) -> Media:
    """The facts that the stage left."""
    media = studio.work.load(Media, _media_file(studio.work), key=file_stamp(studio.job.source))
    if media is None:
        raise SourceError("The source was changed while clipmill worked on it.", code="source-changed")
    return media


def media_of(work: Workspace) -> Media | None:
    """The facts of whatever source this folder's job has, None where they are not known yet."""
    return work.load(Media, _media_file(work), key=None)


def _media_file(work: Workspace) -> Path:
    return work.kept / "media.json"
