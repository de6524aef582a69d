"""Downloads, by the real yt-dlp in its sandbox from a real site that misbehaves."""

import gzip
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clipmill.errors import (
    BusyError,
    ClipmillError,
    JobCancelled,
    OutageError,
    RemoteError,
    SettingsError,
    SourceError,
)
from clipmill.media.fetch import Fetched, Fetching, fetch, list_videos, look_up, versions
from clipmill.media.probe import probe
from clipmill.model import Listing
from site_kit import Site, make_hls, make_master, site, video_page

SIZE = 3_000_000
HOUR = 3600.0


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    """A site with a file of random bytes."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "talk.mp4").write_bytes(random.Random(1).randbytes(SIZE))
    with site(folder) as running:
        yield running


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def looked_up(here: Site, work: Path, path: str = "/talk.mp4", **how: object) -> Listing:
    fetching = replace(Fetching(allow=here.allowed), **how)  # type: ignore[arg-type]
    return look_up(here.url(path), fetching=fetching, cwd=work, max_duration_s=HOUR)


def fetched(
    here: Site,
    work: Path,
    ffmpeg: Path,
    listing: Listing,
    tick: Callable[[float], None] = lambda _: None,
    **how: object,
) -> Fetched:
    fetching = replace(Fetching(allow=here.allowed), **how)  # type: ignore[arg-type]
    return fetch(listing, fetching=fetching, ffmpeg=ffmpeg, folder=work, tick=tick)


def failure(here: Site, work: Path, path: str = "/talk.mp4", **how: object) -> ClipmillError:
    with pytest.raises(ClipmillError) as caught:
        looked_up(here, work, path, **how)
    return caught.value


# --- looking up -------------------------------------------------------------------------------------


def test_a_file_at_an_address_has_a_title_and_a_size_but_no_name_of_its_own(here: Site, work: Path) -> None:
    here.pages["/long.mp4"] = bytes(60_000_000)
    listing = looked_up(here, work, "/long.mp4")
    assert (listing.title, listing.size_bytes) == ("long", 60_000_000)
    assert (listing.site, listing.id) == ("", "")
    assert here.sent["/long.mp4"] < 30_000_000  # a look is no download; what was on its way counts


def test_a_page_says_its_title_and_its_captions_come_with_the_video(
    here: Site, work: Path, ffmpeg: Path, talk: Path
) -> None:
    (here.folder / "talk.mp4").write_bytes(talk.read_bytes())
    here.pages["/page.html"] = video_page("A talk", "/talk.mp4", tracks={"en": "/talk.en.vtt"})
    here.pages["/talk.en.vtt"] = b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"
    listing = looked_up(here, work, "/page.html")
    assert listing.title == "A talk"
    assert [(track.language, track.automatic, track.form) for track in listing.captions] == [
        ("en", False, "vtt")
    ]
    done = fetched(here, work, ffmpeg, listing)
    assert done.video.read_bytes() == talk.read_bytes()
    assert [(work / "captions" / track.file).read_bytes() for track in done.captions] == [
        here.pages["/talk.en.vtt"]
    ]
    assert here.hits["/page.html"] == 1  # the fetch goes on from what was looked up


def test_captions_that_cannot_be_had_are_left_out(here: Site, work: Path, ffmpeg: Path) -> None:
    here.pages["/page.html"] = video_page("A talk", "/talk.mp4", tracks={"en": "/gone.vtt"})
    done = fetched(here, work, ffmpeg, looked_up(here, work, "/page.html"))
    assert done.video.stat().st_size == SIZE
    assert done.captions == ()


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "login-needed"), (403, "site-blocked"), (404, "video-gone"), (410, "video-gone"),
     (429, "site-blocked"), (451, "video-geo"), (503, "site-down")],
)  # fmt: skip
def test_what_a_site_answers_is_told_as_what_it_means(here: Site, work: Path, status: int, code: str) -> None:
    here.behave("/talk.mp4", status=status, body=b"<html>no</html>")
    error = failure(here, work)
    assert (error.code, error.retry) == (code, code == "site-down")


def test_a_page_without_a_video_is_no_video(here: Site, work: Path) -> None:
    here.pages["/page.html"] = b"<!doctype html><html><body><p>Only words.</p></body></html>"
    error = failure(here, work, "/page.html")
    assert (error.code, type(error)) == ("no-video", SourceError)


def test_a_file_with_only_sound_is_no_video(here: Site, work: Path) -> None:
    here.pages["/talk.m4a"] = b"\0\0\0\x18ftypM4A " + bytes(1000)
    assert failure(here, work, "/talk.m4a").code == "no-video"


def test_a_ring_of_redirects_ends(here: Site, work: Path) -> None:
    here.behave("/talk.mp4", status=302, headers=(("Location", here.url("/talk.mp4")),))
    error = failure(here, work)
    assert (error.code, error.retry) == ("redirect-loop", False)


def test_a_site_that_is_not_there_may_be_tried_again(here: Site, work: Path) -> None:
    with site(here.folder) as other:
        pass
    fetching = Fetching(allow=other.allowed)
    with pytest.raises(OutageError) as caught:
        look_up(other.url("/talk.mp4"), fetching=fetching, cwd=work, max_duration_s=HOUR)
    assert caught.value.code == "site-down"


def test_what_is_too_large_is_refused_before_it_is_fetched(here: Site, work: Path) -> None:
    assert failure(here, work, most_mb=2).code == "source-too-large"


def test_a_page_that_never_ends_is_given_up(here: Site, work: Path) -> None:
    here.pages["/page.html"] = b"<!doctype html><html>" + b" " * 1000
    here.behave("/page.html", endless=True)
    assert failure(here, work, "/page.html").code == "source-too-large"


def test_an_address_that_is_none_is_refused_at_once(work: Path) -> None:
    for address in ("file:///etc/passwd", "ytsearch:talk", "--exec=id", "http://127.0.0.1/talk.mp4"):
        with pytest.raises(SourceError):
            look_up(address, fetching=Fetching(), cwd=work, max_duration_s=HOUR)


def test_a_list_of_one_video_is_that_video(here: Site, work: Path) -> None:
    fetching = Fetching(allow=here.allowed)
    assert list_videos(here.url("/talk.mp4"), fetching=fetching, cwd=work, most=5) == (here.url("/talk.mp4"),)


def test_a_list_names_its_videos_and_no_more_than_were_asked_for(here: Site, work: Path) -> None:
    items = "".join(
        f"<item><title>{name}</title><link>{here.url(f'/{name}.mp4')}</link></item>" for name in "abc"
    )
    here.pages["/feed.xml"] = (
        f'<?xml version="1.0"?><rss version="2.0"><channel><title>All</title>{items}</channel></rss>'.encode()
    )
    found = list_videos(here.url("/feed.xml"), fetching=Fetching(allow=here.allowed), cwd=work, most=2)
    assert found == (here.url("/a.mp4"), here.url("/b.mp4"))


# --- fetching ---------------------------------------------------------------------------------------


def test_a_download_that_is_cut_ten_times_costs_hardly_more(here: Site, work: Path, ffmpeg: Path) -> None:
    listing = looked_up(here, work)
    here.sent.clear()
    here.behave("/talk.mp4", cuts=tuple(random.Random(7).sample(range(SIZE), 10)))
    shares: list[float] = []
    done = fetched(here, work, ffmpeg, listing, shares.append)
    assert done.video.read_bytes() == here.content("/talk.mp4")
    assert here.sent["/talk.mp4"] <= 1.1 * SIZE
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_cut_download_goes_on_without_marks_of_the_server(here: Site, work: Path, ffmpeg: Path) -> None:
    listing = looked_up(here, work)
    here.sent.clear()
    here.behave("/talk.mp4", cuts=(1_000_000, 2_000_000), validators=False)
    done = fetched(here, work, ffmpeg, listing)
    assert done.video.read_bytes() == here.content("/talk.mp4")
    assert here.sent["/talk.mp4"] <= 1.1 * SIZE


@pytest.mark.parametrize("validators", [True, False])
def test_a_file_that_changes_is_fetched_anew_and_never_joined(
    here: Site, work: Path, ffmpeg: Path, *, validators: bool
) -> None:
    listing = looked_up(here, work)
    new = random.Random(2).randbytes(SIZE)
    here.behave("/talk.mp4", cuts=(1_500_000,), validators=validators)

    def change() -> None:
        while here.manners["/talk.mp4"].cuts:
            time.sleep(0.01)
        here.pages["/talk.mp4"] = new

    changing = threading.Thread(target=change)
    changing.start()
    done = fetched(here, work, ffmpeg, listing)
    changing.join()
    assert done.video.read_bytes() == new


def test_a_server_without_ranges_is_asked_for_the_whole_file(here: Site, work: Path, ffmpeg: Path) -> None:
    listing = looked_up(here, work)
    here.behave("/talk.mp4", cuts=(1_000_000,), ranges=False)
    assert fetched(here, work, ffmpeg, listing).video.read_bytes() == here.content("/talk.mp4")


def test_a_part_that_begins_elsewhere_is_not_taken(here: Site, work: Path, ffmpeg: Path) -> None:
    listing = looked_up(here, work)
    here.behave("/talk.mp4", cuts=(1_000_000,), part=500_000)
    assert fetched(here, work, ffmpeg, listing).video.read_bytes() == here.content("/talk.mp4")


def test_a_length_that_is_never_reached_is_incomplete(here: Site, work: Path, ffmpeg: Path) -> None:
    listing = looked_up(here, work)
    here.behave("/talk.mp4", length=SIZE + 50)
    with pytest.raises(RemoteError) as caught:
        fetched(here, work, ffmpeg, listing)
    assert caught.value.code in ("download-incomplete", "site-down")
    assert not list(work.glob("video-*.mp4"))


def test_a_server_that_packs_the_file_is_understood(here: Site, work: Path, ffmpeg: Path) -> None:
    plain = here.content("/talk.mp4")
    assert plain
    listing = looked_up(here, work)
    here.pages["/talk.mp4"] = gzip.compress(plain)
    here.behave("/talk.mp4", headers=(("Content-Encoding", "gzip"),), cuts=(1_000_000,))
    assert fetched(here, work, ffmpeg, listing).video.read_bytes() == plain


def test_a_stream_that_never_ends_is_stopped(here: Site, work: Path, ffmpeg: Path) -> None:
    here.behave("/talk.mp4", endless=True)
    listing = looked_up(here, work, most_mb=5)
    with pytest.raises(SourceError) as caught:
        fetched(here, work, ffmpeg, listing, most_mb=5)
    assert caught.value.code == "source-too-large"
    assert here.sent["/talk.mp4"] < 40_000_000


def test_one_byte_at_a_time_is_too_slow(here: Site, work: Path, ffmpeg: Path) -> None:
    listing = looked_up(here, work)
    here.behave("/talk.mp4", pause=0.05)
    with pytest.raises(RemoteError) as caught:
        fetched(here, work, ffmpeg, listing, slow_s=3.0)
    assert caught.value.code == "download-slow"


def test_a_link_that_has_run_out_is_asked_for_again(here: Site, work: Path, ffmpeg: Path) -> None:
    here.pages["/page.html"] = video_page("A talk", "/first.mp4")
    listing = looked_up(here, work, "/page.html")
    here.pages["/page.html"] = video_page("A talk", "/talk.mp4")
    here.behave("/first.mp4", status=403)
    assert fetched(here, work, ffmpeg, listing).video.stat().st_size == SIZE
    assert here.hits["/page.html"] == 2


def test_what_a_killed_attempt_left_is_gone_on_with(here: Site, work: Path, ffmpeg: Path) -> None:
    class Killed(BaseException):
        pass

    def die(share: float) -> None:
        if share > 0.2:
            raise Killed

    listing = looked_up(here, work)
    here.sent.clear()
    here.pages["/talk.mp4"] = content = random.Random(3).randbytes(40_000_000)
    with pytest.raises(Killed):
        fetched(here, work, ffmpeg, listing, die)
    part = next(work.glob("*.part")).stat().st_size
    before = here.sent["/talk.mp4"]
    assert fetched(here, work, ffmpeg, listing).video.read_bytes() == content
    assert here.sent["/talk.mp4"] - before <= len(content) - part + 100_000


WORKER = """
import sys
from pathlib import Path
from clipmill.addresses import allowed_places
from clipmill.media.fetch import Fetching, fetch
from clipmill.model import Listing
address, place, ffmpeg, folder = sys.argv[1:]
fetch(
    Listing(address, "", "", "talk"), fetching=Fetching(allow=allowed_places(place)), ffmpeg=Path(ffmpeg),
    folder=Path(folder), tick=lambda share: None,
)
"""


def test_a_worker_that_is_killed_leaves_a_download_to_go_on_with(
    here: Site, work: Path, ffmpeg: Path
) -> None:
    here.pages["/talk.mp4"] = content = random.Random(4).randbytes(60_000_000)
    line = [sys.executable, "-c", WORKER, here.url("/talk.mp4"), here.place, str(ffmpeg), str(work)]
    with subprocess.Popen(line) as worker:
        while sum(file.stat().st_size for file in work.glob("*.part")) < 3_000_000:
            assert worker.poll() is None
            time.sleep(0.01)
        worker.kill()
    listing = Listing(here.url("/talk.mp4"), "", "", "talk")
    done = patient(lambda: fetched(here, work, ffmpeg, listing))
    assert done.video.read_bytes() == content
    assert any(int(asked[6:-1]) >= 2_900_000 for asked in here.ranges("/talk.mp4") if asked)


def patient(work: Callable[[], Fetched]) -> Fetched:
    """What ``work`` gives, when what a killed worker held has been let go."""
    for _ in range(50):
        try:
            return work()
        except BusyError:
            time.sleep(0.2)
    return work()


def test_what_a_killed_attempt_left_of_a_file_that_changed_is_thrown_away(
    here: Site, work: Path, ffmpeg: Path
) -> None:
    listing = looked_up(here, work)

    def leave(_: float) -> None:
        raise JobCancelled

    here.pages["/talk.mp4"] = bytes(30_000_000)
    with pytest.raises(JobCancelled):
        fetched(here, work, ffmpeg, listing, leave)
    here.pages["/talk.mp4"] = new = random.Random(5).randbytes(30_000_000)
    assert fetched(here, work, ffmpeg, listing).video.read_bytes() == new


def test_two_attempts_do_not_write_into_one_folder(here: Site, work: Path, ffmpeg: Path) -> None:
    listing = looked_up(here, work)
    here.behave("/talk.mp4", pause=0.2)
    here.sent.clear()
    ended: list[ClipmillError] = []

    def first() -> None:
        with pytest.raises(ClipmillError) as caught:
            fetched(here, work, ffmpeg, listing, slow_s=15.0)
        ended.append(caught.value)

    thread = threading.Thread(target=first)
    thread.start()
    while here.sent["/talk.mp4"] == 0:
        assert thread.is_alive()
        time.sleep(0.05)
    with pytest.raises(BusyError) as caught:
        fetched(here, work, ffmpeg, listing)
    thread.join()
    assert caught.value.code == "fetch-underway"
    assert [error.code for error in ended] == ["download-slow"]


# --- playlists of pieces ----------------------------------------------------------------------------


@pytest.mark.parametrize("key", [b"", b"0123456789abcdef"])
def test_a_playlist_is_put_together(here: Site, work: Path, ffmpeg: Path, talk: Path, key: bytes) -> None:
    make_hls(ffmpeg, talk, here.folder, key=key)
    listing = looked_up(here, work, "/talk.m3u8")
    here.behave("/talk1.ts", cuts=(2000, 5000))
    done = fetched(here, work, ffmpeg, listing)
    if not key:
        pieces = sorted(here.folder.glob("talk*.ts"), key=lambda file: int(file.stem.removeprefix("talk")))
        assert done.video.read_bytes() == b"".join(piece.read_bytes() for piece in pieces)
    assert done.video.stat().st_size % 188 == 0


def test_a_missing_piece_is_no_hole_in_the_video(here: Site, work: Path, ffmpeg: Path, talk: Path) -> None:
    make_hls(ffmpeg, talk, here.folder)
    listing = looked_up(here, work, "/talk.m3u8")
    (here.folder / "talk2.ts").unlink()
    with pytest.raises(RemoteError) as caught:
        fetched(here, work, ffmpeg, listing)
    assert caught.value.code == "download-incomplete"


def test_a_playlist_that_has_no_end_yet_is_live(here: Site, work: Path, ffmpeg: Path, talk: Path) -> None:
    listed = make_hls(ffmpeg, talk, here.folder).read_text()
    plain = listed.replace("#EXT-X-ENDLIST\n", "").replace("#EXT-X-PLAYLIST-TYPE:VOD\n", "")
    here.pages["/talk.m3u8"] = plain.encode()
    with pytest.raises(SourceError) as caught:
        fetched(here, work, ffmpeg, looked_up(here, work, "/talk.m3u8"))
    assert caught.value.code == "video-live"


def test_pieces_that_a_killed_attempt_left_are_not_fetched_again_unless_the_list_changed(
    here: Site, work: Path, ffmpeg: Path, talk: Path
) -> None:
    make_hls(ffmpeg, talk, here.folder)
    listing = looked_up(here, work, "/talk.m3u8")
    here.behave("/talk2.ts", pause=0.05)
    with pytest.raises(RemoteError):
        fetched(here, work, ffmpeg, listing, slow_s=2.0)
    here.behave("/talk2.ts")
    before = here.hits["/talk0.ts"]
    again = shutil.copytree(work, work.with_name("again"))
    done = fetched(here, work, ffmpeg, listing)
    assert here.hits["/talk0.ts"] == before
    lines = (here.folder / "talk.m3u8").read_text()
    here.pages["/talk.m3u8"] = lines.replace("talk0.ts", "talk1.ts", 1).encode()
    other = fetched(here, again, ffmpeg, listing)
    first, second = ((here.folder / f"talk{number}.ts").read_bytes() for number in (0, 1))
    assert done.video.read_bytes().startswith(first + second)
    assert other.video.read_bytes().startswith(second + second)


def test_picture_and_sound_that_come_apart_are_joined(
    here: Site, work: Path, ffmpeg: Path, talk: Path
) -> None:
    make_master(ffmpeg, talk, here.folder, heights=(180, 360))
    listing = looked_up(here, work, "/master.m3u8", height=200)
    assert listing.height == 360
    shares: list[float] = []
    done = fetched(here, work, ffmpeg, listing, shares.append, height=200)
    media = probe(done.video, cwd=work)
    assert media.audio
    assert media.video.height == 180
    assert media.duration == pytest.approx(24, abs=0.5)
    assert shares == sorted(shares)


# --- what is kept from it ---------------------------------------------------------------------------


@pytest.fixture
def inner(tmp_path: Path) -> Iterator[Site]:
    """A site that nobody may reach."""
    folder = tmp_path / "inner"
    folder.mkdir()
    (folder / "talk.mp4").write_bytes(b"secret" * 1000)
    with site(folder) as running:
        yield running


def test_a_redirect_to_this_machine_leads_nowhere(here: Site, inner: Site, work: Path) -> None:
    here.behave("/talk.mp4", status=302, headers=(("Location", inner.url("/talk.mp4")),))
    assert failure(here, work).code == "address-refused"
    assert not inner.hits


def test_a_page_cannot_make_us_fetch_from_this_machine(
    here: Site, inner: Site, work: Path, ffmpeg: Path
) -> None:
    here.pages["/page.html"] = video_page("A talk", inner.url("/talk.mp4"))
    with pytest.raises(SourceError) as caught:
        fetched(here, work, ffmpeg, looked_up(here, work, "/page.html"))
    assert caught.value.code == "address-refused"
    assert not inner.hits


def test_a_playlist_cannot_make_us_fetch_from_this_machine(
    here: Site, inner: Site, work: Path, ffmpeg: Path
) -> None:
    here.pages["/talk.m3u8"] = (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{inner.url('/talk.ts')}\n#EXT-X-ENDLIST\n".encode()
    )
    with pytest.raises(SourceError) as caught:
        fetched(here, work, ffmpeg, looked_up(here, work, "/talk.m3u8"))
    assert caught.value.code == "address-refused"
    assert not inner.hits


# --- cookies and versions ---------------------------------------------------------------------------


def test_cookies_are_shown_only_to_a_site_that_refuses_and_their_file_is_left_alone(
    here: Site, work: Path, tmp_path: Path
) -> None:
    cookies = tmp_path / "cookies.txt"
    cookies.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\tsesame\n")
    before = cookies.read_bytes(), cookies.stat().st_mtime_ns
    looked_up(here, work, cookies=cookies)
    assert all("cookie" not in headers for _, headers in here.asked)
    here.behave("/talk.mp4", status=403, headers=(("Set-Cookie", "session=other"),))
    assert failure(here, work, cookies=cookies).code == "site-blocked"
    assert [headers.get("cookie") for _, headers in here.asked][-1] == "session=sesame"
    assert (cookies.read_bytes(), cookies.stat().st_mtime_ns) == before
    assert not any(b"sesame" in file.read_bytes() for file in work.rglob("*") if file.is_file())


def test_cookies_in_another_form_are_told(here: Site, work: Path, tmp_path: Path) -> None:
    cookies = tmp_path / "cookies.txt"
    cookies.write_text('[{"name": "session"}]\n')
    here.behave("/talk.mp4", status=403)
    assert failure(here, work, cookies=cookies).code == "setting-wrong"
    assert failure(here, work, cookies=tmp_path / "none.txt").code == "setting-wrong"


def test_yt_dlp_and_its_script_runner_work_in_the_sandbox(work: Path) -> None:
    ytdlp, deno = versions(fetching=Fetching(), cwd=work)
    assert ytdlp >= "2026.07.04"
    assert deno


def test_another_version_of_yt_dlp_is_used_when_it_is_named(work: Path, tmp_path: Path) -> None:
    import yt_dlp

    other = tmp_path / "other"
    (other / "yt_dlp").mkdir(parents=True)
    for file in Path(yt_dlp.__file__).parent.iterdir():
        (other / "yt_dlp" / file.name).symlink_to(file)
    (other / "yt_dlp" / "version.py").unlink()
    own = (Path(yt_dlp.__file__).parent / "version.py").read_text()
    (other / "yt_dlp" / "version.py").write_text(own.replace(own.split("'")[1], "2099.01.01"))
    assert versions(fetching=Fetching(ytdlp=other), cwd=work)[0] == "2099.01.01"
    with pytest.raises(SettingsError):
        versions(fetching=Fetching(ytdlp=tmp_path / "none"), cwd=work)
