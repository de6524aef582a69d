"""Where a source is: a file here, or an address and what the site says about it; and where its clips go."""

import hashlib
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from clipmill import sourcing
from clipmill.addresses import checked_address, is_address
from clipmill.errors import SourceError
from clipmill.means import Means, fetching
from clipmill.media.fetch import list_videos, look_up
from clipmill.model import Listing
from clipmill.patience import patiently
from clipmill.plan import Options
from clipmill.progress import Show
from clipmill.studio import Job
from clipmill.workspace import WORK, Workspace, folder_name

MOST_FOUND = 16 << 20
"""What is known of one video are some hundred kilobytes."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A source as it was given, and either its file or what its site says about it.

    ``found`` are the files, by name, that the fetch goes on from.
    """

    source: str
    file: Path | None = None
    listing: Listing | None = None
    found: tuple[tuple[str, bytes], ...] = ()

    def job(self, work: Workspace, options: Options, *, reuse: bool = True) -> Job:
        """What is to be made of it in a folder."""
        if self.file:
            return Job(self.file, options, reuse=reuse)
        if self.listing and sourcing.known_listing(work, self.source) is None:
            sourcing.keep_listing(work, self.source, self.listing)
        if self.found and not work.fetched.exists():
            work.fetching.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, content in self.found:
                work.write(work.fetching / name, content)
        return Job(work.fetched, options, address=self.source, reuse=reuse)


def origin_of(source: str, means: Means, show: Show) -> Origin:
    """Where a source is; its site is asked about it."""
    if not is_address(source):
        return Origin(source, source_file(source))
    address = checked_address(source, allow=means.settings.allowed)
    settings = means.settings
    show("fetching the page", 0.0, None)
    with tempfile.TemporaryDirectory(prefix="clipmill-") as folder:
        listing = patiently(
            lambda: look_up(
                address,
                fetching=fetching(settings),
                cwd=Path(folder),
                max_duration_s=settings.max_hours * 3600,
            ),
            telling(show),
        )
        return Origin(address, listing=listing, found=_files_in(Path(folder)))


def _files_in(folder: Path) -> tuple[tuple[str, bytes], ...]:
    """The small plain files of a folder with their content."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.is_symlink())
    return tuple((path.name, path.read_bytes()) for path in files if path.stat().st_size < MOST_FOUND)


def videos_at(address: str, means: Means, show: Show) -> tuple[str, ...]:
    """The addresses of the videos of a playlist or channel; of one video just its own."""
    checked_address(address, allow=means.settings.allowed)
    show("fetching the list", 0.0, None)
    with tempfile.TemporaryDirectory(prefix="clipmill-") as folder:
        return patiently(
            lambda: list_videos(
                address,
                fetching=fetching(means.settings),
                cwd=Path(folder),
                most=means.settings.list_most,
            ),
            telling(show),
        )


def telling(show: Show, share: Callable[[], float] = lambda: 0.0) -> Callable[[str, float], None]:
    """Shows what is waited for, at the share that is done by then."""
    return lambda words, left: show(words, share(), left)


def source_file(source: str) -> Path:
    """The file that is meant by ``source``."""
    path = Path(source).absolute()
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        raise SourceError(f"The file {source} is not there.", code="source-not-found") from None
    except (OSError, ValueError) as error:  # a name too long, a folder that may not be entered
        why = error.strerror if isinstance(error, OSError) else error
        raise SourceError(f"The file {source} cannot be opened ({why}).", code="source-not-found") from None
    if not stat.S_ISREG(kind):
        what = "a folder" if stat.S_ISDIR(kind) else "a device"
        raise SourceError(f"The file {source} is {what}, not a video.", code="source-not-found")
    return path


# --- where its clips go -----------------------------------------------------------------------------


def placed(source: str, output: Path, means: Means, show: Show, *, anew: bool) -> tuple[Origin, Path]:
    """A source and the folder of its clips.

    A site is not asked again about an address whose folder is in ``output``, unless all is done ``anew``.
    """
    if is_address(source) and not anew and (known := _remembered(source, output)):
        return known
    origin = origin_of(source, means, show)
    return origin, job_folder(origin, output)


def _remembered(address: str, output: Path) -> tuple[Origin, Path] | None:
    for key in sorted(output.glob(f"*/{WORK}/listing.json.key")):
        folder = key.parents[1]
        with suppress(OSError, UnicodeDecodeError):
            if listing := sourcing.known_listing(Workspace(folder), address):
                return Origin(address, listing=listing), folder
    return None


def job_folder(origin: Origin, output: Path) -> Path:
    """Where the clips of a source go: a folder of ``output`` with its name or title.

    When another source of the same name has that folder, a short mark of this one's place is added.
    """
    title = origin.file.stem if origin.file else origin.listing.title if origin.listing else ""
    folder = output / folder_name(title)
    if _owned_by_another(folder, origin):
        mark = hashlib.sha256(_place(origin).encode()).hexdigest()[:6]
        return output / f"{folder.name}-{mark}"
    return folder


def _owned_by_another(folder: Path, origin: Origin) -> bool:
    work = Workspace(folder)
    listing = sourcing.listing_of(work)
    if origin.listing:
        owner = _name_of(listing) if listing else ""
        return owner != _place(origin) and (listing is not None or (work.kept / "media.json.key").exists())
    with suppress(FileNotFoundError):
        return not (work.kept / "media.json.key").read_text().startswith(f"{_place(origin)} ")
    return listing is not None


def _place(origin: Origin) -> str:
    """A name for a source for good: where its file is, or what its site calls it."""
    return _name_of(origin.listing) if origin.listing else str(origin.file)


def _name_of(listing: Listing) -> str:
    return f"{listing.site} {listing.id}" if listing.site and listing.id else listing.address
