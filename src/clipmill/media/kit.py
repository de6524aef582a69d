"""What every render works with."""

from dataclasses import dataclass, field
from pathlib import Path

from clipmill.editing.command import Encoding


@dataclass(frozen=True, slots=True)
class Kit:
    """The program, the folder of fonts, a folder for scratch files, and how to encode."""

    ffmpeg: Path
    fonts: Path
    cwd: Path
    encoding: Encoding = field(default_factory=Encoding)
