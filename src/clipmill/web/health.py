"""How the server is: whether it answers, whether it can take work, its figures, and what it is."""

import shutil
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from starlette.requests import HTTPConnection

from clipmill.errors import BusyError
from clipmill.web.floor import Floor, Ground
from clipmill.web.meters import Meters
from clipmill.web.problems import told
from clipmill.web.shapes import Check, Health, Readiness, Version

router = APIRouter(tags=["server"])


def meters_of(connection: HTTPConnection) -> Meters:
    """The meters of the application that a request came to."""
    meters: Meters = connection.app.state.meters
    return meters


@router.get("/healthz", responses=told(), summary="Does the process answer?")
async def tell_health() -> Health:
    """Says ok as long as the process can answer; look at /readyz for the rest."""
    return Health(status="ok")


@router.get(
    "/readyz",
    responses={
        200: {"description": "Jobs are taken and worked on."},
        503: {"description": "They are not.", "model": Readiness},
        **told(),
    },
    summary="Can jobs be taken and worked on?",
)
def tell_readiness(floor: Ground, response: Response) -> Readiness:
    """Each condition with what was found; 503 when one does not hold."""
    checks = {
        **_store_checks(floor),
        "disk": _disk(floor),
        "stopping": _stopping(floor),
        "sandbox": Check(ok=True, detail=floor.sandbox or "not measured"),
    }
    ready = all(check.ok for check in checks.values())
    response.status_code = 200 if ready else 503
    if not ready:
        response.headers["Retry-After"] = "5"
    return Readiness(ready=ready, checks=checks)


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "description": "The figures as Prometheus reads them.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **told(),
    },
    summary="Figures for Prometheus",
)
def tell_figures(floor: Ground, meters: Annotated[Meters, Depends(meters_of)]) -> Response:
    """Jobs, tasks, workers, the disk, and the requests that were answered."""
    text = generate_latest(_Stored(floor)) + generate_latest(meters.registry)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


@router.get("/version", responses=told(), summary="What runs here?")
async def tell_version(floor: Ground) -> Version:
    """The version of clipmill and of this interface."""
    return Version(clipmill=floor.version, api="v1")


# --- readiness ------------------------------------------------------------------------------------


def _store_checks(floor: Floor) -> dict[str, Check]:
    try:
        workers = floor.store.counts()["workers"]
    except BusyError as error:
        away = Check(ok=False, detail="not known while the database is away")
        return {"database": Check(ok=False, detail=error.message), "workers": away}
    seen = "1 worker was" if workers == 1 else f"{workers} workers were"
    return {
        "database": Check(ok=True, detail="it answers"),
        "workers": Check(ok=workers > 0, detail=f"{seen} seen in the last 60 s"),
    }


def _disk(floor: Floor) -> Check:
    free_mb = free_bytes(floor) >> 20
    return Check(ok=free_mb >= floor.reserve_mb, detail=f"{free_mb} MiB free, {floor.reserve_mb} MiB kept")


def _stopping(floor: Floor) -> Check:
    stopping = floor.stopping.is_set()
    return Check(ok=not stopping, detail="the server is about to end" if stopping else "no")


def free_bytes(floor: Floor) -> int:
    """Free space on the disk of the jobs."""
    return shutil.disk_usage(floor.home).free


# --- figures --------------------------------------------------------------------------------------


class _Stored:
    """The figures that the store knows, asked for when they are read."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def collect(self) -> Iterator[Metric]:
        floor = self._floor
        yield GaugeMetricFamily("clipmill_queue_bound", "Jobs that may wait at most.", floor.bound)
        yield GaugeMetricFamily("clipmill_disk_free_bytes", "Free space for jobs.", free_bytes(floor))
        yield GaugeMetricFamily("clipmill_disk_reserve_bytes", "Space kept free.", floor.reserve_mb << 20)
        try:
            counts = floor.store.counts()
        except BusyError:
            yield GaugeMetricFamily("clipmill_database_up", "Whether the database answers.", 0)
            return
        yield GaugeMetricFamily("clipmill_database_up", "Whether the database answers.", 1)
        jobs = GaugeMetricFamily("clipmill_jobs", "Jobs by state.", labels=("state",))
        for state, number in counts["jobs"].items():
            jobs.add_metric((state,), number)
        yield jobs
        tasks = GaugeMetricFamily("clipmill_tasks", "Tasks by stage and state.", labels=("stage", "state"))
        for stage, states in counts["tasks"].items():
            for state, number in states.items():
                tasks.add_metric((stage, state), number)
        yield tasks
        yield GaugeMetricFamily("clipmill_workers", "Workers seen in the last 60 s.", counts["workers"])
        yield GaugeMetricFamily("clipmill_crashes", "Deaths of workers in tasks.", counts["crashes"])
