"""Small talks whose words, face and cuts are known, made from the portrait that ships with clipmill."""

from fractions import Fraction
from pathlib import Path

import clipmill
from clipmill.media.ffmpeg import run_ffmpeg

PORTRAIT = Path(clipmill.__file__).parent / "data" / "portrait.png"

SENTENCES = (
    (0.5, 4.5, "Nobody tells you this, but the first ninety days decide everything."),
    (5.0, 9.5, "We lost two million dollars because I never asked one simple question."),
    (10.0, 14.0, "So what should you do when your best customer wants to leave?"),
    (14.5, 19.5, "You call them, you listen for ten minutes, and you do not sell anything."),
    (20.0, 23.5, "That is the whole secret, and it works every single time."),
)
"""What is said: start, end, text."""


def write_srt(target: Path) -> Path:
    """The words of the talk as an SRT file."""
    blocks = [
        f"{number}\n{_time(start)} --> {_time(end)}\n{text}\n"
        for number, (start, end, text) in enumerate(SENTENCES, 1)
    ]
    target.write_text("\n".join(blocks), encoding="utf-8")
    return target


def make_talk(ffmpeg: Path, target: Path, *, seconds: float = 24.0, rate: Fraction = Fraction(25)) -> Path:
    """A landscape talk: a face that moves slowly from side to side before a plain wall, with sound.

    The sound is noise under the sentences and nearly silence between them.
    """
    loud = "+".join(f"between(t,{start},{end})" for start, end, _ in SENTENCES)
    picture = (
        f"color=c=0x40505c:s=640x360:r={rate}:d={seconds}[wall];"
        "[0:v]scale=-2:220[head];"
        "[wall][head]overlay=x='(W-w)/2+150*sin(2*PI*t/16)':y=H-h:shortest=0,format=yuv420p[v];"
        f"anoisesrc=d={seconds}:c=pink:r=48000:a=0.3,volume='0.001+({loud})':eval=frame[a]"
    )
    arguments = (
        *("-loop", "1", "-framerate", str(rate), "-t", str(seconds), "-i", str(PORTRAIT)),
        *("-filter_complex", picture, "-map", "[v]", "-map", "[a]", "-t", str(seconds)),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-y", target.name),
    )
    run_ffmpeg(ffmpeg, arguments, cwd=target.parent, reads=(PORTRAIT,))
    return target


def _time(seconds: float) -> str:
    whole, part = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{part:03}"
