"""The web application, put together."""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from api import authorization, pages, problems
from api.authorization import Guard
from api.headers import SecurityHeaders
from api.pages import routes as page_routes
from api.routes import (
    administration,
    announcements,
    artifacts,
    audit,
    competitions,
    health,
    leaderboard,
    organizing,
    references,
    rescoring,
    submissions,
    webhooks,
    workers,
)
from core import logs
from core.settings import get_settings

_STATIC = Path(pages.__file__).parent / "static"


def create_app() -> FastAPI:
    """Return the application: API, pages, static files and health checks."""
    logs.configure()
    app = FastAPI(
        title="Lethe",
        summary="Machine-unlearning competitions: upload unlearning(net, retain, forget, val), get a rank.",
        version="1",
        openapi_url="/api/v1/openapi.json",
        # FastAPI's own pages load their scripts from another host, which our policy forbids.
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(SecurityHeaders)],
        max_body_size=get_settings().max_upload_bytes,
    )
    problems.install(app)
    api = APIRouter(prefix="/api/v1", dependencies=[Guard])
    for module in (competitions, submissions, leaderboard, references, rescoring, artifacts, workers):
        api.include_router(module.router)
    for module in (organizing, announcements, webhooks, audit, administration):
        api.include_router(module.router)
    app.include_router(api)
    app.include_router(health.router, dependencies=[Guard])
    app.include_router(page_routes.router, dependencies=[Guard])
    authorization.install(app)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    return app
