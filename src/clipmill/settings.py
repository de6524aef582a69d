"""All settings with defaults and meanings, read once at start from ``CLIPMILL_*`` in the environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from clipmill.errors import SettingsError


class Settings(BaseSettings):
    """Every setting; ``clipmill config show`` prints them with where each value came from."""

    model_config = SettingsConfigDict(env_prefix="CLIPMILL_", extra="ignore", frozen=True)

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
    reserve_mb: int = Field(200, ge=0, description="Free disk space in MiB that is never used.")


def read_settings() -> Settings:
    """The settings of this process.

    Raises SettingsError naming the variable when a value is wrong.
    """
    try:
        return Settings()  # type: ignore[call-arg]  # every field comes from the environment or its default
    except ValidationError as error:
        first = error.errors()[0]
        name = "CLIPMILL_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(
            f"The setting {name} cannot be used: {first['msg'].lower()}.", code="setting-wrong"
        ) from None


def describe_settings(settings: Settings) -> list[dict[str, str]]:
    """Every setting: its variable, its value, where that came from, and what it means."""
    return [
        {
            "name": f"CLIPMILL_{name.upper()}",
            "value": "" if (value := getattr(settings, name)) is None else str(value),
            "origin": "environment" if name in settings.model_fields_set else "default",
            "meaning": field.description or "",
        }
        for name, field in Settings.model_fields.items()
    ]
