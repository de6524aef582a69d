"""Cases of what comes from outside: a speech service that fails on purpose, and uploads that are cut off."""

import base64
import hashlib
import http.client
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from chaos.cases import STARTS_A_MINUTE, Stage
from chaos.clients import PLAIN, Door, Order, settle, submit
from chaos.cluster import Cluster
from chaos.facts import Violation
from chaos.log import Log
from chaos.media import LINES, Talk
from chaos.storm import Result
from clipmill.editing.timed_text import spread

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from fault_proxy import Fault, Proxy, any_faults, faulty
from speech_kit import answering

FAULTS = (
    Fault(status=429, away=8),
    Fault(status=429, away=12, form=0),
    Fault(status=429),
    Fault(status=500),
    Fault(status=503, away=5),
    Fault(status=502),
    Fault(reset=True),
    Fault(cut=40),
    Fault(silent=3),
)
"""What may happen to a call; some of it says how long to stay away."""

SHARE = 0.3
"""Of all calls so many have a fault."""

TALKING_S = 1800.0


# --- a speech service that fails ------------------------------------------------------------------


def speech(stage: Stage, *, jobs: int = 40, kills: int = 3, seed: int = 1) -> Result:
    """Three workers, of which some are killed, ask a service that fails three times in ten for many jobs.

    Never more than five calls may begin in any 60 s, none before the service said that it may be asked
    again, and no job may fail or be heard by anybody else.
    """
    words = [word for at, line in enumerate(LINES) for word in spread(line, 0.4 + 3.4 * at, 3.3 + 3.4 * at)]
    log, stop, chance = Log(stage.folder / "history.jsonl"), threading.Event(), random.Random(seed)
    with answering(words) as service, faulty(service.url, any_faults(seed, share=SHARE, of=FAULTS)) as proxy:
        own = {**service.environment, "CLIPMILL_SPEECH_URL": proxy.url, "CLIPMILL_SPEECH_PATIENCE_S": "3600"}
        cluster = stage.cluster(crew=0, beside=3, **own)
        door = Door(cluster.url, log, stop)
        try:
            cluster.start()
            cluster.ready()
            for number in range(jobs):
                submit(door, Order(f"job-{number}", _unheard(stage, number), count=1, reuse=False))
            for _ in range(kills):
                time.sleep(chance.uniform(10, 20))
                cluster.kill("worker", chance)
                cluster.start()
            unfinished = settle(door, within_s=TALKING_S)
            others = _heard_by_others(door, log)
        finally:
            stop.set()
            cluster.stop()
    faults = [Violation("lost", job, "not ended") for job in unfinished]
    faults += [*_of_calls(proxy), *others]
    faults += [
        Violation("failed", job.id, job.fault) for job in stage.history(log).jobs if job.state != "succeeded"
    ]
    told = f"{len(proxy.starts)} calls, at most {proxy.most_in(60)} in 60 s, {len(proxy.early)} too early"
    told += f"; {jobs - len(unfinished)} of {jobs} jobs ended, {service.transcriptions} answers"
    return Result({"three workers at a speech service that fails": told}, faults)


def _unheard(stage: Stage, number: int) -> Talk:
    """A talk without words, and without clips that are known before."""
    return replace(stage.talks[number % len(stage.talks)], words="", clips={})


def _of_calls(proxy: Proxy) -> Iterator[Violation]:
    most = proxy.most_in(60)
    if most > STARTS_A_MINUTE:
        yield Violation("over-limit", "", f"{most} calls began within 60 s")
    if proxy.early:
        yield Violation("over-limit", "", f"{len(proxy.early)} calls came before the service wanted them")


def _heard_by_others(door: Door, log: Log) -> Iterator[Violation]:
    """Jobs whose words are not the service's."""
    found = []
    for job in log.jobs():
        answer = door.ask("GET", f"/v1/jobs/{job}")
        by = answer.json().get("words_by", "") if answer is not None else "nobody that answers"
        if not by.startswith("service "):
            found.append(Violation("failed", job, f"its words are by {by or 'nobody'}"))
    return iter(found)


# --- uploads that are cut off ---------------------------------------------------------------------

TUS = {"Tus-Resumable": "1.0.0", "Authorization": "Bearer sender"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}
SENDERS = 4
LEAST, MOST = 50_000, 3_000_000
"""Bytes of an upload."""


@dataclass
class Sending:
    """What is sent and what came of it. ``places`` are the finished uploads with their SHA-256."""

    url: str
    chance: random.Random
    stop: threading.Event
    places: dict[str, str] = field(default_factory=dict)
    faults: list[Violation] = field(default_factory=list)
    cuts: int = 0
    unanswered: int = 0


def uploads(stage: Stage, *, count: int = 50, seed: int = 1) -> Result:
    """Uploads are cut off at random bytes and gone on with, and the server is killed again and again.

    What was told to be safe must stay, every upload must come to its end whole, and nothing may be left
    when all are removed.
    """
    cluster = stage.cluster(crew=0, beside=0, CLIPMILL_UPLOADS="1000")
    stop, chance = threading.Event(), random.Random(seed)
    numbers = iter(range(count))
    senders = [Sending(cluster.url, random.Random(f"{seed} {n}"), stop) for n in range(SENDERS)]
    threads = [threading.Thread(target=_send_all, args=(one, numbers), daemon=True) for one in senders]
    kills = 0
    try:
        cluster.start()
        cluster.ready()
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(chance.uniform(0.5, 3))
            kills += cluster.kill("api", chance) is not None
            cluster.start()
            cluster.ready()
        left = _removed(cluster, senders)
    finally:
        stop.set()
        cluster.stop()
    faults = [*(fault for sender in senders for fault in sender.faults), *left]
    done, cuts = sum(len(sender.places) for sender in senders), sum(sender.cuts for sender in senders)
    told = f"{done} of {count} whole, {cuts} cut off, the API killed {kills} times"
    faults += [Violation("lost", "", f"{count - done} uploads did not end")] if done < count else []
    return Result({"uploads that are cut off": told}, faults)


def _send_all(sending: Sending, numbers: Iterator[int]) -> None:
    """Send one after the other while there are any."""
    for number in numbers:
        content = sending.chance.randbytes(sending.chance.randint(LEAST, MOST))
        place = ""
        while not place and not sending.stop.is_set():
            place = _begun(sending, number, len(content))
        _send(sending, place, content)


def _begun(sending: Sending, number: int, length: int) -> str:
    """A new upload; empty when nobody answered."""
    name = base64.b64encode(f"talk-{number}.mp4".encode()).decode()
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": f"filename {name}"}
    answer = _ask(sending, "POST", "/v1/uploads", headers)
    return answer.headers["location"] if answer is not None and answer.status_code == 201 else ""


def _send(sending: Sending, place: str, content: bytes) -> None:
    """Send the rest again and again, most times not to its end; what was told to be safe must stay."""
    safe = 0
    while not sending.stop.is_set():
        answer = _ask(sending, "HEAD", place, TUS)
        if answer is None or answer.status_code != 200:
            continue
        offset = int(answer.headers["upload-offset"])
        if offset < safe:
            text = f"{safe} bytes were told to be safe, and then only {offset}"
            sending.faults.append(Violation("promise", place, text))
        safe = offset
        if offset == len(content):
            break
        safe = max(safe, _send_part(sending, place, content, offset))
    sending.faults += _whole(sending, place, content)


def _send_part(sending: Sending, place: str, content: bytes, offset: int) -> int:
    """Send what is left, or break off at a random byte of it; the offset that was answered, 0 for none."""
    rest = len(content) - offset
    cut = sending.chance.randint(0, rest) if sending.chance.random() < 0.7 else rest
    host = sending.url.removeprefix("http://")
    line = http.client.HTTPConnection(host, timeout=30)
    try:
        line.putrequest("PATCH", place)
        for name, value in {**PIECE, "Upload-Offset": offset, "Content-Length": rest}.items():
            line.putheader(name, str(value))
        line.endheaders()
        line.send(content[offset : offset + cut])
        if cut < rest:
            sending.cuts += 1
            return 0
        answer = line.getresponse()
        answer.read()
        return int(answer.getheader("upload-offset") or 0) if answer.status == 204 else 0
    except (OSError, http.client.HTTPException):
        sending.unanswered += 1
        return 0
    finally:
        line.close()


def _whole(sending: Sending, place: str, content: bytes) -> Iterator[Violation]:
    """What the server says of a finished upload against what was sent."""
    wanted = hashlib.sha256(content).hexdigest()
    answer = None
    while answer is None and not sending.stop.is_set():
        answer = _ask(sending, "GET", place, TUS)
    shown = answer.json() if answer is not None and answer.status_code == 200 else {}
    if shown.get("done") and shown.get("sha256") == wanted:
        sending.places[place] = wanted
    else:
        yield Violation("partial", place, f"all was sent, and the server says {shown}")


def _ask(sending: Sending, method: str, path: str, headers: dict[str, str]) -> httpx.Response | None:
    """One request; None when nobody answered, which is waited out."""
    try:
        return httpx.request(method, sending.url + path, headers=headers, timeout=30, verify=PLAIN)
    except httpx.HTTPError:
        sending.unanswered += 1
        sending.stop.wait(0.1)
        return None


def _removed(cluster: Cluster, senders: list[Sending]) -> list[Violation]:
    """Look at the files, remove every upload, and see what is left."""
    faults = []
    folder = cluster.home / "uploads"
    for sender in senders:
        for place, wanted in sender.places.items():
            files = [path for path in (folder / place.rpartition("/")[2]).iterdir() if path.suffix == ".mp4"]
            if [hashlib.sha256(path.read_bytes()).hexdigest() for path in files] != [wanted]:
                faults.append(Violation("partial", place, "its file is not what was sent"))
            answer = _ask(sender, "DELETE", place, TUS)
            if answer is None or answer.status_code != 204:
                faults.append(Violation("promise", place, "it could not be removed"))
    with suppress(OSError):
        known = {place.rpartition("/")[2] for sender in senders for place in sender.places}
        faults += [Violation("leftover", "", str(path)) for path in folder.iterdir() if path.name in known]
    return faults
