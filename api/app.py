"""The web application, put together."""

from pathlib import Path

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from api import authorization, openapi, pages, problems
from api.authorization import Guard
from api.bodies import BodyLimit
from api.headers import SecurityHeaders
from api.methods import Methods
from api.pages import accounts as account_pages
from api.pages import (
    competition,
    documentation,
    entrance,
    openid,
    organize,
    organize_bundle,
    organize_records,
)
from api.pages import routes as page_routes
from api.pages import submissions as submission_pages
from api.pages import teams as team_pages
from api.routes import (
    accounts,
    administration,
    announcements,
    artifacts,
    audit,
    bundles,
    competitions,
    events,
    exports,
    health,
    leaderboard,
    moderation,
    organizing,
    participants,
    references,
    rescoring,
    results,
    session,
    submissions,
    teams,
    tokens,
    webhooks,
    workers,
)
from api.routing import Router
from core import logs

_API = (
    accounts,
    administration,
    announcements,
    artifacts,
    audit,
    bundles,
    competitions,
    events,
    exports,
    leaderboard,
    moderation,
    organizing,
    participants,
    references,
    rescoring,
    results,
    session,
    submissions,
    teams,
    tokens,
    webhooks,
    workers,
)
_PAGES = (
    account_pages,
    competition,
    documentation,
    entrance,
    openid,
    organize,
    organize_bundle,
    organize_records,
    page_routes,
    submission_pages,
    team_pages,
)
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
        generate_unique_id_function=openapi.operation_id,
        redoc_url=None,
        middleware=[Middleware(SecurityHeaders), Middleware(Methods), Middleware(BodyLimit)],
    )
    problems.install(app)
    api = Router(prefix="/api/v1", dependencies=[Guard])
    for module in _API:
        api.include_router(module.router)
    app.include_router(api)
    app.include_router(health.router, dependencies=[Guard])
    for page in _PAGES:
        app.include_router(page.router, dependencies=[Guard])
    authorization.install(app)
    openapi.install(app)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    return app
