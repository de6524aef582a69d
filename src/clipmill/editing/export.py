"""Cues as the text of SRT, WebVTT and plain text files."""

from collections.abc import Iterator, Sequence

from clipmill.editing.cues import cue_text
from clipmill.model import Cue, Span, Transcript, Word

LINE = 42
"""Letters of a caption line at most: the usual width of subtitles beside a landscape picture."""

LINES = 2
"""Lines of a cue at most."""

LONGEST = 6.0
"""Seconds that a cue is shown at most."""

PAUSE = 0.7
"""Seconds of silence after which a new cue begins."""

_ENDS = (".", "?", "!", "…", "。", "？", "！", "।", "؟")
_UNSPACED = ("zh", "ja", "th", "lo", "km", "my", "yue")


def srt(cues: Sequence[Cue]) -> str:
    """The text of an SRT file; characters stay as they are, for SRT has no way to escape them."""
    blocks = (
        f"{number}\n{_time(cue.span.start, ',')} --> {_time(cue.span.end, ',')}\n{_safe(cue_text(cue))}\n"
        for number, cue in enumerate(cues, 1)
    )
    return "\n".join(blocks)


def vtt(cues: Sequence[Cue]) -> str:
    """The text of a WebVTT file, with its three special characters escaped."""
    blocks = (
        f"{_time(cue.span.start, '.')} --> {_time(cue.span.end, '.')}\n{_escaped(cue_text(cue))}\n"
        for cue in cues
    )
    return "\n".join(["WEBVTT\n", *blocks])


def plain_text(cues: Sequence[Cue]) -> str:
    """The words alone: a line for each sentence, or for each cue where no sentence ends."""
    lines: list[str] = []
    open_line = ""
    for cue in cues:
        text = " ".join(cue_text(cue).split("\n"))
        open_line = f"{open_line} {text}".strip()
        if text.endswith(_ENDS):
            lines.append(open_line)
            open_line = ""
    return "".join(f"{line}\n" for line in [*lines, open_line] if line)


def caption_lines(transcript: Transcript) -> tuple[Cue, ...]:
    """The whole transcript as cues of at most two lines of 42 letters, none over a sentence end or a pause.

    Where a script puts no blanks between words, those of a line are joined to one.
    """
    joined = transcript.language in _UNSPACED
    groups = list(_groups(transcript.words, joined=joined))
    return tuple(
        Cue(Span(group[0].start, group[-1].end), tuple(_wrapped(group, joined=joined))) for group in groups
    )


def _groups(words: Sequence[Word], *, joined: bool) -> Iterator[list[Word]]:
    group: list[Word] = []
    for word in words:
        if group and (_ends(group, word) or len(list(_wrapped([*group, word], joined=joined))) > LINES):
            yield group
            group = []
        group.append(word)
    if group:
        yield group


def _ends(group: Sequence[Word], word: Word) -> bool:
    pause = word.start - group[-1].end > PAUSE
    return pause or group[-1].text.endswith(_ENDS) or word.end - group[0].start > LONGEST


def _wrapped(words: Sequence[Word], *, joined: bool) -> Iterator[tuple[Word, ...]]:
    line: list[Word] = []
    blank = 0 if joined else 1
    for word in words:
        length = sum(len(one.text) + blank for one in line) + len(word.text)
        if line and length > LINE:
            yield _line(line, joined=joined)
            line = []
        line.append(word)
    yield _line(line, joined=joined)


def _line(words: Sequence[Word], *, joined: bool) -> tuple[Word, ...]:
    if not joined:
        return tuple(words)
    return (Word("".join(word.text for word in words), words[0].start, words[-1].end),)


def _safe(text: str) -> str:
    """Text that cannot be taken for a timing line or the blank line that ends a cue."""
    lines = (line.replace("-->", "->") for line in text.split("\n"))
    return "\n".join(line for line in lines if line.strip())


def _escaped(text: str) -> str:
    kept = "\n".join(line for line in text.split("\n") if line.strip())
    return kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(seconds: float, point: str) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"
