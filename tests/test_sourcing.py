"""The stage that brings a source here from its address, done once and done again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from clipmill.errors import BudgetError, SourceError
from clipmill.means import Means
from clipmill.plan import Options
from clipmill.settings import read_settings
from clipmill.sharing import Shared
from clipmill.sourcing import bring, known_listing, known_media
from clipmill.studio import Job, Studio
from clipmill.workspace import Workspace, job_ended, opened
from site_kit import Site, site, video_page

VTT = b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"

Made = Callable[..., Studio]


@pytest.fixture
def here(tmp_path: Path, talk: Path) -> Iterator[Site]:
    """A site with a page that plays a talk."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "talk.mp4").write_bytes(talk.read_bytes())
    with site(folder) as running:
        running.pages["/page.html"] = video_page(
            "A talk", "/talk.mp4", tracks={"en": "/talk.vtt", "en-GB": "/gone.vtt"}
        )
        running.pages["/talk.vtt"] = VTT
        yield running


@pytest.fixture
def studio(here: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Makes the studio of a job in a folder of its own."""
    monkeypatch.setenv("CLIPMILL_EGRESS_ALLOW", here.place)

    def made(
        name: str = "one", address: str = "/page.html", *, reuse: bool = True, sources: Path | None = None
    ) -> Studio:
        services = Means(read_settings(), shared=Shared(sources=sources, sources_mb=100)).services(
            lambda *_: None
        )
        work = Workspace(tmp_path / name)
        work.kept.mkdir(parents=True, exist_ok=True)
        return Studio(Job(work.fetched, Options(), here.url(address), reuse=reuse), work, services)

    return made


def quiet(_: float) -> None:
    """Show nothing."""


def test_a_source_is_fetched_with_its_captions_and_what_its_site_says(
    here: Site, studio: Made, talk: Path
) -> None:
    one = studio()
    assert bring(one, quiet)
    assert one.work.fetched.read_bytes() == talk.read_bytes()
    listing = known_listing(one.work, one.job.address)
    assert listing is not None
    assert listing.title == "A talk"
    assert [(track.language, track.form) for track in listing.captions] == [("en", "vtt")]
    assert (one.work.captions / listing.captions[0].file).read_bytes() == VTT
    assert known_media(one).duration == pytest.approx(24, abs=0.5)
    assert not one.work.fetching.exists()
    asked = here.hits.copy()
    assert not bring(one, quiet)
    assert here.hits == asked  # done twice it does nothing


def test_a_source_that_was_fetched_before_is_not_fetched_again(
    here: Site, studio: Made, tmp_path: Path, talk: Path
) -> None:
    sources = tmp_path / "sources" / "owner"
    sources.mkdir(parents=True)
    bring(studio(sources=sources), quiet)
    sent = here.sent["/talk.mp4"]
    two = studio("two", sources=sources)
    bring(two, quiet)
    assert two.work.fetched.read_bytes() == talk.read_bytes()
    listing = known_listing(two.work, two.job.address)
    assert listing is not None
    assert [(two.work.captions / track.file).read_bytes() for track in listing.captions] == [VTT]
    assert here.sent["/talk.mp4"] - sent < len(talk.read_bytes()) // 2
    before = here.hits["/talk.mp4"]
    bring(studio("three", sources=sources, reuse=False), quiet)
    assert here.hits["/talk.mp4"] > before


def test_a_source_that_does_not_fit_on_the_disk_is_not_begun(here: Site, studio: Made) -> None:
    one = studio(address="/talk.mp4")
    fetching = replace(one.services.fetching, reserve_mb=10**9)
    full = replace(one, services=replace(one.services, fetching=fetching))
    sent = here.sent["/talk.mp4"]
    with pytest.raises(BudgetError) as caught:
        bring(full, quiet)
    assert caught.value.code == "disk-full"
    assert not one.work.fetched.exists()
    assert here.sent["/talk.mp4"] - sent < 500_000


def test_nothing_is_left_of_what_cannot_be_used(studio: Made) -> None:
    one = studio(address="/gone.mp4")
    with pytest.raises(SourceError) as caught:
        bring(one, quiet)
    assert caught.value.code == "video-gone"
    assert not one.work.fetching.exists()


def test_of_a_list_the_first_is_taken_and_the_others_are_handed_on(here: Site, studio: Made) -> None:
    one = studio(address="/list.xml")
    handed: list[Sequence[str]] = []
    one = replace(one, services=replace(one.services, spread=handed.append))
    items = "".join(f"<item><link>{here.url(f'/{name}')}</link></item>" for name in ("talk.mp4", "b.mp4"))
    here.pages["/list.xml"] = f'<rss version="2.0"><channel>{items}</channel></rss>'.encode()
    here.behave("/list.xml", headers=(("Content-Type", "text/xml"),))
    bring(one, quiet)
    assert one.work.fetched.exists()
    assert handed == [[here.url("/b.mp4")]]


def test_a_half_download_stays_for_the_next_run_and_goes_with_the_job(tmp_path: Path) -> None:
    with opened(tmp_path / "clips") as work:
        work.fetching.mkdir()
        (work.fetching / "video-1.mp4.part").write_bytes(b"half")
    assert (work.fetching / "video-1.mp4.part").exists()
    job_ended(work.folder)
    assert not work.fetching.exists()


def test_a_source_that_is_forgotten_is_gone_with_its_captions(tmp_path: Path) -> None:
    with opened(tmp_path / "clips") as work:
        work.captions.mkdir()
        work.fetched.write_bytes(b"all")
        work.forget_source()
        assert not work.fetched.exists()
        assert not work.captions.exists()
