"""Signing in by way of an OpenID provider: to it, and back."""

import hmac

from fastapi import Request, Response, status
from starlette.responses import HTMLResponse, RedirectResponse

from api import openid
from api.addresses import local_path
from api.authorization import CurrentAccess
from api.identity import is_https, read_cookie, set_cookie
from api.openid import Flow
from api.routing import Router
from core import identities
from core.errors import CrossSiteError, NotFoundError, OpenIdError
from core.settings import get_settings

router = Router(include_in_schema=False, default_response_class=HTMLResponse)

_MAX_AGE_S = 600


@router.get("/sign-in/openid")
def begin(
    request: Request,
    access: CurrentAccess,
    next: str = "/",  # noqa: A002  # the word of the address
    link: str = "",
) -> Response:
    """Send the browser to the provider; with `link`, a form's token, to link the account of this session."""
    if not get_settings().oidc_issuer:
        raise NotFoundError("There is nothing at this address.")
    expected = request.state.visitor.csrf_token
    if link and not (expected and hmac.compare_digest(link.encode(), expected.encode())):
        raise CrossSiteError("The link is not one of this session. Reload the page and try again.")
    flow = Flow.new(
        next_path=local_path(next), links=str(access.principal.user.id) if link and access.principal else ""
    )
    response = RedirectResponse(openid.authorization_url(flow), status.HTTP_303_SEE_OTHER)
    response.set_cookie(
        _cookie_name(),
        flow.to_text().encode().hex(),
        max_age=_MAX_AGE_S,
        path="/",
        secure=is_https(),
        httponly=True,
        samesite="lax",
    )
    return response


@router.get("/sign-in/openid/callback")
def finish(
    request: Request, access: CurrentAccess, state: str = "", code: str = "", error: str = ""
) -> Response:
    """Take the browser back from the provider, and sign it in or link its account."""
    flow = _flow(request)
    if not hmac.compare_digest(flow.state.encode(), state.encode()):
        raise OpenIdError("Signing in took too long, or began in another browser. Try again.")
    if error or not code:
        raise OpenIdError("The provider did not let you in.")
    claims = openid.redeem(flow, code=code)
    if flow.links:
        if access.principal is None or str(access.principal.user.id) != flow.links:
            raise OpenIdError("You were signed out meanwhile. Sign in and try again.")
        identities.link(access.principal.user, claims)
        response = RedirectResponse("/account?done=linked", status.HTTP_303_SEE_OTHER)
    else:
        cookie = identities.sign_in(claims, replacing=read_cookie(request))
        response = RedirectResponse(local_path(flow.next), status.HTTP_303_SEE_OTHER)
        set_cookie(response, cookie)
    response.delete_cookie(_cookie_name(), path="/", secure=is_https(), httponly=True, samesite="lax")
    return response


def _flow(request: Request) -> Flow:
    try:
        text = bytes.fromhex(request.cookies.get(_cookie_name(), "")).decode()
    except ValueError as error:
        raise OpenIdError("Signing in took too long, or began in another browser. Try again.") from error
    return Flow.of_text(text)


def _cookie_name() -> str:
    return "__Host-lethe-openid" if is_https() else "lethe-openid"
