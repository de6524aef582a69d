"""The HTTP application put together: what it answers, what it refuses, and how it describes itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from clipmill.jobs.supervise import supervise
from clipmill.plan import Plan
from clipmill.web import clips, events, health, jobs, plans, uploads
from clipmill.web.floor import Floor
from clipmill.web.guard import Guard
from clipmill.web.links import clip_links
from clipmill.web.meters import Metered, Meters
from clipmill.web.problems import Problem, tell_problems, told
from clipmill.web.reception import Reception
from clipmill.web.server import serve_app

__all__ = ["create_app", "serve_app"]

SWEEP_S = 600.0
"""How often uploads that nobody goes on with or uses are looked for."""

REF = "#/components/schemas/{model}"

ABOUT = """Long videos in, ranked vertical captioned clips out.

Hand in a job, follow its events, fetch its clips. Errors are RFC 9457 problems with a stable `code`. Times
are UTC. Fields that are not known are refused.
"""

TAGS = [
    {"name": "jobs", "description": "Hand in, look at, wait for, stop and remove jobs."},
    {"name": "uploads", "description": "Send videos to the server, in one piece or by tus 1.0.0."},
    {"name": "events", "description": "Follow a job as it happens."},
    {"name": "clips", "description": "Finished clips and their files."},
    {"name": "plans", "description": "What was decided, to be changed and rendered again."},
    {"name": "server", "description": "How the server is."},
]


def create_app(floor: Floor) -> FastAPI:
    """The application on its floor."""
    app = FastAPI(
        title="clipmill",
        version=floor.version or "0",
        description=ABOUT,
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        generate_unique_id_function=lambda route: route.name,
        lifespan=_lifespan,
    )
    app.state.floor = floor
    app.state.meters = Meters()
    app.state.reception = Reception(floor.uploads, floor.pace, floor.stopping)
    app.state.watch = events.Watch(floor.store, links=partial(clip_links, floor=floor))
    for part in (jobs, uploads, clips, plans, health):
        app.include_router(part.router)
    app.include_router(events.router, responses=told(404, 422, 503))
    tell_problems(app)
    app.add_middleware(Guard, hosts=floor.hosts)
    app.add_middleware(Metered, meters=app.state.meters)
    app.openapi = partial(_described, app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    floor: Floor = app.state.floor
    supervise(floor.uploads.sweep, every_s=SWEEP_S, until=floor.stopping)
    try:
        yield
    finally:
        await app.state.watch.close()
        await app.state.reception.close()


def _described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            tags=app.openapi_tags,
            routes=app.routes,
            separate_input_output_schemas=False,
        )
        schemas = document["components"]["schemas"]
        for name, kind in (("Problem", Problem), ("Plan", Plan)):
            schema = TypeAdapter(kind).json_schema(ref_template=REF)
            schemas.update(schema.pop("$defs", {}))
            schemas[name] = schema
        _link(document["paths"])
        app.openapi_schema = document
    return app.openapi_schema


def _link(paths: dict[str, Any]) -> None:
    """Say which calls take the id of a job or clip that another one answered with."""
    calls = [call for each in paths.values() for call in each.values()]
    for parameter in (each for call in calls for each in call.get("parameters", ())):
        if parameter["name"] == "job_id":
            parameter["description"] = "The job."
    for shape, name in (("JobShape", "job_id"), ("ClipShape", "clip_id")):
        taking = {call["operationId"]: call for call in calls if name in _parameters(call)}
        links = {each: {"operationId": each, "parameters": {name: "$response.body#/id"}} for each in taking}
        for call in calls:
            for status in ("200", "202"):
                answer = call["responses"].get(status, {})
                schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
                if schema.get("$ref", "").endswith(f"/{shape}"):
                    answer["links"] = links


def _parameters(call: dict[str, Any]) -> set[str]:
    return {each["name"] for each in call.get("parameters", ())}
