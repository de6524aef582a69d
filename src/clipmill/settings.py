"""All settings with defaults and meanings, read once at start from ``CLIPMILL_*`` in the environment."""

import os
import re
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from clipmill.addresses import Place, allowed_places
from clipmill.errors import SettingsError

THREADS_AN_ENCODE = 4
"""Beyond four threads x264's fast presets gain little on one clip: two clips side by side gain more."""


class Settings(BaseSettings):
    """Every setting; ``clipmill config show`` prints them with where each value came from."""

    model_config = SettingsConfigDict(env_prefix="CLIPMILL_", extra="ignore", frozen=True)

    # --- programs, models, clips ---

    ffmpeg: Path | None = Field(None, description="A system ffmpeg to use instead of the embedded one.")
    model: str = Field(
        "auto", description="Speech model: auto, tiny.en, base, a folder, or a name on the model hub."
    )
    models: Path = Field(
        Path("~/.cache/clipmill/models"), description="Where speech models from the hub are kept."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where the speech model runs: auto takes an NVIDIA card when one works."
    )
    threads: int = Field(0, ge=0, le=256, description="Threads of one encode or model; 0 means all cores.")
    height: int = Field(1920, ge=64, le=3840, description="Height in pixels of a 9:16 clip.")
    preset: str = Field("veryfast", description="Preset of the x264 encoder.")
    crf: int = Field(18, ge=0, le=51, description="Quality of the x264 encoder; lower is better.")
    max_hours: float = Field(4.0, gt=0, le=24, description="Longest source that is accepted, in hours.")
    # --- addresses ---

    egress_allow: str = Field(
        "",
        description="Places, as host:port with commas between them, that may be fetched from although they"
        " are not public.",
    )
    download_height: int = Field(
        1080, ge=144, le=4320, description="Lines of picture that are enough; more are not downloaded."
    )
    download_mb: int = Field(20_000, ge=1, description="Largest file in MB that is downloaded or uploaded.")
    list_most: int = Field(
        50, ge=1, le=1000, description="Most videos that are taken from one playlist or channel."
    )
    cookies: Path | None = Field(
        None, description="A cookies.txt for sites that show a video to nobody without; never changed."
    )
    ytdlp: Path | None = Field(
        None, description="Another version of yt-dlp than the installed one: a wheel, a zip file or a folder."
    )
    rights: bool = Field(
        False, description="That you have the rights to make clips of what you fetch; says it once for all."
    )

    # --- a service that listens ---

    speech_url: str = Field(
        "", description="Address of a service with OpenAI's transcription API, such as https://host/v1."
    )
    speech_key: str = Field("", repr=False, description="Its key.")
    speech_key_file: Path | None = Field(None, description="A file that holds its key instead.")
    speech_model: str = Field("whisper-1", description="The model to ask it for.")
    speech_usd_a_minute: float = Field(
        0.006, ge=0, description="What it takes for a minute of sound, in USD."
    )
    speech_mb: float = Field(24.0, gt=0, le=2000, description="Largest file in MB that it takes.")
    speech_patience_s: float = Field(
        900.0, ge=0, description="Seconds that a job waits for it in all before the local model listens."
    )

    # --- what is kept between jobs ---

    keep_days: float = Field(7.0, ge=0, description="Days that transcripts are kept for other jobs; 0 none.")
    keep_mb: int = Field(256, ge=1, description="Most MB of transcripts that are kept.")
    sources_mb: int = Field(
        20_000, ge=0, description="Most MB of fetched sources that are kept for other jobs; 0 keeps none."
    )

    # --- disk ---

    reserve_mb: int = Field(200, ge=0, description="Free disk space in MiB that is never used.")

    # --- the service: where things are ---

    home: Path = Field(
        Path("~/.local/share/clipmill"),
        validate_default=True,
        description="Folder of the service: its jobs, and its database when that is SQLite.",
    )
    database_url: str = Field(
        "",
        repr=False,
        description="postgresql:// address of the database; SQLite in CLIPMILL_HOME when empty.",
    )
    server: str = Field(
        "http://127.0.0.1:8420", description="Where submit, jobs and the other client commands find serve."
    )
    sources: str = Field(
        "",
        description=f"Folders from which serve takes sources, with {os.pathsep!r} between them;"
        " the folder where it was started when empty.",
    )

    # --- the service: how much at once, over all workers ---

    queue: int = Field(1000, ge=1, le=1_000_000, description="Most jobs that wait; more are turned away.")
    downloads: int = Field(6, ge=1, le=1000, description="Sources taken in at once, over all workers.")
    transcribes: int = Field(2, ge=1, le=1000, description="Sources listened to at once, over all workers.")
    scores: int = Field(3, ge=1, le=1000, description="Sources chosen from at once, over all workers.")
    encodes: int = Field(
        0,
        ge=0,
        le=1000,
        description="Clips rendered at once, over all workers; 0 fits the cores where serve or worker runs.",
    )
    transcribe_starts: int | None = Field(
        None,
        ge=0,
        description="Most transcriptions started in a minute, over all workers; 0 means no limit. When not"
        " set: 5 at a service, no limit for the local model.",
    )

    uploads: int = Field(20, ge=1, le=10_000, description="Most unfinished uploads of one owner.")
    upload_hours: float = Field(
        24.0, gt=0, description="Hours after which an upload that nobody goes on with or uses is removed."
    )

    # --- the service: how much at once, in one worker ---

    worker_downloads: int = Field(0, ge=0, description="The same in one worker; 0 means no limit of its own.")
    worker_transcribes: int = Field(
        0, ge=0, description="The same in one worker; 0 means no limit of its own."
    )
    worker_scores: int = Field(0, ge=0, description="The same in one worker; 0 means no limit of its own.")
    worker_encodes: int = Field(0, ge=0, description="The same in one worker; 0 means no limit of its own.")

    # --- the service: when things go wrong ---

    crashes: int = Field(
        3, ge=1, le=100, description="A task that brought down so many workers alone is given up."
    )
    drain_s: float = Field(
        30.0, ge=0, le=3600, description="Seconds that running work gets when a worker is told to end."
    )
    beat_s: float = Field(2.0, ge=0.1, le=60, description="Seconds between two signs of life of a worker.")
    dead_s: float = Field(
        12.0,
        le=600,
        validate_default=True,
        description="Seconds without a sign of life after which a worker counts as dead.",
    )

    @field_validator("home")
    @classmethod
    def _whole_path(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: str) -> str:
        if url and not re.match(r"postgres(ql)?(\+psycopg)?://", url):
            raise ValueError("it must start with postgresql:// or be empty")
        return url.replace("postgres://", "postgresql://", 1)

    @field_validator("egress_allow")
    @classmethod
    def _known_places(cls, text: str) -> str:
        allowed_places(text)
        return text

    @field_validator("server", "speech_url")
    @classmethod
    def _web_address(cls, url: str, info: ValidationInfo) -> str:
        if info.field_name == "speech_url" and not url:
            return ""
        if not re.match(r"https?://[^/?#]", url):
            raise ValueError("it must start with http:// or https://")
        return url.rstrip("/")

    @field_validator("dead_s")
    @classmethod
    def _late_enough(cls, dead_s: float, info: ValidationInfo) -> float:
        beat_s = info.data.get("beat_s", 0.0)
        if dead_s < 3 * beat_s:
            raise ValueError(f"it must be at least three times CLIPMILL_BEAT_S, which is {beat_s:g}")
        return dead_s

    @property
    def jobs_url(self) -> str:
        """The address of the database that holds our own tables."""
        return self.database_url or f"sqlite:///{self.home / 'jobs.db'}"

    @property
    def engine_url(self) -> str:
        """The address of the database that holds the engine's tables."""
        return self.database_url or f"sqlite:///{self.home / 'engine.db'}"

    @property
    def allowed(self) -> frozenset[Place]:
        """The places named in ``egress_allow``."""
        return allowed_places(self.egress_allow)

    @property
    def source_folders(self) -> tuple[Path, ...]:
        """The folders that were named in ``sources``; empty when none was."""
        named = (part for part in self.sources.split(os.pathsep) if part.strip())
        return tuple(Path(part).expanduser().absolute() for part in named)

    def slots(self) -> dict[str, int]:
        """How many tasks of each stage may run at once over all workers."""
        return {
            "download": self.downloads,
            "transcribe": self.transcribes,
            "score": self.scores,
            "encode": self.encodes or self._fitting_encodes(),
        }

    def worker_slots(self) -> dict[str, int]:
        """How many tasks of each stage may run at once in one worker; 0 means no limit of its own."""
        return {
            "download": self.worker_downloads,
            "transcribe": self.worker_transcribes,
            "score": self.worker_scores,
            "encode": self.worker_encodes,
        }

    def _fitting_encodes(self) -> int:
        cores = os.cpu_count() or 1
        if self.threads:
            return max(1, cores // self.threads)
        return max(2, cores // THREADS_AN_ENCODE)


def read_settings() -> Settings:
    """The settings of this process.

    Raises SettingsError naming the variable when a value is wrong.
    """
    try:
        return Settings()  # type: ignore[call-arg]  # every field comes from the environment or its default
    except ValidationError as error:
        first = error.errors()[0]
        name = "CLIPMILL_" + "_".join(str(part) for part in first["loc"]).upper()
        what = first["msg"].removeprefix("Value error, ")
        raise SettingsError(
            f"The setting {name} cannot be used: {what[:1].lower()}{what[1:]}.", code="setting-wrong"
        ) from None


def describe_settings(settings: Settings) -> list[dict[str, str]]:
    """Every setting: its variable, its value without secrets, where that came from, and what it means."""
    return [
        {
            "name": f"CLIPMILL_{name.upper()}",
            "value": _shown(name, getattr(settings, name)),
            "origin": "environment" if name in settings.model_fields_set else "default",
            "meaning": field.description or "",
        }
        for name, field in Settings.model_fields.items()
    ]


def _shown(name: str, value: object) -> str:
    if value is None:
        return ""
    return ("***" if value else "") if name.endswith("_key") else without_password(str(value))


def without_password(text: str) -> str:
    """A text with the password of an address, before its host or among its parameters, put out of sight."""
    text = re.sub(r"(?<=://)([^/?#@:]*):.*@", r"\1:***@", text)
    return re.sub(r"(?i)([?&](?:password|passfile|sslpassword|sslkey)=)[^&#]*", r"\1***", text)
