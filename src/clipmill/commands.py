"""The command line's words: what each command takes and says; the work is in ``running``."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from clipmill import __version__, service_commands
from clipmill.options import Batch, Flag, JsonFlag, Manner, Spoken, Text, Wish

# The modules that do the work are slow to import, so each command imports them when it runs: help and
# mistyped words answer at once.

EXIT_CODES = """
Exit codes: 0 done; 1 failed; 2 wrong use; 3 nothing found to clip; 4 the source cannot be read;
5 something is not installed; 6 a remote service refused; 7 out of disk or budget; 130 interrupted.
"""

app = App(
    name="clipmill",
    help="Turn long videos into ranked, vertical, captioned clips, on your own machine.",
    help_epilogue=EXIT_CODES,
    version=__version__,
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,  # ``cli`` says what an interrupt leaves
)

Output = Annotated[Path, Parameter(name=["-o", "--output"])]
MaybeOutput = Annotated[Path | None, Parameter(name=["-o", "--output"])]
Wishes = Annotated[Wish, Parameter(name="*")]
Batches = Annotated[Batch, Parameter(name="*")]
Manners = Annotated[Manner, Parameter(name="*")]


@app.command
def make(
    *sources: str,
    output: Output = Path("clips"),
    batch: Batches = Batch(),
    wish: Wishes = Wish(),
    manner: Manners = Manner(),
) -> int:
    """Make clips from videos, into OUTPUT/TITLE/, the best first.

    Parameters
    ----------
    sources
        Video files, addresses such as https://..., or folders of videos.
    output
        Where a folder is made for each video.
    """
    from clipmill import running

    return running.make(sources, output, batch, wish, manner)


@app.command
def plan(
    source: str,
    *,
    output: Output = Path("plan.json"),
    dry_run: Flag = False,
    wish: Wishes = Wish(),
    manner: Manners = Manner(),
) -> int:
    """Choose the moments without rendering; `clipmill render` makes the clips.

    Parameters
    ----------
    source
        A video file, or an address.
    output
        The plan file; the words that it refers to go beside it.
    dry_run
        Only tell what it would take: time, disk and money.
    """
    from clipmill import running

    if dry_run:
        return running.foresee(source, wish, manner)
    return running.plan(source, output, wish, manner)


@app.command
def render(
    plan_file: Path, *, only: Text = "", output: MaybeOutput = None, manner: Manners = Manner()
) -> int:
    """Render the clips of a plan, for example after a person changed it.

    Parameters
    ----------
    plan_file
        The plan, as `make` or `plan` wrote it.
    only
        Numbers of the clips to render, such as 1,3.
    output
        Where a folder is made for the video; the plan's own folder when `make` wrote it there.
    """
    from clipmill import running

    return running.render(plan_file, only, output, manner)


@app.command
def transcribe(
    source: Annotated[str, Parameter(allow_leading_hyphen=True)],
    *,
    output: MaybeOutput = None,
    form: Annotated[Literal["json", "srt", "vtt", "txt"] | None, Parameter(name="--format")] = None,
    words: Annotated[Spoken, Parameter(name="*")] = Spoken(),
    manner: Manners = Manner(),
) -> int:
    """Write down what is said in a video or sound file.

    Parameters
    ----------
    source
        A file, an address, or - for stdin.
    output
        The file to write; stdout when not given.
    form
        By the ending of OUTPUT when not given, else json.
    """
    from clipmill import running

    ending = output.suffix.removeprefix(".").lower() if output else ""
    kind = form or (ending if ending in ("srt", "vtt", "txt") else "json")
    return running.transcribe(source, output, kind, words, manner)


@app.command
def score(
    transcript: Path,
    *,
    spans: Path,
    position: Annotated[bool, Parameter(negative="--no-position", show_default=False)] = True,
    as_json: JsonFlag = False,
) -> int:
    """Rate spans that a person picked, with the scorer that `make` chooses by.

    Parameters
    ----------
    transcript
        clipmill's or Whisper's JSON, SRT or VTT.
    spans
        A JSON list of {"start", "end"} in seconds.
    position
        Whether it counts where in the source a span lies.
    as_json
        Print JSON, in the order of SPANS.
    """
    from clipmill import running

    return running.score(transcript, spans, position=position, as_json=as_json)


@app.command
def doctor(*, as_json: JsonFlag = False) -> int:
    """Tell what works here, what is missing and how to get it.

    Parameters
    ----------
    as_json
        Print JSON.
    """
    from clipmill import running

    return running.doctor(as_json=as_json)


@app.command
def styles(*, preview: Path | None = None) -> int:
    """List the looks of captions.

    Parameters
    ----------
    preview
        A folder: put a picture of each look there.
    """
    from clipmill import running

    return running.styles(preview)


@app.command
def fonts() -> int:
    """List the fonts that come with clipmill."""
    from clipmill import running

    return running.fonts()


config = App(name="config", help="Look at the settings.")
app.command(config)
app.register_install_completion_command(name="--install-completion")
for command in service_commands.COMMANDS:
    app.command(command, group="Service")


@config.command(name="show")
def show_config(*, as_json: JsonFlag = False) -> int:
    """Print every setting, its value and where that came from.

    Parameters
    ----------
    as_json
        Print JSON.
    """
    from clipmill import running

    return running.show_config(as_json=as_json)
