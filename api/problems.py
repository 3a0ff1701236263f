"""Errors as answers: RFC 9457 for programs, a page for browsers, and nothing of the platform's internals."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from api.headers import SECURITY_HEADERS
from api.pages import refusals
from api.pages.rendering import render
from api.schemas import Fault, Problem
from core.errors import (
    InvalidRequestError,
    NotAuthenticatedError,
    NotFoundError,
    ParticipantError,
    PlatformError,
    StorageError,
)

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_FOR_PROGRAMS = ("/api/", "/healthz", "/readyz", "/static/")
_PASSING = (StorageError, OperationalError, InterfaceError, PoolTimeoutError)
_HTTP_DETAILS = {
    404: "There is nothing at this address.",
    405: "This address does not answer to this method.",
    413: "The request is too large.",
}


@dataclass(frozen=True)
class _Answer:
    problem: Problem
    headers: dict[str, str] = field(default_factory=dict)


def document(*errors: type[ParticipantError]) -> dict[int | str, dict[str, object]]:
    """Return the OpenAPI entries for these errors and for every other one."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    entries: dict[int | str, dict[str, object]] = {
        error.status: {"description": error.title, "content": content} for error in errors
    }
    return entries | {"default": {"description": "Any other problem", "content": content}}


def install(app: FastAPI) -> None:
    """Answer every error of this application with a problem."""
    app.add_exception_handler(ParticipantError, _participant_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(PlatformError, _platform_error)
    app.add_exception_handler(SQLAlchemyError, _platform_error)
    app.add_exception_handler(Exception, _platform_error)


async def _participant_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ParticipantError)
    if isinstance(error, NotAuthenticatedError) and _is_for_a_browser(request):
        return _send_to_sign_in(request)
    problem = Problem(type=type_of(type(error)), title=error.title, status=error.status, detail=str(error))
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, NotAuthenticatedError) else {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(error.retry_after_s, 1))
    return await _refuse(request, _Answer(problem, headers))


async def _refuse(request: Request, answer: _Answer) -> Response:
    """Answer what the request is at fault for; a form that says its page is shown again there."""
    again = await refusals.show_again(request, answer.problem)
    if again is None:
        return _respond(request, answer)
    again.headers.update(answer.headers)
    return again


def _is_for_a_browser(request: Request) -> bool:
    return not request.url.path.startswith(_FOR_PROGRAMS) and "Authorization" not in request.headers


def _send_to_sign_in(request: Request) -> Response:
    """Send a browser to sign in, and back to the page afterwards; a form is not sent twice."""
    back = request.url.path
    if request.url.query:
        back += f"?{request.url.query}"
    target = f"/sign-in?{urlencode({'next': back})}" if request.method == "GET" else "/sign-in"
    if "HX-Request" in request.headers:  # htmx would put the page that it is sent to into this one
        headers = SECURITY_HEADERS | {"HX-Redirect": target}
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers=headers)
    return RedirectResponse(target, HTTPStatus.SEE_OTHER, headers=SECURITY_HEADERS)


def type_of(error: type[ParticipantError]) -> str:
    """Return the `type` of the problems that these errors become; it never changes."""
    name = error.__name__.removesuffix("Error")
    return "urn:lethe:problem:" + "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = error.errors()
    if all(fault["loc"][0] == "path" for fault in faults):
        # A malformed name in an address names nothing that exists.
        return await _participant_error(request, NotFoundError(_HTTP_DETAILS[404]))
    errors = [_fault(fault) for fault in faults]
    problem = Problem(
        type=type_of(InvalidRequestError),
        title=InvalidRequestError.title,
        status=InvalidRequestError.status,
        detail="; ".join(f"{fault.where}{fault.pointer}: {fault.detail}" for fault in errors),
        errors=errors,
    )
    return await _refuse(request, _Answer(problem))


def _fault(fault: dict[str, Any]) -> Fault:
    """Say what is wrong and where, without the value: it may be a password."""
    where, *path = (str(part) for part in fault["loc"])
    if fault["type"] == "json_invalid":  # the place is a number of characters, which no pointer can say
        return Fault(where=where, pointer="", detail="This is not JSON.")
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
    return Fault(where=where, pointer=pointer, detail=fault["msg"])


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    problem = Problem(
        type="about:blank",
        title=HTTPStatus(error.status_code).phrase,
        status=error.status_code,
        detail=_HTTP_DETAILS.get(error.status_code, error.detail),
    )
    return _respond(request, _Answer(problem, dict(error.headers or {})))


def _platform_error(request: Request, error: Exception) -> Response:
    passing = isinstance(error, _PASSING)
    instance = f"urn:uuid:{uuid4()}"
    log.error("request_failed", instance=instance, path=request.url.path, exc_info=error)
    problem = Problem(
        type="about:blank",
        title="Temporarily unavailable" if passing else "Internal error",
        status=503 if passing else 500,
        detail="Lethe cannot answer now; try again in a moment."
        if passing
        else "Something went wrong inside Lethe. The operators can find it by its instance.",
        instance=instance,
    )
    return _respond(request, _Answer(problem, {"Retry-After": "5"} if passing else {}))


def _respond(request: Request, answer: _Answer) -> Response:
    problem = answer.problem
    headers = SECURITY_HEADERS | answer.headers  # an unexpected error is answered outside the middleware
    if request.url.path.startswith(_FOR_PROGRAMS):
        content = problem.model_dump(exclude_none=True)
        return JSONResponse(content, problem.status, headers=headers, media_type=MEDIA_TYPE)
    return render(request, "error.html", problem=problem, status=problem.status, headers=headers)
