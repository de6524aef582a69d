"""The stage ``download``: the source brought here, and what it is found out."""

import shutil
from dataclasses import replace
from pathlib import Path

from clipmill.errors import SourceError
from clipmill.media.fetch import CAPTIONS, fetch, list_videos, look_up
from clipmill.media.launcher import Tick
from clipmill.media.probe import probe
from clipmill.media.remux import UNWOUND
from clipmill.model import Listing, Media
from clipmill.stock import find_source, keep_source, kept_listing
from clipmill.studio import Studio, given_media, working_file
from clipmill.workspace import Workspace, demand_disk, file_stamp


def bring(studio: Studio, tick: Tick) -> bool:
    """Fetch the source where it is not here, and find out what it is; leaves ``media.json``."""
    if studio.job.address:
        fetch_source(studio, tick)
    return examine(studio)


def fetch_source(studio: Studio, tick: Tick) -> None:
    """Fetch the source and its captions from its address, unless they are here.

    The listing that is left names the captions that there are. Raises what ``media.fetch`` does, and
    BudgetError ``disk-full`` when the source does not fit on the disk.
    """
    work, job = studio.work, studio.job
    if job.source.exists() and known_listing(work, job.address) is not None:
        return
    work.fetching.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        listing = _looked_up(studio)
        if not _kept_before(studio, listing):
            _fetch(studio, listing, tick)
    except SourceError:  # what cannot be used now cannot be gone on with either
        shutil.rmtree(work.fetching, ignore_errors=True)
        raise
    shutil.rmtree(work.fetching, ignore_errors=True)


def _looked_up(studio: Studio) -> Listing:
    """What the site says about the video; of a list its first, and the others are handed on."""
    work, job = studio.work, studio.job
    listing = known_listing(work, job.address)
    if listing is None:
        try:
            listing = _look_up(studio, job.address)
        except SourceError as error:
            if error.code != "address-list":
                raise
            listing = _first_of_list(studio)
        keep_listing(work, job.address, listing)
    return listing


def _look_up(studio: Studio, address: str) -> Listing:
    services = studio.services
    return look_up(
        address,
        fetching=services.fetching,
        cwd=studio.work.fetching,
        max_duration_s=services.max_seconds,
    )


def _first_of_list(studio: Studio) -> Listing:
    fetching = studio.services.fetching
    first, *others = list_videos(
        studio.job.address, fetching=fetching, cwd=studio.work.fetching, most=fetching.list_most
    )
    listing = _look_up(studio, first)
    studio.services.spread(others)
    return listing


def _fetch(studio: Studio, listing: Listing, tick: Tick) -> None:
    """Fetch the video; it appears last, when all that belongs to it is there."""
    work, services = studio.work, studio.services
    if listing.size_bytes:
        missing_mb = max(0, listing.size_bytes - _bytes_in(work.fetching)) / 2**20
        demand_disk(work.kept, missing_mb, reserve_mb=services.fetching.reserve_mb)
    done = fetch(
        listing,
        fetching=services.fetching,
        ffmpeg=services.ffmpeg,
        folder=work.fetching,
        tick=tick,
        max_duration_s=services.max_seconds,
    )
    work.captions.mkdir(parents=True, exist_ok=True)
    for track in done.captions:
        work.publish(work.fetching / CAPTIONS / track.file, work.captions / track.file)
    whole = replace(listing, captions=done.captions)
    keep_listing(work, studio.job.address, whole)
    work.publish(done.video, studio.job.source)
    shared = services.shared
    if key := _source_key(studio, whole):
        keep_source(shared.sources, key, studio.job.source, work.captions, whole, most_mb=shared.sources_mb)


def _kept_before(studio: Studio, listing: Listing) -> bool:
    """Take the source from those that were fetched before, where it is among them."""
    work, job, folder = studio.work, studio.job, studio.services.shared.sources
    key = _source_key(studio, listing)
    kept = kept_listing(folder, key) if job.reuse and key else None
    if kept is None:
        return False
    keep_listing(work, job.address, replace(listing, captions=kept.captions))
    return find_source(folder, key, job.source, work.captions)


def _source_key(studio: Studio, listing: Listing) -> str:
    """What a source is kept under: its site's name for it, or its address and size; empty without either."""
    if not (listing.id or listing.size_bytes):
        return ""
    name = f"{listing.site} {listing.id}" if listing.id else f"{listing.address} {listing.size_bytes}"
    return f"{name} {studio.services.fetching.height}"


def _bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def known_listing(work: Workspace, address: str) -> Listing | None:
    """What the site said about the video, None where nobody asked."""
    return work.load(Listing, _listing_file(work), key=address) if address else None


def listing_of(work: Workspace) -> Listing | None:
    """What the site said about whatever video this folder's job has, None where nobody asked."""
    return work.load(Listing, _listing_file(work), key=None)


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


def keep_media(studio: Studio, media: Media) -> None:
    """Leave facts that were found elsewhere."""
    studio.work.save(media, _media_file(studio.work), key=file_stamp(studio.job.source))


def _media_file(work: Workspace) -> Path:
    return work.kept / "media.json"
