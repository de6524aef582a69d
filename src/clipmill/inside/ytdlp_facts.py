"""What yt-dlp found out about a video, in our own words: pure, and as careful as with any foreign text."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

Info = dict[str, Any]

NAMELESS = frozenset({"", "generic", "html5mediaembed", "genericembeds"})
"""Extractors that make up names of their own; what they call a video says nothing about its content."""

FORMS = ("json3", "vtt", "srt")
"""Forms of captions that are read, the one that says most first."""

MOST_TRACKS = 3
MOST_PARTS = 1000
MOST_LETTERS = 500


def listing(info: Info, address: str) -> Info:
    """The fields of a ``model.Listing``."""
    site = _text(info.get("extractor_key")).lower()
    named = site not in NAMELESS
    return {
        "address": address if not named else _web(info.get("webpage_url")) or address,
        "site": site if named else "",
        "id": _text(info.get("id")) if named else "",
        "title": _title(info, named=named) or _name_in(address),
        "uploader": _text(info.get("uploader") or info.get("channel")),
        "duration": _number(info.get("duration")),
        "height": max((int(_number(one.get("height")) or 0) for one in formats(info)), default=0),
        "size_bytes": size(info),
        "language": spoken_language(info),
        "licence": _text(info.get("license")),
        "captions": [
            {"language": one["language"], "automatic": one["automatic"], "form": one["form"], "file": ""}
            for one in tracks(info)
        ],
        "chapters": list(_chapters(info)),
        "replays": list(_replays(info)),
    }


def formats(info: Info) -> list[Info]:
    """All forms in which the video can be had."""
    return [one for one in info.get("formats") or [info] if isinstance(one, dict)]


def chosen(info: Info) -> list[Info]:
    """The forms that would be fetched: one, or a picture and a sound."""
    return list(info.get("requested_formats") or [info])


def size(info: Info) -> int | None:
    """Bytes of the forms that would be fetched; None where one of them is not known."""
    sizes = [_size(one, info) for one in chosen(info)]
    known = [one for one in sizes if one]
    return int(sum(known)) if len(known) == len(sizes) else None


def _size(form: Info, info: Info) -> float | None:
    given = _number(form.get("filesize")) or _number(form.get("filesize_approx"))
    rate, seconds = _number(form.get("tbr")), _number(info.get("duration"))
    return given or (rate * 125 * seconds if rate and seconds else None)


def is_live(info: Info) -> bool:
    """Whether the video is being made or has not begun."""
    return bool(info.get("is_live")) or info.get("live_status") in ("is_live", "is_upcoming", "post_live")


def only_sound(info: Info) -> bool:
    """Whether all forms of it are known to have no picture."""
    return all(one.get("vcodec") == "none" for one in chosen(info))


def spoken_language(info: Info) -> str:
    """The language that is spoken, as far as the site says; empty where it does not."""
    said = _text(info.get("language"))
    heard = [name for name in _named(info, "automatic_captions") if name.endswith("-orig")]
    forms = [_text(one.get("language")) for one in chosen(info)]
    return said or (heard[0].removesuffix("-orig") if heard else "") or next(filter(None, forms), "")


# --- captions ---------------------------------------------------------------------------------------


def tracks(info: Info) -> list[Info]:
    """The captions worth fetching: people's own in the language that is spoken, then what the site heard.

    Each is a dictionary of ``language``, ``automatic``, ``form`` and ``source``, what yt-dlp fetches it by.
    """
    spoken = spoken_language(info)
    written, heard = _named(info, "subtitles"), _heard(_named(info, "automatic_captions"), spoken)
    fitting = [name for name in written if not (name and spoken) or _same(name, spoken)]
    found = [_track(written[name], name, automatic=False) for name in fitting]
    return [*filter(None, found)][: MOST_TRACKS - len(heard)] + heard


def _heard(named: dict[str, list[Info]], spoken: str) -> list[Info]:
    """What the site's recogniser wrote, not a translation of that: one track or none."""
    plain = [name for name, forms in named.items() if not _translated(forms)]
    originals = [name for name in named if name.endswith("-orig")]
    ranked = [*originals, *(name for name in plain if spoken and _same(name, spoken)), *plain]
    track = _track(named[ranked[0]], ranked[0], automatic=True) if ranked else None
    return [track] if track else []


def _translated(forms: Sequence[Info]) -> bool:
    return any("tlang=" in str(one.get("url")) for one in forms if isinstance(one, dict))


def _track(forms: Sequence[Info], name: str, *, automatic: bool) -> Info | None:
    known = {str(one.get("ext")).lower(): one for one in forms if isinstance(one, dict)}
    form = next((form for form in FORMS if form in known), "")
    language = name.removesuffix("-orig")
    if not form:
        return None
    return {"language": language, "automatic": automatic, "form": form, "source": known[form]}


def _named(info: Info, kind: str) -> dict[str, list[Info]]:
    """The tracks of a kind by name; what is no list of forms is left out."""
    found = info.get(kind)
    if not isinstance(found, Mapping):
        return {}
    lists = {_text(name): forms for name, forms in found.items() if isinstance(forms, list)}
    return {name: forms for name, forms in lists.items() if name != "live_chat"}


def _same(one: str, other: str) -> bool:
    return re.split(r"[-_]", one.lower())[0] == re.split(r"[-_]", other.lower())[0]


# --- parts ------------------------------------------------------------------------------------------


def _chapters(info: Info) -> Iterator[Info]:
    for part, span in _spans(info.get("chapters")):
        yield {"span": span, "title": _text(part.get("title"))}


def _replays(info: Info) -> Iterator[Info]:
    for part, span in _spans(info.get("heatmap")):
        value = _number(part.get("value"))
        if value is not None:
            yield {"span": span, "value": min(1.0, value)}


def _spans(parts: object) -> Iterator[tuple[Info, Info]]:
    """Parts with a start and an end, at most 1,000; what runs backwards is left out."""
    for part in (parts if isinstance(parts, list) else [])[:MOST_PARTS]:
        start, end = _number(part.get("start_time")), _number(part.get("end_time"))
        if start is not None and end is not None and start < end:
            yield part, {"start": start, "end": end}


# --- foreign values ---------------------------------------------------------------------------------


def _number(value: object) -> float | None:
    """A finite number from zero on, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def _text(value: object) -> str:
    """A foreign text in one line without steering characters."""
    plain = "".join(letter if letter.isprintable() else " " for letter in str(value or ""))
    return " ".join(plain.split())[:MOST_LETTERS]


def _title(info: Info, *, named: bool) -> str:
    """The title, without the number that yt-dlp gives to the first video of a page."""
    title = _text(info.get("title"))
    return title if named else title.removesuffix(" (1)")


def _web(value: object) -> str:
    text = _text(value)
    return text if re.match(r"https?://", text) else ""


def _name_in(address: str) -> str:
    parts = urlsplit(address)
    return unquote(parts.path.rstrip("/").rpartition("/")[2]).rpartition(".")[0] or parts.netloc
