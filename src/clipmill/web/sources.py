"""Which sources a request may name: files in allowed folders, addresses of the public network, uploads."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from clipmill.addresses import checked_address, is_address
from clipmill.errors import SourceError
from clipmill.web.floor import Floor
from clipmill.web.problems import FieldFault, Refused
from clipmill.web.taken import SourceShape


def allowed_source(given: SourceShape, floor: Floor, owner: str) -> str:
    """A source as the store keeps it: a file's real path, or an address as it was given.

    Nothing is fetched and no name is looked up. Raises as ``allowed_file``, ``addresses.checked_address`` and
    ``Uploads.source`` do.
    """
    if given.address:
        return checked_address(given.address, allow=floor.allow)
    if given.upload:
        return str(floor.uploads.source(given.upload, owner))
    return str(allowed_file(given.path, floor.folders, field="source.path"))


def allowed_file(given: str, folders: Sequence[Path], *, field: str) -> Path:
    """Where the file ``given`` really is.

    Raises Refused ``path-not-allowed`` when it lies in none of ``folders``, whether it exists or not;
    SourceError ``address-not-supported`` for an address, ``source-not-found`` for what is no readable file.
    """
    if is_address(given):
        raise SourceError(
            f"A path is needed in {field}, and this is an address: a video's address goes into"
            " source.address.",
            code="address-not-supported",
        )
    real = Path(os.path.realpath(given))
    if not (os.path.isabs(given) and _within(Path(os.path.normpath(given)), real, folders)):
        raise _not_allowed(given, field)
    try:
        facts = real.stat()
    except OSError:
        raise _not_found(given) from None
    if not stat.S_ISREG(facts.st_mode):
        raise _not_found(given)
    if not os.access(real, os.R_OK):
        raise SourceError(f"The server may not read the file {given}.", code="source-unreadable")
    return real


def _within(named: Path, real: Path, folders: Sequence[Path]) -> bool:
    """Whether a path lies in one of the folders, both as it is named and where it really is.

    Looking at the name, too, keeps secret which links there are outside.
    """
    roots = [Path(os.path.realpath(folder)) for folder in folders]
    names = [*roots, *(Path(os.path.abspath(folder)) for folder in folders)]
    return _in_any(named, names) and _in_any(real, roots)


def _in_any(path: Path, folders: Sequence[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _not_allowed(given: str, field: str) -> Refused:
    fault = FieldFault(field=field, message="not in a folder that the server allows")
    return Refused(
        f"The server may not read {given}: name a file by its whole path in one of the folders that it was"
        " started with, or start it with `clipmill serve --allow FOLDER`.",
        code="path-not-allowed",
        errors=(fault,),
    )


def _not_found(given: str) -> SourceError:
    return SourceError(f"There is no file {given}.", code="source-not-found")
