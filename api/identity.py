"""Who sends a request: what proves it, a token or the cookie of a browser that is signed in."""

import hmac
from dataclasses import dataclass
from typing import Annotated

from fastapi import BackgroundTasks, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api import limiting
from core import sessions, tokens
from core.access import Principal
from core.db import reading, transaction
from core.errors import CrossSiteError, NotAuthenticatedError
from core.models import User
from core.settings import get_settings

CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_bearer = HTTPBearer(auto_error=False, description="A token of your account.")


@dataclass(frozen=True)
class Visitor:
    """Whom a page is for: who is signed in, if anybody, and what the page's forms have to carry."""

    user: User | None
    csrf_token: str


def _prove(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Principal | None:
    if not hasattr(request.state, "principal"):  # not asked yet, see `api.routing`
        request.state.principal = _look_up(request, credentials)
    found: Principal | None = request.state.principal
    return found


def _look_up(request: Request, credentials: HTTPAuthorizationCredentials | None) -> Principal | None:
    cookie = read_cookie(request)
    # A program that sends a token means it: a cookie that comes along is not looked at.
    if credentials is None and cookie is None:
        return None
    with reading() as session:
        if credentials is None:
            assert cookie is not None
            return sessions.find(session, cookie)
        try:
            return tokens.authenticate(session, credentials.credentials)
        except NotAuthenticatedError:
            limiting.count_stranger(request)
            raise


async def identify(
    request: Request,
    background: BackgroundTasks,
    principal: Annotated[Principal | None, Depends(_prove)],
) -> Principal | None:
    """Return who sends the request, or None for nobody.

    Raises:
        NotAuthenticatedError: there is a token, and it is not good.
        RateLimitedError: too many such tokens came from this address.
        CrossSiteError: a browser that is signed in was sent here by another site.
    """
    if principal is not None and principal.token_id is not None:
        if not principal.use_is_noted:
            background.add_task(_note_use, principal)
        request.state.visitor = Visitor(principal.user, "")
        return principal
    expected = sessions.csrf_token(read_cookie(request) or "") if principal is not None else ""
    if request.method not in _SAFE:
        try:
            _check_origin(request)
            if principal is not None:
                await _check_form(request, expected)
        except CrossSiteError:  # no guard counts it
            await run_in_threadpool(limiting.count, request, principal)
            raise
    request.state.visitor = Visitor(None if principal is None else principal.user, expected)
    return principal


async def identify_first(request: Request) -> Principal | None:
    """Do the same before any dependency is looked at, where noting the token's use is left to these."""
    principal = await run_in_threadpool(_prove, request, await _bearer(request))
    return await identify(request, BackgroundTasks(), principal)


MaybePrincipal = Annotated[Principal | None, Depends(identify)]


def read_cookie(request: Request) -> str | None:
    """Return what the browser's session cookie holds; None without one."""
    return request.cookies.get(_cookie_name())


def set_cookie(response: Response, cookie: str) -> None:
    """Have a browser keep a session."""
    response.set_cookie(
        _cookie_name(),
        cookie,
        max_age=int(sessions.LIFETIME.total_seconds()),
        path="/",
        secure=is_https(),
        httponly=True,
        samesite="lax",
    )


def clear_cookie(response: Response) -> None:
    """Have a browser forget its session."""
    response.delete_cookie(_cookie_name(), path="/", secure=is_https(), httponly=True, samesite="lax")


def is_https() -> bool:
    """Return whether browsers reach the site over TLS, which a proxy may add."""
    return get_settings().public_url.startswith("https:")


def _cookie_name() -> str:
    # A browser takes `__Host-` from this very host alone, over TLS: no neighbour can plant one.
    return "__Host-lethe" if is_https() else "lethe"


def _note_use(principal: Principal) -> None:
    assert principal.token_id is not None
    with transaction() as session:
        tokens.note_use(session, principal.token_id)


def _check_origin(request: Request) -> None:
    """Refuse what a browser says comes from elsewhere; programs say nothing of it."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    ours = {get_settings().public_url}
    if not is_https():
        ours.add(f"{request.url.scheme}://{request.headers.get('Host', '')}")
    if site != "same-origin" or (origin is not None and origin not in ours):
        raise CrossSiteError("This can be asked for on Lethe's own pages only.")


async def _check_form(request: Request, expected: str) -> None:
    """Refuse what does not carry the token of the session's forms."""
    if not hmac.compare_digest((await _carried(request)).encode(), expected.encode()):
        raise CrossSiteError("The form is not one of this session. Reload the page and try again.")


async def _carried(request: Request) -> str:
    header = request.headers.get(CSRF_HEADER)
    if header is not None:
        return header
    if request.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        field = (await request.form()).get(CSRF_FIELD, "")
        return field if isinstance(field, str) else ""
    # An upload's body is not looked into before it is admitted: its form has the token in its action.
    return request.query_params.get(CSRF_FIELD, "")
