"""``report.html``: one page about a job's clips that opens from disk, with nothing loaded from elsewhere."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

from clipmill.clipfile import ClipFile
from clipmill.model import Moment, QualityCard
from clipmill.plan import Plan
from clipmill.progress import clock
from clipmill.warnings import WARNINGS

_TEMPLATE = Path(__file__).parent / "data" / "report.html"


def page(plan: Plan, clips: Sequence[ClipFile], warnings: Iterable[str]) -> str:
    """The text of the page; every word from outside is escaped."""
    media = plan.source.media
    count = "1 clip" if len(clips) == 1 else f"{len(clips)} clips"
    facts = f"{count} from {clock(media.duration)} of video, words by {plan.transcript.by}"
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(Path(media.name).stem),
        facts=escape(facts) + _address(plan.source.path),
        warnings="".join(f'<p class="warning">Note: {escape(WARNINGS.get(w, w))}.</p>' for w in warnings),
        marks="".join(_mark(clip, media.duration) for clip in clips),
        end=clock(media.duration),
        clips="".join(_card(clip) for clip in clips),
        misses=_misses(plan),
    )


def _address(source: str) -> str:
    """Where the source came from, when that is an address; no other scheme becomes a link."""
    if not source.startswith(("https://", "http://")):
        return ""
    where = escape(source, quote=True)
    return f', from <a href="{where}" rel="noreferrer noopener">{where}</a>'


def _mark(clip: ClipFile, duration: float) -> str:
    left, width = 100 * clip.span.start / duration, 100 * clip.span.length / duration
    return (
        f'<a role="listitem" href="#clip-{clip.rank}" title="{escape(clip.title, quote=True)}"'
        f' style="left:{left:.2f}%;width:{width:.2f}%">{clip.rank}</a>'
    )


def _card(clip: ClipFile) -> str:
    name = f"clip-{clip.rank:02d}"
    wide = ' class="wide"' if clip.width > clip.height else ""
    words = " ".join(f'<span data-at="{word.start:.2f}">{escape(word.text)}</span>' for word in clip.words)
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in clip.reasons)
    files = " ".join(
        f'<a href="{name}{suffix}" download>{suffix[1:].upper()}</a>' for suffix in (".mp4", ".srt", ".vtt")
    )
    return f"""<article id="clip-{clip.rank}"{wide}>
<video controls preload="none" playsinline poster="{name}.jpg" src="{name}.mp4"
 style="aspect-ratio:{clip.width}/{clip.height}"></video>
<div>
<div class="rank"><b>{clip.rank}</b><span class="bar"><i style="width:{clip.score:.0f}%"></i></span>
<span title="Better than this share of all moments in this video">{clip.score:.0f}</span>
<span>{clock(clip.span.start)}–{clock(clip.span.end)}</span></div>
<h3>{escape(clip.title)}</h3>
<ul class="reasons">{reasons}</ul>
<div class="words" dir="auto">{words}</div>
<details><summary>Quality, measured on the finished clip</summary><dl>{_quality(clip.quality)}</dl></details>
<div class="files">{files}</div>
</div>
</article>
"""


def _quality(card: QualityCard) -> str:
    rows = (
        ("Length", clock(card.duration), True),
        ("Face inside the frame", _share(card.face_inside), (card.face_inside or 1) >= 0.95),
        ("Face seen", _share(card.face_seen), True),
        ("Window moves a minute", _number(card.moves_per_minute), (card.moves_per_minute or 0) <= 12),
        ("Loudness", _number(card.loudness_lufs, " LUFS"), abs((card.loudness_lufs or -14) + 14) <= 1),
        ("True peak", _number(card.true_peak_db, " dB"), (card.true_peak_db or -2) <= -1),
        ("Captions in the safe area", _truth(card.caption_safe), card.caption_safe is not False),
        ("Starts in a pause", _truth(card.start_clean), True),
        ("Ends in a pause", _truth(card.end_clean), True),
        ("Size", f"{card.size_bytes / 1e6:.1f} MB", True),
    )
    return "".join(_row(*row) for row in rows if row[1])


def _row(name: str, value: str, fine: bool) -> str:
    mark = "" if fine else ' class="off"'
    return f"<dt>{name}</dt><dd{mark}>{value}</dd>"


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _number(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{value:.1f}{unit}"


def _truth(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"


def _misses(plan: Plan) -> str:
    missed = [moment for moment in plan.moments if moment.id not in plan.chosen]
    if not missed:
        return ""
    rows = "".join(_miss(moment) for moment in missed)
    return (
        "<h2>Passed over</h2><table><tr><th>Where</th><th>Score</th><th>What</th></tr>"
        f"{rows}</table><p class=facts>Add an id from plan.json to its “chosen” and run"
        " <code>clipmill render plan.json</code> to have one of these.</p>"
    )


def _miss(moment: Moment) -> str:
    where = f"{clock(moment.span.start)}–{clock(moment.span.end)}"
    return (
        f"<tr><td>{where}</td><td>{moment.score:.0f}</td>"
        f"<td>{escape(moment.title)}<br><small>{escape('; '.join(moment.reasons))}</small></td></tr>"
    )
