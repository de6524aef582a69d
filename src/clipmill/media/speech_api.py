"""What was said in a source, heard by a remote service that speaks OpenAI's transcription API."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from clipmill.media.launcher import Tick
from clipmill.model import Media, Recording, Transcript
from clipmill.sharing import Keep, Turns


@dataclass(frozen=True, slots=True)
class SpeechService:
    """A service that listens: where it is, the key and model to ask with, and what a minute of sound costs.

    ``most_mb`` is the largest file that it takes, ``patience_s`` how long a job waits for it in all before
    the local model listens instead.
    """

    url: str
    key: str = field(default="", repr=False)
    model: str = "whisper-1"
    usd_a_minute: float = 0.0
    most_mb: float = 24.0
    patience_s: float = 900.0


def transcribe_remotely(
    ffmpeg: Path,
    source: Path,
    media: Media | Recording,
    *,
    service: SpeechService,
    language: str,
    cwd: Path,
    tick: Tick,
    turns: Turns,
    pieces: Keep,
    spend: Callable[[float], None],
) -> Transcript:
    """All words of ``source`` with times in its seconds. ``pieces`` keeps what was answered so far.

    Raises BusyError when it is not our turn (come again: nothing is lost), OutageError when the service
    fails, RemoteError when it refuses for good.
    """
    raise NotImplementedError
