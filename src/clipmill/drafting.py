"""All decisions about one clip: asks the machines what is there and ``editing`` what to do with it."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from clipmill import resources
from clipmill.clipfile import Draft
from clipmill.editing.ass import ass_text
from clipmill.editing.canvas import canvas_for
from clipmill.editing.cues import make_cues
from clipmill.editing.excerpt import Cut, excerpt, whole_frames
from clipmill.editing.layout import centre, frame_clip
from clipmill.editing.placing import caption_places
from clipmill.editing.safe_areas import SAFE_AREAS
from clipmill.editing.styles import STYLES
from clipmill.editing.typesetting import Page
from clipmill.errors import ToolError
from clipmill.media.launcher import Tick
from clipmill.media.look import look
from clipmill.media.loudness import measure_gain
from clipmill.media.probe import snap_to_frame
from clipmill.model import Cue, Edit, Framing, Layout, Media, Moment, Scene, Sighting, Span, Transcript, Word
from clipmill.plan import Plan
from clipmill.studio import Studio, working_file

log = logging.getLogger(__name__)

LISTENED = 0.1
"""The share of deciding that is done when the loudness is known."""


def decide(
    studio: Studio, plan: Plan, moment: Moment, transcript: Transcript, *, cwd: Path, tick: Tick
) -> Draft:
    """All decisions about the clip of ``moment``."""
    ffmpeg, source, media = studio.services.ffmpeg, working_file(studio), plan.source.media
    canvas = canvas_for(plan.options.aspect, media, studio.services.height)
    wanted = plan.span_of(moment)
    cut = whole_frames(snap_to_frame(source, media, wanted.start, cwd=cwd), wanted.end, canvas)
    gain = measure_gain(ffmpeg, source, media, cut.span, cwd=cwd, tick=lambda share: tick(LISTENED * share))
    sighting = _look(
        ffmpeg, source, media, cut.span, cwd=cwd, tick=lambda share: tick(LISTENED + (1 - LISTENED) * share)
    )
    framing = _framing(plan, moment, cut, sighting)
    words = excerpt(transcript.words, cut.span, changed=plan.change_of(moment).words)
    cues, text = _captions(plan, moment, words, transcript.language, (cut, framing, sighting))
    return Draft(Edit(cut.span, cut.frames, cut.canvas, framing, text, gain), cues, words)


def _captions(
    plan: Plan,
    moment: Moment,
    words: Sequence[Word],
    language: str,
    seen: tuple[Cut, Framing, Sighting | None],
) -> tuple[tuple[Cue, ...], str]:
    """The captions, and the text of the file that draws them."""
    cut, framing, sighting = seen
    style = STYLES[plan.change_of(moment).style or plan.options.style]
    page = Page(cut.canvas, SAFE_AREAS[plan.options.safe_area])
    letters = resources.font_metrics(style, language)
    cues = make_cues(
        words,
        style=style,
        measure=letters,
        canvas=page.canvas,
        safe=page.safe,
        clip_length=cut.span.length,
    )
    if not cues:
        return (), ""
    seen_in = sighting or Sighting(cut.span, (), ())
    places = caption_places(seen_in, framing, style=style, page=page, picture=Fraction(*_picture(plan)))
    return cues, ass_text(
        cues, style=style, measure=letters, canvas=page.canvas, safe=page.safe, places=places
    )


def _look(ffmpeg: Path, source: Path, media: Media, span: Span, *, cwd: Path, tick: Tick) -> Sighting | None:
    """What is seen in the clip's span, None when the face model died."""
    try:
        return look(ffmpeg, source, media, span, cwd=cwd, tick=tick)
    except ToolError as error:
        log.warning("Face tracking failed, the window stays in the middle: %s\n%s", error, error.detail)
        return None


def _framing(plan: Plan, moment: Moment, cut: Cut, sighting: Sighting | None) -> Framing:
    """Where to look: as a person said, as was seen, or into the middle."""
    change, picture = plan.change_of(moment), _picture(plan)
    aspect = Fraction(cut.canvas.width, cut.canvas.height)
    if change.crop:
        return Framing((Scene(cut.span, Layout.FILL),), change.crop)
    if sighting is None:
        return replace(centre(cut.span, picture=picture, aspect=aspect), degraded=("face-tracking",))
    layout = change.layout or plan.options.layout
    return frame_clip(
        sighting, picture=picture, aspect=aspect, layout=layout, frame_rate=cut.canvas.frame_rate
    )


def _picture(plan: Plan) -> tuple[int, int]:
    """Width and height of the source as shown, in pixels."""
    video = plan.source.media.video
    return video.display_width, video.display_height
