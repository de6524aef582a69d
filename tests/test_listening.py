"""What is heard once is not heard again: by name of the site, by sound, for one owner, by many at once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from clipmill import pipeline, sourcing
from clipmill.errors import BusyError, RemoteError, SettingsError
from clipmill.jobs.commons import shared_by
from clipmill.jobs.database import Database
from clipmill.jobs.tables import kept, migrate
from clipmill.listening import Pieces
from clipmill.means import Means
from clipmill.media.ffmpeg import run_ffmpeg
from clipmill.media.speech_api import SpeechService
from clipmill.model import Listing, Transcript
from clipmill.plan import Options
from clipmill.settings import Settings, read_settings
from clipmill.sharing import ALONE, Shared
from clipmill.studio import Job, Services, Stage, Studio
from clipmill.wording import find_words, known_transcript
from clipmill.workspace import Workspace, attempt_space
from speech_kit import KEY, MODEL, Asked, answering, talk_words, verbose

BY = f"service {MODEL}"


# --- a service that counts --------------------------------------------------------------------------


@dataclass
class Counted:
    """A service that says what the talk says; ``gate`` holds its answers back, ``status`` refuses."""

    calls: int = 0
    status: int = 200
    gate: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    @property
    def speech(self) -> SpeechService:
        return SpeechService(self.url, KEY, MODEL, patience_s=0.0)

    def answer(self, _: Asked) -> Any:
        self.calls += 1
        self.asked.set()
        assert self.gate.wait(60)
        return (self.status, verbose(talk_words()) if self.status == 200 else {"error": {"message": "no"}})


@pytest.fixture
def service() -> Iterator[Counted]:
    counted = Counted()
    counted.gate.set()
    with answering(counted.answer) as running:
        counted.url = running.url
        yield counted


# --- jobs -------------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings().model_copy(update={"home": tmp_path / "home", "transcribe_starts": 0})


@cache
def services() -> Services:
    """Programs that were found once for all tests."""
    return Means(read_settings()).services(lambda *_: None)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with opened(f"sqlite:///{tmp_path / 'jobs.db'}") as database:
        yield database


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(url)
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def shared(settings: Settings, database: Database) -> Shared:
    return shared_by(settings, database, "ann")


@contextmanager
def job(folder: Path, wanted: Job, shared: Shared, speech: SpeechService | None) -> Iterator[Studio]:
    """A job whose source has been examined."""
    with attempt_space(folder, "attempt") as work:
        studio = Studio(wanted, work, replace(services(), shared=shared, speech=speech))
        sourcing.examine(studio)
        yield studio


def hear(
    folder: Path, wanted: Job | Path, shared: Shared, speech: SpeechService | None
) -> tuple[bool, Transcript]:
    """Whether somebody listened for a job, and the words."""
    wanted = Job(wanted, Options()) if isinstance(wanted, Path) else wanted
    with job(folder, wanted, shared, speech) as studio:
        worked = find_words(studio, lambda _: None)
        return worked, known_transcript(studio)


def remuxed(ffmpeg: Path, source: Path, target: Path) -> Path:
    run_ffmpeg(
        ffmpeg, ("-i", str(source), "-c", "copy", target.name), cwd=target.parent, reads=(source.absolute(),)
    )
    return target


def test_the_same_sound_in_another_container_under_another_name_is_heard_once(
    talk: Path, ffmpeg: Path, tmp_path: Path, shared: Shared, service: Counted
) -> None:
    other = remuxed(ffmpeg, talk, tmp_path / "renamed.mkv")
    worked, fresh = hear(tmp_path / "a", talk, shared, service.speech)
    assert (worked, fresh.by) == (True, BY)
    worked, again = hear(tmp_path / "b", other, shared, service.speech)
    assert not worked
    assert replace(again, duration=fresh.duration) == fresh
    assert again.duration == pytest.approx(fresh.duration, abs=0.1)
    assert service.calls == 1


def test_of_another_owner_nothing_is_known(
    talk: Path, tmp_path: Path, settings: Settings, database: Database, service: Counted
) -> None:
    for number, owner in enumerate(("ann", "bob", "")):
        worked, _ = hear(tmp_path / owner, talk, shared_by(settings, database, owner), service.speech)
        assert worked
        assert service.calls == number + 1


def test_a_job_that_uses_nothing_of_others_hears_again_and_leaves_it_to_them(
    talk: Path, tmp_path: Path, shared: Shared, service: Counted
) -> None:
    fresh = Job(talk, Options(), reuse=False)
    assert hear(tmp_path / "a", fresh, shared, service.speech)[0]
    assert hear(tmp_path / "b", fresh, shared, service.speech)[0]
    assert service.calls == 2
    assert not hear(tmp_path / "c", talk, shared, service.speech)[0]
    assert service.calls == 2


def test_another_language_is_another_hearing(
    talk: Path, tmp_path: Path, shared: Shared, service: Counted
) -> None:
    hear(tmp_path / "a", talk, shared, service.speech)
    hear(tmp_path / "b", Job(talk, Options(language="en")), shared, service.speech)
    assert service.calls == 2


def test_what_is_kept_broken_is_heard_again(
    talk: Path, tmp_path: Path, shared: Shared, database: Database, service: Counted
) -> None:
    hear(tmp_path / "a", talk, shared, service.speech)
    with database.begin() as connection:
        connection.execute(sa.update(kept).values(value=b"junk"))
    assert hear(tmp_path / "b", talk, shared, service.speech)[0]
    assert service.calls == 2


def test_alone_everything_is_heard_anew(talk: Path, tmp_path: Path, service: Counted) -> None:
    assert hear(tmp_path / "a", talk, ALONE, service.speech)[0]
    assert hear(tmp_path / "b", talk, ALONE, service.speech)[0]
    assert service.calls == 2


def test_a_plan_of_words_that_another_job_heard_is_the_same(
    talk: Path, tmp_path: Path, shared: Shared, service: Counted
) -> None:
    plans = []
    for name in ("fresh", "kept"):
        wanted = Job(talk, Options(count=2, least=4, most=10))
        with job(tmp_path / name, wanted, shared, service.speech) as studio:
            pipeline.run_job(studio, last=Stage.SCORE)
            plans.append(studio.work.path("plan.json").read_bytes())
    assert plans[0] == plans[1]
    assert service.calls == 1


# --- by the site's name -----------------------------------------------------------------------------

ADDRESS = "https://site.example/watch?v=talk"
LISTING = Listing(ADDRESS, "site", "talk", "A talk")


def hear_listed(
    folder: Path, source: Path, listing: Listing, shared: Shared, speech: SpeechService
) -> tuple[bool, Workspace]:
    """Whether somebody listened for a job whose source came from an address."""
    with job(folder, Job(source, Options(), listing.address), shared, speech) as studio:
        sourcing.keep_listing(studio.work, listing.address, listing)
        return find_words(studio, lambda _: None), studio.work


def silent(ffmpeg: Path, target: Path, seconds: float) -> Path:
    given = f"color=c=gray:s=320x180:r=25:d={seconds}"
    sound = f"anullsrc=r=48000:cl=mono,atrim=duration={seconds}"
    arguments = ("-f", "lavfi", "-i", given, "-f", "lavfi", "-i", sound, "-shortest", target.name)
    run_ffmpeg(ffmpeg, arguments, cwd=target.parent, reads=())
    return target


def test_a_video_known_by_its_sites_name_is_not_even_decoded(
    talk: Path, ffmpeg: Path, tmp_path: Path, shared: Shared, service: Counted
) -> None:
    assert hear_listed(tmp_path / "a", talk, LISTING, shared, service.speech)[0]
    smaller = silent(ffmpeg, tmp_path / "small.mp4", 24.1)
    worked, work = hear_listed(tmp_path / "b", smaller, LISTING, shared, service.speech)
    assert (worked, service.calls) == (False, 1)
    assert not (work.kept / "sound.json").exists()
    assert not hear(tmp_path / "c", talk, shared, service.speech)[0]


def test_a_video_that_was_cut_since_or_has_no_name_is_known_by_its_sound_alone(
    talk: Path, ffmpeg: Path, tmp_path: Path, shared: Shared, service: Counted
) -> None:
    nameless = replace(LISTING, site="", id="")
    hear_listed(tmp_path / "a", talk, LISTING, shared, service.speech)
    shorter = silent(ffmpeg, tmp_path / "short.mp4", 20.0)
    assert hear_listed(tmp_path / "b", shorter, LISTING, shared, service.speech)[0]
    assert not hear_listed(tmp_path / "c", talk, nameless, shared, service.speech)[0]
    assert not hear_listed(tmp_path / "d", shorter, nameless, shared, service.speech)[0]
    other = silent(ffmpeg, tmp_path / "other.mp4", 22.0)
    assert hear_listed(tmp_path / "e", other, nameless, shared, service.speech)[0]
    assert service.calls == 3


# --- at once ----------------------------------------------------------------------------------------


def test_while_one_listens_others_are_sent_away_and_then_have_the_words(
    talk: Path, ffmpeg: Path, tmp_path: Path, settings: Settings, database_url: str, service: Counted
) -> None:
    sources = [talk, remuxed(ffmpeg, talk, tmp_path / "other name.mkv")]
    service.gate.clear()
    with opened(database_url) as database, ThreadPoolExecutor(8) as pool:
        shared = shared_by(settings, database, "ann")
        first = pool.submit(hear, tmp_path / "first", talk, shared, service.speech)
        assert service.asked.wait(60)
        others = [
            pool.submit(hear, tmp_path / f"job {number}", sources[number % 2], shared, service.speech)
            for number in range(6)
        ]
        sent = [other.exception(60) for other in others]
        assert [error.code for error in sent if isinstance(error, BusyError)] == ["underway"] * 6
        service.gate.set()
        assert first.result(60)[0]
        for number in range(6):
            assert not hear(tmp_path / f"job {number}", sources[number % 2], shared, service.speech)[0]
    assert service.calls == 1


# --- when the service will not ----------------------------------------------------------------------


def test_a_key_that_is_wrong_fails_who_asked_for_the_service_and_nobody_else(
    talk: Path, tmp_path: Path, shared: Shared, service: Counted
) -> None:
    service.status = 401
    with pytest.raises(RemoteError) as refused:
        hear(tmp_path / "a", Job(talk, Options(transcriber="api")), shared, service.speech)
    assert refused.value.code == "speech-key-wrong"
    _, words = hear(tmp_path / "b", talk, shared, service.speech)
    assert "speech-service-failed" in words.warnings
    assert words.by.startswith("whisper")


def test_what_the_local_model_heard_instead_is_kept_as_its_own(
    talk: Path, tmp_path: Path, shared: Shared, service: Counted
) -> None:
    service.status = 503
    worked, instead = hear(tmp_path / "a", Job(talk, Options(transcriber="api")), shared, service.speech)
    assert worked
    assert instead.warnings[-1] == "speech-service-failed"
    worked, own = hear(tmp_path / "b", Job(talk, Options(transcriber="local")), shared, service.speech)
    assert not worked
    assert replace(instead, warnings=instead.warnings[:-1]) == own
    service.status = 200
    worked, words = hear(tmp_path / "c", talk, shared, service.speech)
    assert (worked, words.by, words.warnings) == (True, BY, ())


def test_the_service_cannot_be_asked_where_there_is_none(talk: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CLIPMILL_SPEECH_URL"):
        hear(tmp_path / "a", Job(talk, Options(transcriber="api")), ALONE, None)


# --- answers that are kept on the way ---------------------------------------------------------------


def test_answers_outlive_an_attempt_even_where_nothing_is_kept_for_others(
    talk: Path, tmp_path: Path, settings: Settings, database: Database
) -> None:
    nothing = shared_by(settings.model_copy(update={"keep_days": 0.0}), database, "")
    for turn in range(2):
        with job(tmp_path / "a", Job(talk, Options()), nothing, None) as studio:
            pieces = Pieces(studio)
            assert (pieces.find("speech piece 1") is None) == (turn == 0)
            pieces.put("speech piece 1", b"words")
    with job(tmp_path / "b", Job(talk, Options()), nothing, None) as studio:
        assert Pieces(studio).find("speech piece 1") is None


def test_answers_are_other_jobs_too_but_not_how_long_one_has_waited(
    talk: Path, tmp_path: Path, shared: Shared
) -> None:
    with job(tmp_path / "a", Job(talk, Options()), shared, None) as studio:
        for key in ("speech piece 1", "speech wait 1"):
            Pieces(studio).put(key, b"value")
    with job(tmp_path / "b", Job(talk, Options()), shared, None) as studio:
        assert Pieces(studio).find("speech piece 1") == b"value"
        assert Pieces(studio).find("speech wait 1") is None
    with job(tmp_path / "c", Job(talk, Options(), reuse=False), shared, None) as studio:
        assert Pieces(studio).find("speech piece 1") is None
