"""What yt-dlp finds out and how it fails, in our words; by information of sites that cannot be asked."""

import time
from typing import Any

import pytest
from pydantic import TypeAdapter
from yt_dlp.networking.exceptions import IncompleteRead, TransportError
from yt_dlp.utils import (
    DownloadError,
    ExtractorError,
    GeoRestrictedError,
    UnsupportedError,
    UserNotLive,
    YoutubeDLError,
)

from clipmill.errors import BudgetError, ClipmillError, OutageError, RemoteError, SourceError
from clipmill.inside import ytdlp_facts as facts
from clipmill.inside.ytdlp import list_entries, one_video, refuse
from clipmill.inside.ytdlp_faults import SPOKEN, meaning
from clipmill.inside.ytdlp_known import Known
from clipmill.inside.ytdlp_pace import Pace
from clipmill.inside.ytdlp_web import LinkFailed
from clipmill.model import Listing, Span

WATCH = "https://www.youtube.com/watch?v=abcdefghijk"


def tube(**more: Any) -> dict[str, Any]:
    """What yt-dlp says about a video of YouTube, shortened."""
    forms = ("json3", "srv1", "vtt", "srt")

    def track(language: str, more: str = "") -> list[dict[str, str]]:
        return [{"ext": form, "url": f"https://x.test/?lang={language}&fmt={form}{more}"} for form in forms]

    return {
        "id": "abcdefghijk",
        "extractor_key": "Youtube",
        "webpage_url": WATCH,
        "title": "How\nto \x1b[31mtalk",
        "uploader": "Somebody",
        "duration": 600,
        "language": "en-US",
        "license": "Creative Commons Attribution license (reuse allowed)",
        "formats": [
            {"height": 2160, "vcodec": "vp9"},
            {"height": 1080, "vcodec": "avc1"},
            {"vcodec": "none"},
        ],
        "requested_formats": [
            {"format_id": "137", "vcodec": "avc1", "filesize": 1000, "height": 1080},
            {"format_id": "140", "vcodec": "none", "filesize_approx": 200.5},
        ],
        "subtitles": {
            "de": track("de"),
            "en": track("en"),
            "live_chat": [{"ext": "json", "url": "https://x"}],
        },
        "automatic_captions": {
            "af": track("en", "&tlang=af"),
            "en-orig": track("en"),
            "en": track("en"),
        },
        "chapters": [
            {"start_time": 0.0, "end_time": 60.0, "title": "Beginning"},
            {"start_time": 60.0, "end_time": 60.0, "title": "Nothing"},
        ],
        "heatmap": [
            {"start_time": 0.0, "end_time": 6.0, "value": 1.0},
            {"start_time": 6.0, "end_time": 12.0, "value": float("nan")},
        ],
        **more,
    }


def listed(info: dict[str, Any], address: str = WATCH) -> Listing:
    return TypeAdapter(Listing).validate_python(facts.listing(info, address))


# --- what is found out ------------------------------------------------------------------------------


def test_what_a_site_says_becomes_a_listing() -> None:
    listing = listed(tube())
    assert (listing.site, listing.id, listing.address) == ("youtube", "abcdefghijk", WATCH)
    assert listing.title == "How to [31mtalk"
    assert (listing.duration, listing.height, listing.size_bytes) == (600, 2160, 1200)
    assert listing.licence.startswith("Creative Commons")
    assert [(part.span, part.title) for part in listing.chapters] == [(Span(0, 60), "Beginning")]
    assert [(part.span, part.value) for part in listing.replays] == [(Span(0, 6), 1.0)]


def test_captions_are_peoples_own_in_the_spoken_language_and_then_the_sites_own_hearing() -> None:
    found = [(one.language, one.automatic, one.form) for one in listed(tube()).captions]
    assert found == [("en", False, "json3"), ("en", True, "json3")]
    german = [(one.language, one.automatic) for one in listed(tube(language="de")).captions]
    assert german[0] == ("de", False)


def test_a_translation_by_machine_is_no_caption() -> None:
    tracks = {"de": [{"ext": "vtt", "url": "https://x.test/?tlang=de"}]}
    assert listed(tube(subtitles={}, automatic_captions=tracks)).captions == ()


def test_the_language_is_told_by_the_original_captions_when_nothing_else_does() -> None:
    assert facts.spoken_language(tube(language=None)) == "en"
    assert facts.spoken_language({"formats": []}) == ""


def test_the_size_is_estimated_by_rate_and_length_and_unknown_otherwise() -> None:
    info = {"duration": 10, "requested_formats": [{"filesize": 5}, {"tbr": 8}]}
    assert facts.size(info) == 5 + 10_000
    assert facts.size({"requested_formats": [{"filesize": 5}, {}]}) is None


@pytest.mark.parametrize(
    "odd",
    [
        {"duration": "long"}, {"duration": -1}, {"duration": float("inf")}, {"title": None}, {"title": 5},
        {"chapters": "no"}, {"heatmap": [{}]}, {"subtitles": []}, {"subtitles": {None: [{"ext": "vtt"}]}},
        {"automatic_captions": {"en": "no"}}, {"formats": None}, {"language": 7}, {"uploader": "a\0b"},
    ],
)  # fmt: skip
def test_odd_facts_are_left_out(odd: dict[str, Any]) -> None:
    assert listed(tube(**odd)).id == "abcdefghijk"


def test_a_video_of_a_plain_page_has_no_name_of_its_own() -> None:
    listing = listed(
        {"id": "talk", "extractor_key": "Generic", "title": "A talk (1)"}, "https://x.test/a.mp4"
    )
    assert (listing.site, listing.id, listing.title) == ("", "", "A talk")


# --- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("info", "code"),
    [
        (tube(is_live=True), "video-live"),
        (tube(live_status="is_upcoming"), "video-live"),
        (tube(live_status="post_live"), "video-live"),
        (tube(duration=7201), "source-too-long"),
        (tube(requested_formats=[{"filesize": 2_000_001, "vcodec": "avc1"}]), "source-too-large"),
        (tube(requested_formats=[{"vcodec": "none"}]), "no-video"),
    ],
)
def test_what_cannot_be_used_is_refused_before_it_is_fetched(info: dict[str, Any], code: str) -> None:
    with pytest.raises(SourceError) as caught:
        refuse(info, longest_s=7200, most_mb=2)
    assert caught.value.code == code


def test_a_recording_of_what_was_live_is_taken() -> None:
    refuse(tube(live_status="was_live"), longest_s=7200, most_mb=2)


def test_a_list_is_no_video_but_a_page_with_several_gives_its_first() -> None:
    links = [{"_type": "url", "url": WATCH}, {"_type": "url", "url": "https://x.test/2"}]
    with pytest.raises(SourceError) as caught:
        one_video({"_type": "playlist", "entries": links}, dict)
    assert caught.value.code == "address-list"
    played = {"_type": "playlist", "entries": [tube(), tube(id="b")]}
    assert one_video(played, dict)["id"] == "abcdefghijk"
    alone = {"_type": "playlist", "entries": links[:1]}
    assert one_video(alone, lambda link: tube(webpage_url=link["url"]))["webpage_url"] == WATCH
    with pytest.raises(SourceError) as caught:
        one_video({"_type": "playlist", "entries": []}, dict)
    assert caught.value.code == "no-video"


def test_the_entries_of_a_list_are_addresses_each_once() -> None:
    entries = [{"url": WATCH}, {"url": WATCH}, {"url": "ytsearch:x"}, None, {"url": "https://x.test/2"}]
    found = {"_type": "playlist", "extractor_key": "YoutubeTab", "entries": entries}
    assert list_entries(found, "https://x.test/list", 5) == [WATCH, "https://x.test/2"]
    assert list_entries(tube(), WATCH, 5) == [WATCH]


# --- how it fails -----------------------------------------------------------------------------------

SAID = [
    ("Private video. Sign in if you've been granted access to this video", "video-private"),
    ("This video is private", "video-private"),
    ("Sign in to confirm you\u2019re not a bot. Use --cookies-from-browser", "site-blocked"),
    ("Sign in to confirm your age. This video may be inappropriate for some users.", "login-needed"),
    ("Join this channel to get access to members-only content like this video", "login-needed"),
    ("This video is only available for registered users", "login-needed"),
    ("This video is protected by a password, use the --video-password option", "login-needed"),
    ("Video unavailable. This video has been removed by the uploader", "video-gone"),
    ("Video unavailable", "video-gone"),
    ("Video unavailable. This video is no longer available because the YouTube account associated with this"
     " video has been terminated.", "video-gone"),
    ("Video unavailable. The uploader has not made this video available in your country", "video-geo"),
    ("Premieres in 3 hours", "video-live"),
    ("This live event will begin in 5 days.", "video-live"),
    ("This live stream recording is not available.", "video-live"),
    ("This video is DRM protected", "video-protected"),
    ("Requested format is not available. Use --list-formats for a list of available formats", "no-video"),
    ("No video formats found!", "no-video"),
    ("This website is no longer supported since it has been determined to be primarily used for piracy.",
     "site-unsupported"),
    ("The current session has been rate-limited by YouTube for up to an hour.", "site-blocked"),
    ("The owner of the moon forbids it", "site-refused"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "code"), SAID)
def test_what_a_site_says_is_understood(words: str, code: str) -> None:
    assert meaning(wrapped(ExtractorError(words, expected=True))).code == code


def wrapped(error: Exception) -> DownloadError:
    """An error as yt-dlp lets it out."""
    return DownloadError(f"ERROR: [site] abc: {error}", (type(error), error, None))


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        (GeoRestrictedError("Not here"), "video-geo", RemoteError),
        (UserNotLive(), "video-live", SourceError),
        (UnsupportedError("https://x.test"), "no-video", SourceError),
        (ExtractorError("Unable to extract the title"), "ytdlp-broken", RemoteError),
        (ExtractorError("Unable to download", cause=TransportError("timed out")), "site-down", OutageError),
        (IncompleteRead(5, 10), "site-down", OutageError),
        (YoutubeDLError("fragment 3 not found, unable to continue"), "download-incomplete", RemoteError),
        (OSError(28, "No space left on device"), "disk-full", BudgetError),
    ],
)
def test_every_kind_of_failure_has_its_class(error: Exception, code: str, kind: type[ClipmillError]) -> None:
    found = meaning(wrapped(error))
    assert (found.code, type(found)) == (code, kind)


def test_an_extractor_that_stumbles_over_a_changed_site_is_outdated() -> None:
    found = meaning(TypeError("'NoneType' object is not subscriptable"))
    assert (found.code, "CLIPMILL_YTDLP" in found.message) == ("ytdlp-broken", True)


def test_what_a_site_says_is_shown_short_and_without_its_links() -> None:
    words = "See https://x.test/?key=secret \x1b[31mnow " + "long " * 200
    found = meaning(wrapped(ExtractorError(words, expected=True)))
    assert "secret" not in found.message
    assert len(found.message) < 300


def test_every_failure_says_what_to_do() -> None:
    assert all(": " in fault.text for fault in SPOKEN)


def test_a_missing_piece_is_a_hole_and_a_missing_file_is_gone() -> None:
    assert LinkFailed(404, whole=False).error().code == "download-incomplete"
    assert LinkFailed(404, whole=True).error().code == "video-gone"
    assert LinkFailed(403, whole=False).error().code == "site-blocked"


# --- whether it is the same file, and how fast it comes ---------------------------------------------


def test_a_file_is_another_when_any_mark_of_it_differs() -> None:
    known = Known(etag='"a"', modified="Mon", total=5)
    assert known.agrees(Known(etag='"a"', total=5))
    assert known.agrees(Known())
    for other in (Known(etag='"b"'), Known(modified="Tue"), Known(total=6), Known(packed=True)):
        assert not known.agrees(other)


def test_a_pace_is_too_slow_only_after_its_time_of_waiting() -> None:
    pace = Pace(seconds=0.05, bytes_a_second=1e6)
    pace.check()
    with pace:
        time.sleep(0.1)
        with pytest.raises(RemoteError) as caught:
            pace.check()
    assert caught.value.code == "download-slow"


def test_time_in_which_nothing_is_waited_for_does_not_count() -> None:
    pace = Pace(seconds=0.05, bytes_a_second=1e6)
    time.sleep(0.1)
    pace.check()
