"""Forms that are refused: the page that a form is on is shown again, with why, and what was written into it.

A form says which page it is on in a field `page`, as its CSRF token stands in one; of an upload, whose body
is read by its route alone, in the address that it is sent to. Templates: `forms.html`.
"""

from dataclasses import dataclass
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from api.addresses import local_path
from api.identity import CSRF_FIELD, CSRF_HEADER
from api.schemas import Problem
from core.errors import ParticipantError

PAGE_FIELD = "page"
_KEY = "lethe.refusal"
_NOT_OF_A_PAGE = {b"content-length", b"content-type", b"transfer-encoding"}


@dataclass(frozen=True)
class Refusal:
    """A form that was refused.

    Attributes:
        action: the address that it was sent to.
        status: of the answer, a 4xx.
        message: why, and what to do.
        values: what was written into its fields, by their names; a field may stand several times.
        faulty: the fields whose values are at fault, where that is known.
    """

    action: str
    status: int
    message: str
    values: dict[str, list[str]]
    faulty: frozenset[str]

    def blames(self, field: str) -> bool:
        """Return whether what was written into a field is, or may be, at fault."""
        return field in self.faulty if self.faulty else self.status == 422


def refusal_of(request: Request) -> Refusal | None:
    """Return the form for which this page is shown again; None for a page that was just asked for."""
    found: Refusal | None = request.scope.get(_KEY)
    return found


async def show_again(request: Request, problem: Problem) -> Response | None:
    """Return the page that a refused form is on; None if it names none, or came from who knows where.

    The page is asked for as its reader's browser would ask: what it shows is what they may see.
    """
    access = getattr(request.state, "access", None)  # there once the guard let it pass: the form is ours
    if request.method != "POST" or access is None or access.principal is None:
        return None
    # Only of a form that carries its CSRF token is it known that its fields were read.
    if access.principal.session_id is None or CSRF_HEADER in request.headers:
        return None
    sent = await _sent(request)
    page = local_path(sent.get(PAGE_FIELD, [""])[0])
    # Its forms are of the same competition: anything else would be no page that knows them.
    home = f"/competitions/{request.path_params.get('competition')}"
    if not f"{page.partition('?')[0]}/".startswith(f"{home}/"):
        return None
    return await _ask_for(request, page, _refusal(request, problem, sent))


async def _sent(request: Request) -> dict[str, list[str]]:
    if request.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        items = (await request.form()).multi_items()
    else:
        items = list(request.query_params.multi_items())
    sent: dict[str, list[str]] = {}
    for name, value in items:
        if isinstance(value, str):
            sent.setdefault(name, []).append(value)
    return sent


def _refusal(request: Request, problem: Problem, sent: dict[str, list[str]]) -> Refusal:
    values = {name: texts for name, texts in sent.items() if name not in {PAGE_FIELD, CSRF_FIELD}}
    faults = {fault.pointer.split("/")[1]: fault.detail for fault in problem.errors or () if fault.pointer}
    message = "; ".join(f"{name}: {detail}" for name, detail in faults.items()) or problem.detail
    return Refusal(request.url.path, problem.status, message, values, frozenset(faults))


async def _ask_for(request: Request, page: str, refusal: Refusal) -> Response | None:
    path, _, query = page.partition("?")
    kept = ("type", "asgi", "http_version", "scheme", "server", "client", "root_path", "app")
    scope: dict[str, Any] = {key: request.scope[key] for key in kept if key in request.scope}
    scope |= {
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [one for one in request.scope["headers"] if one[0] not in _NOT_OF_A_PAGE],
        "fastapi_middleware_astack": request.scope["fastapi_middleware_astack"],
        _KEY: refusal,
    }
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    try:
        await request.app.router(scope, receive, send)
    except (
        ParticipantError,
        RequestValidationError,
        HTTPException,
    ):  # the page is gone meanwhile, or never was
        return None
    start, *rest = messages
    response = Response(b"".join(message.get("body", b"") for message in rest), start["status"])
    response.raw_headers = list(start["headers"])
    return response
