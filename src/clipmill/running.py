"""What each command does: options in, jobs and chores done, paths and figures out."""

import json
import logging
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from clipmill import chores, resources
from clipmill.editing.choose import score_spans
from clipmill.editing.styles import STYLES
from clipmill.errors import ClipmillError, JobCancelled, UsageError
from clipmill.local import Display, make_clips, make_plan, render_plan
from clipmill.made import Made
from clipmill.means import Means
from clipmill.media.captions import read_transcript
from clipmill.options import Manner, Wish
from clipmill.plan import checked_options, plan_text
from clipmill.progress import clock, display
from clipmill.settings import describe_settings, read_settings
from clipmill.summary import summary
from clipmill.warnings import WARNINGS
from clipmill.workspace import write_text


def make(sources: Sequence[str], output: Path, wish: Wish, manner: Manner) -> int:
    """Make clips of each source; one that fails does not stop the others."""
    if not sources:
        raise UsageError("Which video? Try: clipmill make talk.mp4", code="no-source")
    means = _means(manner)
    options = checked_options(wish.given(means.settings.model))
    done, failed = [], []
    for source in sources:
        try:
            done.append(make_clips(source, output, options, means, _display(manner), force=manner.force))
        except ClipmillError as error:
            if len(sources) == 1 or isinstance(error, JobCancelled):
                raise
            print(f"clipmill: {Path(source).name!r}: {error.one_line()}", file=sys.stderr)
            failed.append((source, error))
    _tell_clips(done, failed, manner)
    return 1 if failed else 0


def plan(source: str, output: Path, wish: Wish, manner: Manner) -> int:
    """Choose the moments of a source."""
    means = _means(manner)
    options = checked_options(wish.given(means.settings.model))
    made = make_plan(source, output, options, means, _display(manner))
    if manner.json:
        print(plan_text(made), end="")
        return 0
    for rank, moment in enumerate(made.chosen_moments, 1):
        where = f"{clock(moment.span.start)}-{clock(moment.span.end)}"
        print(f"{rank:2}  {where}  {moment.score:3.0f}  {moment.title}")
    _say(f"The plan is {output}; clipmill render {output} makes the clips.", manner)
    return 0


def foresee(source: str, wish: Wish, manner: Manner) -> int:
    """Tell what making the clips would take."""
    means = _means(manner)
    forecast = chores.estimate(source, checked_options(wish.given(means.settings.model)), means)
    if manner.json:
        print(json.dumps(forecast, indent=1))
        return 0
    print(f"{forecast['clips']} clips from {clock(forecast['source_seconds'])} of video would take")
    print(f"  time   about {forecast['minutes']:g} minutes here ({forecast['cpu_seconds']} CPU seconds)")
    print(f"  disk   {forecast['disk_mb']} MB")
    print(f"  money  {forecast['cost_usd']:.2f} USD")
    return 0


def render(plan_file: Path, only: str, output: Path | None, manner: Manner) -> int:
    """Render the clips of a plan."""
    try:
        numbers = frozenset(int(number) for number in only.split(",") if number.strip())
    except ValueError:
        raise UsageError(f"--only takes numbers such as 1,3, not {only!r}.", code="options-wrong") from None
    made = render_plan(plan_file, output, _means(manner), _display(manner), only=numbers)
    _tell_clips([made], [], manner)
    return 0


def transcribe(source: str, output: Path | None, form: str, how: tuple[str, str], manner: Manner) -> int:
    """Write down what is said; ``how`` is the language and the model asked for, empty for either."""
    language, model = how
    means = _means(manner)
    heard = chores.hear_source(source, model or means.settings.model, language, means, _display(manner))
    _say_warnings(heard.warnings, manner)
    text = chores.write_transcript(heard, form)
    if output and str(output) != "-":
        write_text(output, text)
    else:
        sys.stdout.write(text)
    return 0


def score(transcript: Path, spans: Path, *, position: bool, as_json: bool) -> int:
    """Rate spans that a person picked."""
    asked = chores.read_spans(spans)
    words = read_transcript(transcript, duration=math.inf)
    scores = score_spans(words, asked, weights=resources.load_weights(), use_position=position)
    rated = list(zip(scores, asked, strict=True))
    if as_json:
        print(json.dumps([{"start": span.start, "end": span.end, "score": value} for value, span in rated]))
        return 0
    for value, span in sorted(rated, key=lambda pair: -pair[0]):
        print(f"{value:8.3f}  {clock(span.start)}-{clock(span.end)}")
    return 0


def doctor(*, as_json: bool) -> int:
    """Examine this machine."""
    report = chores.check_up(read_settings())
    print(json.dumps(report.facts(), indent=1) if as_json else report.text())
    return 0 if report.healthy else 5


def styles(preview: Path | None) -> int:
    """List the looks, and draw them when asked."""
    for style in STYLES.values():
        print(f"{style.name:10} {style.summary}")
    if preview:
        for file in chores.draw_styles(preview, read_settings()):
            print(file)
    return 0


def fonts() -> int:
    """List the fonts."""
    for name in resources.font_names():
        print(name)
    return 0


def show_config(*, as_json: bool) -> int:
    """Print every setting."""
    rows = describe_settings(read_settings())
    if as_json:
        print(json.dumps(rows, indent=1))
        return 0
    for row in rows:
        print(f"{row['name']}={row['value']}  ({row['origin']})\n    {row['meaning']}")
    return 0


def _means(manner: Manner) -> Means:
    logging.getLogger("clipmill").setLevel(logging.INFO if manner.verbose else logging.WARNING)
    return Means(read_settings(), manner.encoder, manner.verify == "full")


def _display(manner: Manner) -> Display:
    return display(quiet=manner.quiet)


def _say(text: str, manner: Manner) -> None:
    if not manner.quiet:
        print(text, file=sys.stderr)


def _say_warnings(warnings: Sequence[str], manner: Manner) -> None:
    for warning in warnings:
        _say(f"clipmill: note: {WARNINGS.get(warning, warning)}", manner)


def _tell_clips(done: Sequence[Made], failed: Sequence[tuple[str, ClipmillError]], manner: Manner) -> None:
    for made in done:
        _say_warnings(made.warnings, manner)
    if manner.json:
        print(json.dumps(summary(done, failed), indent=1, ensure_ascii=False))
        return
    for made in done:
        for clip in made.clips:
            print(f"{made.video(clip)}\t{clip.score:.0f}\t{clock(clip.quality.duration)}\t{clip.title}")
        count = "1 clip" if len(made.clips) == 1 else f"{len(made.clips)} clips"
        _say(f"{count} in {made.folder}; {made.folder / 'report.html'} shows them.", manner)
