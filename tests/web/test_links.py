"""Signed links open until they end, and for nothing else."""

import time

import httpx
import pytest

from clipmill.jobs.records import JobRecord
from clipmill.web.links import LEEWAY_S, STEP_S, sign
from web_kit import Site


@pytest.fixture(scope="module")
def job(site: Site) -> JobRecord:
    return site.ended()


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def link(site: Site, path: str, ends_in: float) -> str:
    expires = int(time.time() + ends_in)
    signature = sign(path, secret=site.store.secret("links"), expires=expires)
    return f"{path}?expires={expires}&signature={signature}"


def test_the_links_of_a_clip_open_and_stay_the_same_for_a_while(site: Site, job: JobRecord) -> None:
    place = f"/v1/clips/{job.id}-m1"
    links = site.http.get(place).json()["links"]
    assert links == site.http.get(place).json()["links"]
    expires = int(links["video"].partition("expires=")[2].partition("&")[0])
    assert expires % STEP_S == 0
    assert 24 * 3600 - 5 <= expires - time.time() <= 25 * 3600
    assert site.http.get(links["video"]).status_code == 200


def test_a_link_that_was_changed_does_not_open(site: Site, job: JobRecord) -> None:
    good = link(site, f"/v1/clips/{job.id}-m1/video", 100)
    other = f"/v1/clips/{job.id}-m2/video?{good.partition('?')[2]}"
    later = good.replace("expires=", "expires=1")
    bare = good.partition("&")[0]
    signature = good.partition("signature=")[2]
    swapped = good.replace(signature, ("0" if signature[0] != "0" else "1") + signature[1:])
    without = f"{good.partition('?')[0]}?signature={signature}"
    for wrong in (other, later, bare, swapped, without, f"{bare}&signature=", f"{bare}&signature=%C3%A4"):
        assert code(site.http.get(wrong)) == (403, "link-wrong")
        assert site.http.head(wrong).status_code == 403


def test_a_link_ends_with_a_minute_for_clocks_that_differ(site: Site, job: JobRecord) -> None:
    path = f"/v1/clips/{job.id}-m1/video"
    assert site.http.get(link(site, path, -LEEWAY_S / 2)).status_code == 200
    assert code(site.http.get(link(site, path, -LEEWAY_S * 2))) == (403, "link-expired")


@pytest.mark.parametrize("name", ["archive.zip", "report"])
def test_what_a_browser_opens_by_itself_is_signed_too(site: Site, job: JobRecord, name: str) -> None:
    path = f"/v1/jobs/{job.id}/{name}"
    assert site.http.get(link(site, path, 100)).status_code == 200
    assert code(site.http.get(f"{path}?expires=1&signature=00")) == (403, "link-wrong")


def test_numbers_that_no_link_has_are_refused(site: Site, job: JobRecord) -> None:
    path = f"/v1/clips/{job.id}-m1/video"
    for query in ("expires=x&signature=0", f"expires={10**30}&signature=0", "signature=" + "0" * 200):
        assert code(site.http.get(f"{path}?{query}")) == (422, "request-wrong")


def test_the_signature_depends_on_path_end_and_secret() -> None:
    first = sign("/a", secret=b"s", expires=1)
    given = (("/b", b"s", 1), ("/a", b"t", 1), ("/a", b"s", 2))
    others = {sign(path, secret=secret, expires=expires) for path, secret, expires in given}
    assert first not in others
    assert len(others) == 3
    assert first == sign("/a", secret=b"s", expires=1)
