"""What is said in a source, heard once for all jobs, by the speech service or by the local model.

What was heard is kept by the sound's hash, so another name, container or picture changes nothing, and by the
site's name for the video, so that its sound need not be decoded to know it. Of many jobs that want the same
only one listens.
"""

import logging
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from clipmill.editing.words import settle
from clipmill.errors import OutageError, RemoteError, SettingsError
from clipmill.media.decode import sound_hash
from clipmill.media.launcher import Tick
from clipmill.media.speech import Listening, model_names, transcribe
from clipmill.media.speech_api import Asking, SpeechService, transcribe_remotely
from clipmill.media.speech_memory import InFolder
from clipmill.model import Media, Transcript
from clipmill.sharing import Keep
from clipmill.sourcing import known_listing
from clipmill.studio import Studio, working_file
from clipmill.workspace import file_stamp

FORM = 1
"""Raised when the same ears would hear, or the same words be kept, in another way than before."""

SAME_S = 0.5
"""A site's video whose length differs by more from the one that was heard was cut in between."""

_TRANSCRIPT = TypeAdapter(Transcript)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """The words, and whether somebody listened for them just now."""

    transcript: Transcript
    anew: bool


@dataclass(frozen=True, slots=True)
class Ear:
    """Who listens: ``name`` stands for all that the words depend on besides the sound."""

    name: str
    listen: Callable[[Studio, Media, Tick], Transcript]


@dataclass(frozen=True, slots=True)
class Sound:
    """The hash of a source's sound."""

    sha256: str


def hear(studio: Studio, media: Media, tick: Tick) -> Found:
    """What is said, by whom the options name; ``media`` has sound.

    With ``auto`` and ``api`` the local model listens when the service fails for longer than it is waited for,
    which the warning ``speech-service-failed`` says; with ``auto`` also when it refuses for good. Raises
    SettingsError ``speech-service-missing`` for ``api`` without a service, RemoteError for ``api`` where it
    refuses, BusyError when it is another job's turn.
    """
    service = _service(studio)
    if service is None:
        return _once(studio, media, _local_ear(studio), tick)
    try:
        return _once(studio, media, _service_ear(studio, service), tick)
    except RemoteError as error:
        if studio.job.options.transcriber == "api" and not isinstance(error, OutageError):
            raise
        log.warning("The local model listens instead of the service: %s", error.one_line())
    heard = _once(studio, media, _local_ear(studio), tick)
    warnings = (*heard.transcript.warnings, "speech-service-failed")
    return replace(heard, transcript=replace(heard.transcript, warnings=warnings))


def _service(studio: Studio) -> SpeechService | None:
    """The service that is to listen, None when the local model is."""
    wanted, service = studio.job.options.transcriber, studio.services.speech
    if wanted == "api" and service is None:
        raise SettingsError(
            "No speech service is set: set CLIPMILL_SPEECH_URL, or use --transcriber local.",
            code="speech-service-missing",
        )
    return service if wanted in ("auto", "api") else None


# --- who listens ------------------------------------------------------------------------------------


def _local_ear(studio: Studio) -> Ear:
    listening = _listening(studio)
    models = " + ".join(_model(name) for name in model_names(listening))
    return Ear(f"local {models}, language {listening.language!r}", _by_model)


def _model(name: str) -> str:
    """The name of a model; of one in a folder of the user's, one that changes with it."""
    weights = Path(name).expanduser() / "model.bin"
    return file_stamp(weights) if len(weights.parts) > 2 and weights.is_file() else name


def _by_model(studio: Studio, media: Media, tick: Tick) -> Transcript:
    cwd = studio.work.scratch("hear")
    studio.services.shared.listening.take()
    ffmpeg, source = studio.services.ffmpeg, working_file(studio)
    return transcribe(ffmpeg, source, media, listening=_listening(studio), cwd=cwd, tick=tick)


def _listening(studio: Studio) -> Listening:
    options = studio.job.options
    return replace(studio.services.listening, model=options.model, language=options.language)


def _service_ear(studio: Studio, service: SpeechService) -> Ear:
    language = studio.job.options.language
    return Ear(f"service {service.url} {service.model}, language {language!r}", _by_service)


def _by_service(studio: Studio, media: Media, tick: Tick) -> Transcript:
    services, pieces = studio.services, Pieces(studio)
    assert services.speech is not None
    asking = Asking(
        service=services.speech,
        language=studio.job.options.language,
        turns=services.shared.asking,
        pieces=pieces,
        spend=services.spend,
    )
    cwd = studio.work.scratch("hear")
    heard = transcribe_remotely(
        services.ffmpeg, working_file(studio), media, asking=asking, cwd=cwd, tick=tick
    )
    pieces.remove()
    return heard


# --- once for all jobs ------------------------------------------------------------------------------


def _once(studio: Studio, media: Media, ear: Ear, tick: Tick) -> Found:
    """What an ear hears, or has heard before; raises BusyError ``underway`` while it hears just that."""
    site = _site_key(studio, media)
    if found := _heard_from_site(studio, media, ear, site):
        return Found(found, anew=False)
    with _claim(studio, ear, site):
        if found := _heard_from_site(studio, media, ear, site):
            return Found(found, anew=False)
        sound = _sound(studio, media, tick)
        heard = _heard_by_sound(studio, media, ear, sound, tick)
        if site:
            studio.services.shared.keep.put(site, sound.encode())
        return heard


def _heard_by_sound(studio: Studio, media: Media, ear: Ear, sound: str, tick: Tick) -> Found:
    if found := _kept(studio, ear, sound):
        return Found(_fitted(found, media), anew=False)
    with _claim(studio, ear, sound):
        if found := _kept(studio, ear, sound):
            return Found(_fitted(found, media), anew=False)
        transcript = ear.listen(studio, media, tick)
        studio.services.shared.keep.put(_key(ear, sound), _TRANSCRIPT.dump_json(transcript))
        return Found(transcript, anew=True)


def _heard_from_site(studio: Studio, media: Media, ear: Ear, site: str) -> Transcript | None:
    """The words of a video that was heard before, known by its site's name for it."""
    sound = studio.services.shared.keep.find(site) if site and studio.job.reuse else None
    known = _kept(studio, ear, sound.decode()) if sound else None
    cut = known is not None and abs(known.duration - media.duration) > SAME_S
    return None if known is None or cut else _fitted(known, media)


def _kept(studio: Studio, ear: Ear, sound: str) -> Transcript | None:
    """What an ear has heard in a sound before."""
    value = studio.services.shared.keep.find(_key(ear, sound)) if studio.job.reuse else None
    try:
        return _TRANSCRIPT.validate_json(value) if value else None
    except ValidationError:
        return None


def _fitted(known: Transcript, media: Media) -> Transcript:
    """Words heard in another file as words of this one, whose picture may end elsewhere."""
    fits = known.duration <= media.duration
    words = known.words if fits else settle(known.words, duration=media.duration)
    return replace(known, duration=media.duration, words=words)


def _claim(studio: Studio, ear: Ear, what: str) -> AbstractContextManager[None]:
    """Be the only one who listens to something; a job that uses nothing of others waits for nobody."""
    if not what or not studio.job.reuse:
        return nullcontext()
    return studio.services.shared.keep.claim(_key(ear, what))


def _key(ear: Ear, sound: str) -> str:
    return f"heard {FORM}: {sound} by {ear.name}"


def _site_key(studio: Studio, media: Media) -> str:
    """A name for which sound a site's video has; empty where the site has no name for it."""
    listing = known_listing(studio.work, studio.job.address)
    if listing is None or not (listing.site and listing.id) or media.audio is None:
        return ""
    return f"sound {FORM}: {listing.site} {listing.id}, language {media.audio.language!r}"


def _sound(studio: Studio, media: Media, tick: Tick) -> str:
    """The hash of the source's sound; kept with the job, which may come back for it many times."""
    work, file = studio.work, studio.work.kept / "sound.json"
    known = work.load(Sound, file, key=media.sha256)
    if known is None:
        cwd = work.scratch("sound")
        digest = sound_hash(studio.services.ffmpeg, working_file(studio), media, cwd=cwd, tick=tick)
        known = Sound(digest)
        work.save(known, file, key=media.sha256)
    return known.sha256


# --- what a service has answered so far -------------------------------------------------------------

PIECE = "speech piece "
"""How the names of answers begin; how long a job has waited for them is nobody else's."""


class Pieces:
    """What a service answered so far (``sharing.Keep``): in the job's folder, and answers with other jobs'.

    So a job asks nothing twice, even where nothing is kept between jobs.
    """

    def __init__(self, studio: Studio) -> None:
        self._folder = studio.work.kept / "pieces"
        self._own = InFolder(self._folder)
        self._keep: Keep = studio.services.shared.keep
        self._reuse = studio.job.reuse

    def find(self, key: str) -> bytes | None:
        """What was answered, to this job or, where it uses what others left, to another."""
        own = self._own.find(key)
        if own is None and self._reuse and key.startswith(PIECE):
            return self._keep.find(key)
        return own

    def put(self, key: str, value: bytes) -> None:
        """Keep an answer."""
        self._own.put(key, value)
        if key.startswith(PIECE):
            self._keep.put(key, value)

    def claim(self, key: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """Who listens has claimed all of it."""
        return nullcontext()

    def remove(self) -> None:
        """Forget those in the job's folder: all of it was heard."""
        shutil.rmtree(self._folder, ignore_errors=True)
