"""The OpenAPI document: what FastAPI sees of the routes, and what the table of who may do what adds.

`python -m api.openapi` prints it; docs/openapi.json is the committed one.
"""

import json
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from api import problems
from api.permissions import TABLE, Audience, Rule
from api.problems import MEDIA_TYPE
from api.schemas import Fault, Problem
from core.errors import (
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
    ParticipantError,
    RateLimitedError,
)

_TOKEN, _COOKIE, _CSRF = "token", "cookie", "csrf"
_SCHEMES = {
    _TOKEN: {"type": "http", "scheme": "bearer", "description": "A token of your account, with its scopes."},
    _COOKIE: {
        "type": "apiKey",
        "in": "cookie",
        "name": "lethe",
        "description": "A browser's session, as `POST /api/v1/session` sets it; `__Host-lethe` over https.",
    },
    _CSRF: {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-Token",
        "description": "What `GET /api/v1/session` says; needed beside the cookie for all but GET and HEAD.",
    },
}
_TAGS = {
    "accounts": "Registering, signing in, and what belongs to an account: sessions and tokens.",
    "administration": "The installation as a whole, for admins.",
    "announcements": "What organizers told everybody who takes part.",
    "artifacts": "What scores were computed from.",
    "audit": "Who did what: only ever added to.",
    "baselines": "Submissions of organizers that stand apart from the ranking.",
    "competitions": "Competitions and their phases.",
    "exports": "What organizers take home.",
    "health": "Whether the process is alive and can do its work.",
    "leaderboard": "Who stands where, and how that came.",
    "moderation": "What organizers decide about submissions and teams.",
    "organizing": "Who takes part, what was submitted, and the work under way.",
    "participants": "Taking part in a competition.",
    "references": "The models that submissions are compared with.",
    "rescoring": "Scoring a phase under another version of the metric.",
    "results": "Publishing what came out: frozen, hashed, signed.",
    "submissions": "Uploading, and following what was uploaded.",
    "teams": "Who submits and is ranked together.",
    "webhooks": "Addresses of organizers that are told of events, signed.",
    "workers": "The hosts that do the work.",
}
_RETRY_AFTER = {
    "Retry-After": {"description": "In how many seconds to come back.", "schema": {"type": "integer"}}
}
_WHO = {
    Audience.ANYONE: "For anyone.",
    Audience.SIGNED_IN: "For whoever is signed in.",
    Audience.BROWSER: "For whoever signed in with a password; a token does not do.",
    Audience.MEMBER: "For members of the team; others find nothing.",
    Audience.MEMBER_OR_ORGANIZER: "For members of the team, and organizers; others find nothing.",
    Audience.ORGANIZER: "For organizers of the competition.",
    Audience.ADMIN: "For admins.",
}


def install(app: FastAPI) -> None:
    """Have the application describe itself so; call it after the last route was added."""
    app.openapi = partial(_describe, app)  # type: ignore[method-assign]


def operation_id(route: APIRoute) -> str:
    """Return the name of an operation: that of its function, which stays as it is."""
    return route.name


def to_text(app: FastAPI) -> str:
    """Return the document as it is committed: keys in order, so that a difference is one of meaning."""
    return json.dumps(app.openapi(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _describe(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description="Conventions, with examples: docs/api.md. Every error is a problem of RFC 9457.",
            routes=app.routes,
            servers=[{"url": "/"}],
        )
        _add_components(document)
        used = set()
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                _complete(operation, TABLE[f"{method.upper()} {path}"], is_read=method == "get")
                used.update(operation["tags"])
        document["tags"] = [
            {"name": tag} | ({"description": _TAGS[tag]} if tag in _TAGS else {}) for tag in sorted(used)
        ]
        app.openapi_schema = document
    return app.openapi_schema


def _add_components(document: dict[str, Any]) -> None:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for model in (Problem, Fault):
        made = model.model_json_schema(ref_template="#/components/schemas/{model}")
        made.pop("$defs", None)
        schemas[model.__name__] = made
    components["securitySchemes"] = _SCHEMES


def _complete(operation: dict[str, Any], rule: Rule, *, is_read: bool) -> None:
    """Say who may do this, and with which proof; a browser's cookie needs more where something changes."""
    browser: dict[str, list[str]] = {_COOKIE: []} if is_read else {_COOKIE: [], _CSRF: []}
    proofs = [browser] if rule.audience is Audience.BROWSER else [{_TOKEN: []}, browser]
    if rule.audience is Audience.ANYONE:
        operation["security"] = [{}, *proofs]
    else:
        operation["security"] = proofs
    scope = f" Scope of a token: `{rule.scope}`." if rule.audience is not Audience.BROWSER else ""
    operation["description"] = f"{operation.get('description', '')}\n\n{_WHO[rule.audience]}{scope}".strip()
    if "default" in operation["responses"]:
        _add_problems(operation, rule)


def _add_problems(operation: dict[str, Any], rule: Rule) -> None:
    found: set[type[ParticipantError]] = {RateLimitedError}
    if rule.audience is not Audience.ANYONE:
        found |= {NotAuthenticatedError, NotAllowedError}
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", ())):
        found.add(NotFoundError)
    responses = operation["responses"]
    for status, entry in problems.document(*found).items():
        responses.setdefault(str(status), entry)
    for status in ("409", "429"):
        if MEDIA_TYPE in responses.get(status, {}).get("content", {}):
            responses[status] = responses[status] | {"headers": _RETRY_AFTER}
    operation["responses"] = dict(sorted(responses.items()))


if __name__ == "__main__":
    from api.app import create_app

    print(to_text(create_app()), end="")  # noqa: T201  # what it is for
