"""What each stage does and what follows it: the story of a job, from the source to its clips.

A stage loads values, asks machines for facts, asks ``editing`` for decisions, and saves. Done twice it
leaves the same files; what is finished is not done again.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from clipmill import resources
from clipmill.choosing import choose_moments, wanted_of
from clipmill.clipfile import (
    CLIP_MB_A_SECOND,
    clip_file,
    clip_key,
    finished_clip,
    remove_clips_after,
    save_clip,
    words_key,
)
from clipmill.drafting import decide
from clipmill.editing.command import Encoding
from clipmill.editing.safe_areas import SAFE_AREAS
from clipmill.errors import BudgetError, ToolError
from clipmill.media.encode import Kit, about_disk, encode
from clipmill.media.launcher import Tick
from clipmill.media.stills import thumbnail
from clipmill.model import Media, Transcript
from clipmill.plan import Options, Plan, SourceRef, TranscriptRef, plan_text, read_plan, same_request
from clipmill.sourcing import bring, known_media, media_of
from clipmill.studio import Stage, Studio, Task, working_file
from clipmill.timing import known_words, refine
from clipmill.wording import find_words, known_transcript, words_at_hand
from clipmill.workspace import Workspace

log = logging.getLogger(__name__)


def run_job(studio: Studio, *, last: Stage, run: Callable[[Task], object] | None = None) -> None:
    """Do everything up to stage ``last``, one task after the other, in this process.

    ``run`` is another way to do one task than ``run_task``.
    """
    do = run or partial(run_task, studio=studio)
    waiting = [Task(Stage.DOWNLOAD)]
    while waiting:
        task = waiting.pop(0)
        do(task)
        if task.stage is not last:
            waiting.extend(following(task, studio.work))


def following(task: Task, work: Workspace) -> list[Task]:
    """The tasks that a finished task makes possible."""
    match task.stage:
        case Stage.DOWNLOAD:
            return [Task(Stage.TRANSCRIBE)]
        case Stage.TRANSCRIBE:
            return [Task(Stage.SCORE)]
        case Stage.SCORE:
            return encode_tasks(work)
        case Stage.ENCODE:
            return []


def encode_tasks(work: Workspace) -> list[Task]:
    """One task for each clip of the plan."""
    plan = read_plan(work.path("plan.json"))
    return [Task(Stage.ENCODE, number) for number in range(1, len(plan.chosen) + 1)]


def run_task(task: Task, studio: Studio) -> bool:
    """Do one task; False when all of it was found done.

    Raises BudgetError ``disk-full`` when there was no room for what it writes.
    """
    tick = partial(studio.services.tell, task)
    log.info("%s begins", f"{task.stage} {task.clip or ''}".strip())
    tick(0.0)
    try:
        worked = _do(task, studio, tick)
    except (OSError, ToolError) as error:
        said = about_disk(error, studio.work.path("a file"))
        if not isinstance(said, BudgetError):
            raise
        raise said from error
    tick(1.0)
    return worked


def _do(task: Task, studio: Studio, tick: Tick) -> bool:
    match task.stage:
        case Stage.DOWNLOAD:
            return bring(studio, tick)
        case Stage.TRANSCRIBE:
            return find_words(studio, tick)
        case Stage.SCORE:
            return score(studio, tick)
        case Stage.ENCODE:
            return render(studio, task.clip, tick)


def task_units(task: Task, work: Workspace, options: Options | None = None) -> float:
    """What the time that a task takes grows with: seconds that are heard or rendered, 1 where nothing is.

    ``options`` tell, when they are known, whether the words are there and nothing is heard.
    """
    match task.stage:
        case Stage.TRANSCRIBE if options is None or not words_at_hand(work, options):
            media = media_of(work)
            return media.duration if media and media.audio else 1.0
        case Stage.ENCODE:
            plan = read_plan(work.path("plan.json"))
            return plan.span_of(plan.chosen_moments[task.clip - 1]).length
    return 1.0


def room_mb(task: Task, work: Workspace) -> float:
    """MiB of disk that a task may take; what is as small as a transcript counts as nothing."""
    return CLIP_MB_A_SECOND * task_units(task, work) if task.stage is Stage.ENCODE else 0.0


# --- score ------------------------------------------------------------------------------------------


def score(studio: Studio, tick: Tick) -> bool:
    """Choose the moments; leaves ``plan.json``. A plan that answers the same request is kept as it is.

    Where only lines of captions have times, the moments are heard first, and ``words.json`` is left, too.
    """
    media, transcript = known_media(studio), known_transcript(studio)
    file = studio.work.path("plan.json")
    words = TranscriptRef("transcript.json", transcript.language, transcript.by, words_key(transcript))
    if file.exists() and same_request(read_plan(file), studio.job.options, media, words):
        return False
    choice = choose_moments(studio, media, transcript)
    choice, timed = refine(studio, media, transcript, choice, wanted=wanted_of(studio, media), tick=tick)
    plan = Plan(
        SourceRef(studio.job.address or str(studio.job.source.absolute()), media),
        words,
        studio.job.options,
        choice.moments,
        choice.chosen,
        warnings=_warnings(media, timed),
    )
    keep_plan(studio.work, plan)
    remove_clips_after(studio.work, len(plan.chosen))
    return True


def keep_plan(work: Workspace, plan: Plan) -> None:
    """Leave a plan; one that was there is kept beside it."""
    file = work.path("plan.json")
    if file.exists():
        work.write(work.path("plan.previous.json"), file.read_bytes())
    work.write(file, plan_text(plan))


def _warnings(media: Media, transcript: Transcript) -> tuple[str, ...]:
    """What the user should know about the source and its words, each once."""
    lacking = resources.missing_scripts("".join(word.text for word in transcript.words))
    fonts = ("font-missing-letters",) if lacking else ()
    return tuple(dict.fromkeys((*media.warnings, *transcript.warnings, *fonts)))


# --- encode -----------------------------------------------------------------------------------------

DECIDED = 0.15
"""The share of a clip's work that is done when all is decided: analysis against render, measured."""


def render(studio: Studio, number: int, tick: Tick) -> bool:
    """Render one clip; leaves ``clip-NN.mp4`` and what lies beside it, ``clip-NN.json`` last."""
    work, services = studio.work, studio.services
    plan, transcript = read_plan(work.path("plan.json")), known_words(studio)
    moment = plan.chosen_moments[number - 1]
    key = _clip_key(studio, plan, transcript, number)
    if finished_clip(work, number, key=key):
        return False
    scratch = work.scratch(f"clip-{number:02d}")
    draft = decide(studio, plan, moment, transcript, cwd=scratch, tick=lambda share: tick(DECIDED * share))
    video, still = scratch / "clip.mp4", scratch / "clip.jpg"
    rendering = encode(
        draft.edit,
        working_file(studio),
        plan.source.media,
        video,
        kit=Kit(services.ffmpeg, resources.FONTS, scratch, _encoding(studio, plan)),
        tick=lambda share: tick(DECIDED + (1 - DECIDED) * share),
    )
    thumbnail(services.ffmpeg, video, rendering.good_times, still, cwd=scratch)
    work.publish(video, work.clip(number, ".mp4"))
    work.publish(still, work.clip(number, ".jpg"))
    save_clip(work, number, draft, clip_file(number, plan, moment, draft, rendering), key=key)
    return True


def unfinished(studio: Studio) -> list[int]:
    """Numbers of the clips that are not there as the plan says."""
    plan, transcript = read_plan(studio.work.path("plan.json")), known_words(studio)
    return [
        number
        for number in range(1, len(plan.chosen) + 1)
        if not finished_clip(studio.work, number, key=_clip_key(studio, plan, transcript, number))
    ]


def _clip_key(studio: Studio, plan: Plan, transcript: Transcript, number: int) -> str:
    services, moment = studio.services, plan.chosen_moments[number - 1]
    return clip_key(plan, moment, transcript, services.encoding, services.height)


def _encoding(studio: Studio, plan: Plan) -> Encoding:
    return replace(studio.services.encoding, safe_area=SAFE_AREAS[plan.options.safe_area])
