"""Uploads in the tables and on the disk: never more is told than is there, and nothing is left behind."""

import hashlib
import os
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from clipmill.errors import BudgetError, BusyError, StateError, UnknownError
from clipmill.jobs.database import Database
from clipmill.jobs.receiving import READ_BYTES, Digests, Receiving
from clipmill.jobs.store import Store
from clipmill.jobs.tables import uploads
from clipmill.jobs.upload_rows import Upload
from clipmill.jobs.uploads import Rules, Uploads, safe_name
from store_kit import ask, put

HOUR_S = 3600.0


@pytest.fixture
def kept(database: Database, tmp_path: Path) -> Uploads:
    return Uploads(database, tmp_path / "home", Rules(reserve_mb=0))


def again(kept: Uploads, database: Database) -> Uploads:
    """The uploads as another process sees them."""
    return Uploads(database, kept.folder.parent, kept.rules)


def sent(kept: Uploads, upload: Upload, content: bytes) -> Upload:
    """More of an upload, as one request brings it."""
    with kept.receiving(upload) as file:
        file.write(content)
        kept.commit(upload, file)
        return kept.ended(upload, file)


def age(database: Database, upload: Upload, seconds: float) -> None:
    """Let nobody have touched an upload for so long."""
    with database.begin() as connection:
        row = uploads.update().where(uploads.c.id == upload.id)
        connection.execute(row.values(touched=uploads.c.touched - seconds))


def test_an_upload_goes_on_in_another_process_and_its_hash_is_right(
    kept: Uploads, database: Database
) -> None:
    content = os.urandom(2 * READ_BYTES + 5)
    upload = kept.create("me", "talk.mp4", len(content))
    upload = sent(kept, upload, content[:1000])
    other = again(kept, database)
    upload = sent(other, upload, content[1000:READ_BYTES])
    upload = sent(kept, upload, content[READ_BYTES:])
    assert (upload.done, upload.received) == (True, len(content))
    assert upload.sha256 == hashlib.sha256(content).hexdigest()
    assert kept.file(upload).read_bytes() == content


def test_what_was_written_and_not_flushed_is_never_told(kept: Uploads, database: Database) -> None:
    upload = kept.create("me", "talk.mp4", 100)
    with kept.receiving(upload) as file:
        file.write(b"x" * 10)
        kept.commit(upload, file)
        file.write(b"y" * 10)
        assert kept.find(upload.id, "me").received == 10
        assert kept.file(upload).stat().st_size == 20
    assert kept.file(upload).stat().st_size == 10
    with kept.file(upload).open("ab") as crashed:
        crashed.write(b"y" * 10)
    other = again(kept, database)
    with other.receiving(upload) as file:
        assert (file.offset, other.file(upload).stat().st_size) == (10, 10)
        file.write(b"z" * 90)
        other.commit(upload, file)
        done = other.ended(upload, file)
    assert done.sha256 == hashlib.sha256(b"x" * 10 + b"z" * 90).hexdigest()


def test_what_the_disk_lost_is_not_told_any_more(kept: Uploads) -> None:
    upload = sent(kept, kept.create("me", "talk.mp4", 10), b"12345")
    os.truncate(kept.file(upload), 3)
    assert kept.settled(upload.id, "me").received == 3
    kept.file(upload).unlink()
    assert kept.settled(upload.id, "me").received == 0
    done = sent(kept, upload, b"1234567890")
    assert done.sha256 == hashlib.sha256(b"1234567890").hexdigest()


def test_bytes_are_on_the_disk_before_they_are_told(kept: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = kept.create("me", "talk.mp4", 10)
    course, flush = [], os.fsync

    def fsync(descriptor: int) -> None:
        course.append((kept.find(upload.id, "me").received, os.fstat(descriptor).st_size))
        flush(descriptor)

    with kept.receiving(upload) as file:
        monkeypatch.setattr(os, "fsync", fsync)
        for _ in range(2):
            file.write(b"12345")
            kept.commit(upload, file)
    assert course == [(0, 5), (5, 10)]
    assert kept.find(upload.id, "me").received == 10


def test_one_that_was_cut_off_at_its_very_end_is_finished_at_the_next_look(
    kept: Uploads, database: Database
) -> None:
    upload = kept.create("me", "talk.mp4", 5)
    with kept.receiving(upload) as file:
        file.write(b"12345")
        kept.commit(upload, file)
    found = again(kept, database).find(upload.id, "me")
    assert (found.done, found.sha256) == (True, hashlib.sha256(b"12345").hexdigest())


def test_only_one_holds_a_file_in_this_process_and_in_others(kept: Uploads, database: Database) -> None:
    upload = kept.create("me", "talk.mp4", 5)
    with kept.receiving(upload):
        for each in (kept, again(kept, database)):
            with pytest.raises(StateError) as caught, each.receiving(upload):
                pass
            assert caught.value.code == "upload-locked"
    with kept.receiving(upload):
        pass


def test_who_waits_has_the_file_when_the_other_is_done(kept: Uploads) -> None:
    upload = kept.create("me", "talk.mp4", 5)
    held, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with kept.receiving(upload):
            held.set()
            leave.wait(30)

    holding = threading.Thread(target=hold)
    holding.start()
    assert held.wait(30)
    threading.Timer(0.2, leave.set).start()
    with kept.receiving(upload, wait_s=30.0) as file:
        assert file.offset == 0
    holding.join()


def test_what_is_rolled_back_is_as_if_it_had_never_come(kept: Uploads) -> None:
    upload = kept.create("me", "talk.mp4", 10)
    with kept.receiving(upload) as file:
        file.write(b"12345")
        kept.commit(upload, file)
        file.write(b"wrong")
        file.flush()
        file.write(b"more")
        file.roll_back()
        assert kept.file(upload).stat().st_size == 5
        file.write(b"67890")
        kept.commit(upload, file)
        assert kept.ended(upload, file).sha256 == hashlib.sha256(b"1234567890").hexdigest()


def test_a_full_disk_is_said_so(kept: Uploads, tmp_path: Path) -> None:
    with pytest.raises(BudgetError) as caught:
        kept.create("me", "talk.mp4", 1 << 60)
    assert caught.value.code == "disk-full"
    full = os.open("/dev/full", os.O_RDWR)
    try:
        file = Receiving(full, tmp_path / "upload" / "talk.mp4", 0, None)
        with pytest.raises(BudgetError) as caught:
            file.write(b"12345")
    finally:
        os.close(full)
    assert (caught.value.code, file.offset) == ("disk-full", 0)


def test_an_owner_may_have_so_many_unfinished_ones(kept: Uploads, database: Database) -> None:
    few = Uploads(database, kept.folder.parent, Rules(each=1, reserve_mb=0))
    first = few.create("me", "talk.mp4", 1)
    with pytest.raises(BusyError) as caught:
        few.create("me", "talk.mp4", 1)
    assert caught.value.code == "too-many-uploads"
    few.create("you", "talk.mp4", 1)
    sent(few, first, b"x")
    few.create("me", "talk.mp4", 1)


# --- what is left behind --------------------------------------------------------------------------


def test_one_that_nobody_touches_is_removed_and_remembered_for_a_while(
    kept: Uploads, database: Database
) -> None:
    old, fresh = (sent(kept, kept.create("me", "talk.mp4", 10), b"12345") for _ in range(2))
    age(database, old, 25 * HOUR_S)
    kept.sweep()
    assert not kept.file(old).parent.exists()
    assert kept.find(fresh.id, "me").received == 5
    with pytest.raises(UnknownError) as caught:
        kept.find(old.id, "me")
    assert caught.value.code == "upload-gone"
    age(database, old, 50 * HOUR_S)
    kept.sweep()
    with pytest.raises(UnknownError) as caught:
        kept.find(old.id, "me")
    assert caught.value.code == "upload-unknown"


def test_the_source_of_a_job_stays_until_the_job_is_removed(
    kept: Uploads, database: Database, store: Store
) -> None:
    upload = sent(kept, kept.create("me", 'Ein "Vortrag" ä.mp4', 5), b"12345")
    source = kept.source(upload.id, "me")
    (job,) = put(store, ask(str(source)))
    assert kept.of_source(job.request.source) == upload.id
    age(database, upload, 25 * HOUR_S)
    kept.sweep()
    assert source.read_bytes() == b"12345"
    with pytest.raises(StateError) as caught:
        kept.remove(kept.find(upload.id, "me"))
    assert caught.value.code == "upload-in-use"
    store.remove(job.id)
    kept.sweep()
    assert not source.exists()


def test_to_be_asked_for_by_a_job_keeps_an_upload_for_a_while(kept: Uploads, database: Database) -> None:
    upload = sent(kept, kept.create("me", "talk.mp4", 1), b"x")
    age(database, upload, 23.9 * HOUR_S)
    kept.source(upload.id, "me")
    age(database, upload, 1.0 * HOUR_S)
    kept.sweep()
    assert kept.find(upload.id, "me").done
    assert kept.of_source("/videos/talk.mp4") == ""


def test_folders_without_rows_and_rows_without_folders_go(kept: Uploads, database: Database) -> None:
    living = sent(kept, kept.create("me", "talk.mp4", 10), b"12345")
    lost = sent(kept, kept.create("me", "talk.mp4", 5), b"12345")
    (kept.folder / "orphan").mkdir()
    (kept.folder / "orphan" / "talk.mp4").write_bytes(b"x")
    with database.begin() as connection:
        connection.execute(sa.update(uploads).where(uploads.c.id == lost.id).values(gone=True))
    kept.sweep()
    assert [place.name for place in kept.folder.iterdir()] == [living.id]
    kept.file(living).unlink()
    kept.file(living).parent.rmdir()
    assert sent(kept, living, b"1234567890").done


def test_one_that_must_come_in_one_piece_is_nothing_when_its_sender_is_gone(
    kept: Uploads, database: Database
) -> None:
    coming, cut, fresh = (kept.create("me", "talk.mp4", 10, once=True) for _ in range(3))
    age(database, coming, 120.0)
    age(database, cut, 120.0)
    with kept.receiving(coming) as file:
        file.write(b"12345")
        again(kept, database).sweep()
        assert kept.find(fresh.id, "me").once
        with pytest.raises(UnknownError):
            kept.find(cut.id, "me")
        file.write(b"67890")
        kept.commit(coming, file)
        assert kept.ended(coming, file).done


def test_who_writes_to_a_removed_upload_is_told(kept: Uploads) -> None:
    upload = kept.create("me", "talk.mp4", 10)
    with kept.receiving(upload) as file:
        file.write(b"12345")
        kept.remove(upload)
        with pytest.raises(UnknownError):
            kept.commit(upload, file)
    assert not kept.file(upload).parent.exists()


def test_only_so_many_hashes_are_carried_on(kept: Uploads) -> None:
    digests = Digests()
    upload = kept.create("me", "talk.mp4", 10)
    with kept.receiving(upload) as file:
        file.write(b"12345")
        file.flush()
        for number in range(1000):
            digests.keep(f"u{number}", file)
    assert digests.of("u0", 5) is None
    assert digests.of("u999", 5) is not None
    assert digests.of("new", 0) is not None


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("talk.mp4", "talk.mp4"),
        ("../../etc/passwd", "etc passwd"),
        ("Ein Vortrag.MP4", "Ein Vortrag.mp4"),
        ("-rf.mp4", "rf.mp4"),
        ("con.mp4", "con_.mp4"),
        ("", "untitled"),
        (".mp4", "mp4"),
        ("..", "untitled"),
        ("x" * 200 + ".webm", "x" * 80 + ".webm"),
        ("what.is/this", "what.is this"),
        ("a\0b\nc.mkv", "a b c.mkv"),
    ],
)
def test_a_name_becomes_a_safe_one(name: str, safe: str) -> None:
    assert safe_name(name) == safe
