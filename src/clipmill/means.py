"""The programs and models that work is done with, found and tried by the settings."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from urllib.request import getproxies

from clipmill.editing.command import Encoder, Encoding
from clipmill.errors import SettingsError
from clipmill.media.fetch import Fetching
from clipmill.media.ffmpeg import find_ffmpeg, pick_encoder
from clipmill.media.speech import Listening
from clipmill.media.speech_api import SpeechService
from clipmill.settings import Settings
from clipmill.sharing import ALONE, Shared
from clipmill.studio import Services, Task


@dataclass(frozen=True, slots=True)
class Means:
    """What to work with: settings, and the encoder and thoroughness asked for.

    ``at_once`` is how many encodes run at the same time on this machine; they share its cores. ``shared`` is
    what the jobs share with others.
    """

    settings: Settings
    encoder: str = "x264"
    verify_full: bool = False
    at_once: int = 1
    shared: Shared = ALONE

    def services(self, tell: Callable[[Task, float], None]) -> Services:
        """The programs, found and tried; a worker that lives long keeps them and replaces ``tell``.

        Raises SettingsError or MissingError when one is not as the settings say or not here.
        """
        settings, cores = self.settings, os.cpu_count() or 1
        ffmpeg = find_ffmpeg(settings.ffmpeg)
        return Services(
            ffmpeg=ffmpeg.path,
            encoding=Encoding(
                encoder=Encoder(pick_encoder(ffmpeg, _encoder_name(self.encoder))),
                preset=settings.preset,
                crf=settings.crf,
                threads=settings.threads or threads_an_encode(cores, self.at_once),
                verify_full=self.verify_full,
            ),
            listening=Listening(
                threads=settings.threads or max(1, min(4, cores // 2)),
                models=settings.models.expanduser(),
                device=settings.device,
            ),
            height=settings.height,
            max_seconds=settings.max_hours * 3600,
            tell=tell,
            fetching=fetching(settings),
            speech=speech_service(settings),
            shared=self.shared,
        )


def fetching(settings: Settings) -> Fetching:
    """How sources are fetched."""
    return Fetching(
        height=settings.download_height,
        most_mb=settings.download_mb,
        allow=settings.allowed,
        upstream=_own_proxy(),
        cookies=settings.cookies,
        ytdlp=settings.ytdlp,
        list_most=settings.list_most,
        reserve_mb=settings.reserve_mb,
    )


def _own_proxy() -> str:
    """The proxy that this machine's user goes through, as other programs know it; empty for none."""
    known = getproxies()
    return next((known[kind] for kind in ("https", "http", "all") if known.get(kind)), "")


def speech_service(settings: Settings) -> SpeechService | None:
    """The service that listens; None when there is none."""
    if not settings.speech_url:
        return None
    key = settings.speech_key
    if settings.speech_key_file:
        try:
            key = settings.speech_key_file.expanduser().read_text().strip()
        except (OSError, UnicodeDecodeError):
            raise SettingsError(
                f"CLIPMILL_SPEECH_KEY_FILE names {settings.speech_key_file}, which cannot be read.",
                code="setting-wrong",
            ) from None
    return SpeechService(
        url=settings.speech_url,
        key=key,
        model=settings.speech_model,
        usd_a_minute=settings.speech_usd_a_minute,
        most_mb=settings.speech_mb,
        patience_s=settings.speech_patience_s,
    )


def threads_an_encode(cores: int, at_once: int) -> int:
    """Threads of each of some encodes that share the cores; 0 lets one that is alone have all."""
    return max(1, cores // at_once) if at_once > 1 else 0


def _encoder_name(wanted: str) -> str:
    """The encoder's name as ffmpeg has it."""
    return {"x264": "libx264"}.get(wanted, wanted if wanted == "auto" or "_" in wanted else f"h264_{wanted}")
