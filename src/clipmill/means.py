"""The programs and models that work is done with, found and tried by the settings."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from clipmill.editing.command import Encoder, Encoding
from clipmill.media.ffmpeg import find_ffmpeg, pick_encoder
from clipmill.media.speech import Listening
from clipmill.settings import Settings
from clipmill.studio import Services, Task


@dataclass(frozen=True, slots=True)
class Means:
    """What to work with: settings, and the encoder and thoroughness asked for.

    ``at_once`` is how many encodes run at the same time on this machine; they share its cores.
    """

    settings: Settings
    encoder: str = "x264"
    verify_full: bool = False
    at_once: int = 1

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
        )


def threads_an_encode(cores: int, at_once: int) -> int:
    """Threads of each of some encodes that share the cores; 0 lets one that is alone have all."""
    return max(1, cores // at_once) if at_once > 1 else 0


def _encoder_name(wanted: str) -> str:
    """The encoder's name as ffmpeg has it."""
    return {"x264": "libx264"}.get(wanted, wanted if wanted == "auto" or "_" in wanted else f"h264_{wanted}")
