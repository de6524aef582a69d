"""Requests at a given rate, each timed from the moment at which it was due."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

ANSWER_S = 60.0
CONNECTIONS = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a submission: ``status`` 0 when nothing came; ``seconds`` count from when it was due."""

    status: int
    seconds: float
    job: str


def submit_many(url: str, body: Mapping[str, Any], count: int, *, a_second: float) -> list[Answer]:
    """Submit the same job ``count`` times, so many a second, however long the answers take."""
    return asyncio.run(_submit_many(url, body, count, a_second))


async def _submit_many(url: str, body: Mapping[str, Any], count: int, a_second: float) -> list[Answer]:
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with httpx.AsyncClient(base_url=url, timeout=ANSWER_S, limits=limits, trust_env=False) as client:
        start = time.monotonic() + 0.1
        dues = (start + number / a_second for number in range(count))
        return await asyncio.gather(*(_submit(client, body, due) for due in dues))


async def _submit(client: httpx.AsyncClient, body: Mapping[str, Any], due: float) -> Answer:
    await asyncio.sleep(max(0.0, due - time.monotonic()))
    try:
        answer = await client.post("/v1/jobs", json=dict(body))
    except httpx.HTTPError:
        return Answer(0, time.monotonic() - due, "")
    seconds = time.monotonic() - due
    return Answer(answer.status_code, seconds, answer.json()["id"] if answer.status_code == 202 else "")


def statuses(answers: Sequence[Answer]) -> str:
    """How many answers had which status."""
    counted = Counter(answer.status for answer in answers)
    return ", ".join(f"{number} x {status or 'no answer'}" for status, number in sorted(counted.items()))


def share_of(values: Sequence[float], share: float) -> float:
    """The value that so large a share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
