"""What each command does: options in, jobs and chores done, paths and figures out."""

import json
import logging
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from clipmill import chores, resources
from clipmill.batches import sources_of
from clipmill.editing.choose import score_spans
from clipmill.editing.styles import STYLES
from clipmill.errors import UsageError
from clipmill.jobs.commons import shared_here
from clipmill.local import Display, make_clips, make_plan, render_plan
from clipmill.means import Means
from clipmill.media.captions import read_transcript
from clipmill.options import Batch, Manner, Spoken, Wish
from clipmill.origins import videos_at
from clipmill.plan import checked_options, plan_text
from clipmill.progress import clock, display
from clipmill.rights import demand_rights, on_terminal
from clipmill.settings import Settings, describe_settings, read_settings
from clipmill.tally import Tally
from clipmill.telling import Telling
from clipmill.watching import Memory, Watcher, watched_folder
from clipmill.workspace import write_text


def make(sources: Sequence[str], output: Path, batch: Batch, wish: Wish, manner: Manner) -> int:
    """Make clips of each source; one that fails does not stop the others."""
    means = _means(manner)
    options = checked_options(wish.given(means.settings.model))
    telling = Telling(manner.json, manner.quiet, by_line=batch.watch)

    def work(source: str) -> None:
        telling.made(make_clips(source, output, options, means, _display(manner), force=manner.force))

    def expand(address: str) -> tuple[str, ...]:
        with _display(manner) as show:
            return videos_at(address, means, show)

    tally = Tally(work, telling.failed, expand)
    if batch.watch:
        memory = Memory(output / ".clipmill-watched.json", repr((options, manner.encoder)))
        telling.watch(tally, Watcher(watched_folder(sources, batch.listed), memory))
    else:
        telling.batch(tally, _named(sources, batch, means.settings, manner))
    telling.counts(tally)
    telling.ended()
    return tally.code


def _named(sources: Sequence[str], batch: Batch, settings: Settings, manner: Manner) -> tuple[str, ...]:
    named = sources_of(sources, batch.listed)
    if not named:
        raise UsageError("Which video? Try: clipmill make talk.mp4", code="no-source")
    _demand_rights(named, settings, manner)
    return named


def plan(source: str, output: Path, wish: Wish, manner: Manner) -> int:
    """Choose the moments of a source."""
    means = _means(manner)
    options = checked_options(wish.given(means.settings.model))
    _demand_rights((source,), means.settings, manner)
    made = make_plan(source, output, options, means, _display(manner), force=manner.force)
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
    _demand_rights((source,), means.settings, manner)
    options = checked_options(wish.given(means.settings.model))
    forecast = chores.estimate(source, options, means, _display(manner))
    if manner.json:
        print(json.dumps(forecast, indent=1))
        return 0
    print(f"{forecast['clips']} clips from {clock(forecast['source_seconds'])} of video would take")
    if forecast["download_mb"]:
        print(f"  fetch  about {forecast['download_mb']} MB")
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
    telling = Telling(manner.json, manner.quiet)
    telling.made(render_plan(plan_file, output, _means(manner), _display(manner), only=numbers))
    telling.ended()
    return 0


def transcribe(source: str, output: Path | None, form: str, words: Spoken, manner: Manner) -> int:
    """Write down what is said."""
    means = _means(manner)
    options = checked_options(words.given(means.settings.model))
    _demand_rights((source,), means.settings, manner)
    heard = chores.hear_source(source, options, means, _display(manner), reuse=not manner.force)
    Telling(as_json=False, quiet=manner.quiet).notes(heard.warnings)
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
    settings = read_settings()
    return Means(settings, manner.encoder, manner.verify == "full", shared=shared_here(settings))


def _demand_rights(sources: Sequence[str], settings: Settings, manner: Manner) -> None:
    demand_rights(sources, settings, said=manner.rights, quiet=manner.quiet, ask=on_terminal())


def _display(manner: Manner) -> Display:
    return display(quiet=manner.quiet)


def _say(text: str, manner: Manner) -> None:
    if not manner.quiet:
        print(text, file=sys.stderr)
