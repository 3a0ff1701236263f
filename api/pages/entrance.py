"""The pages of those who are not signed in yet: sign in, register, reset a password, confirm an address."""

from typing import Annotated, Any

from fastapi import BackgroundTasks, Form, Request, Response, status
from starlette.responses import HTMLResponse, RedirectResponse

from api.addresses import local_path
from api.authorization import CurrentAccess
from api.dependencies import ClientAddress, WritingSession
from api.identity import clear_cookie, read_cookie, set_cookie
from api.pages.rendering import render
from api.routing import Router
from core import accounts, proofs, sessions, signing_in
from core.errors import ParticipantError
from core.settings import get_settings

router = Router(include_in_schema=False, default_response_class=HTMLResponse)

_Line = Annotated[str, Form(max_length=254)]
_Password = Annotated[str, Form(max_length=1024)]
_Next = Annotated[str, Form(max_length=2000)]

_SENT = "If there is such an account with a confirmed address, a mail is on its way, with a link for an hour."


@router.get("/sign-in")
def show_sign_in(request: Request, next: str = "/") -> Response:  # noqa: A002  # the address says it
    """Show the form; who comes from a page goes back to it."""
    return _sign_in_page(request, next_=local_path(next))


@router.post("/sign-in")
def sign_in(
    request: Request,
    address: ClientAddress,
    login: _Line,
    password: _Password,
    next: _Next = "/",  # noqa: A002
) -> Response:
    """Sign in, and go on where that was asked for."""
    try:
        signed_in = signing_in.sign_in(login, password, address=address, replacing=read_cookie(request))
    except ParticipantError as error:
        return _sign_in_page(request, next_=local_path(next), login=login, problem=error)
    return _enter(signed_in, local_path(next))


@router.post("/sign-out")
def sign_out(access: CurrentAccess, session: WritingSession) -> Response:
    """End this browser's session, if it has one."""
    if access.principal is not None and access.principal.session_id is not None:
        sessions.end(session, access.principal.session_id)
    response = RedirectResponse("/", status.HTTP_303_SEE_OTHER)
    clear_cookie(response)
    return response


@router.get("/register")
def show_registration(request: Request, next: str = "/account") -> Response:  # noqa: A002
    """Show the form."""
    return _registration_page(request, next_=local_path(next))


@router.post("/register")
def register(
    request: Request,
    address: ClientAddress,
    name: _Line,
    password: _Password,
    email: _Line = "",
    next: _Next = "/account",  # noqa: A002
) -> Response:
    """Make an account, and sign in to it."""
    try:
        accounts.register(name, password, email=email or None, address=address)
        signed_in = signing_in.sign_in(name, password, address=address, replacing=read_cookie(request))
    except ParticipantError as error:
        return _registration_page(request, next_=local_path(next), name=name, email=email, problem=error)
    return _enter(signed_in, local_path(next))


@router.get("/reset")
def show_reset(request: Request) -> Response:
    """Show the form that asks for a link."""
    return render(request, "reset.html", problem=None, message=None)


@router.post("/reset")
def request_reset(
    request: Request, address: ClientAddress, background: BackgroundTasks, login: _Line
) -> Response:
    """Send a link, if there is where to; the page says the same at all times."""
    try:
        proofs.check_reset(address)
    except ParticipantError as error:
        return _refused(request, "reset.html", error, message=None)
    background.add_task(proofs.send_reset, login)
    return render(request, "reset.html", problem=None, message=_SENT)


@router.get("/reset/{token}")
def show_new_password(request: Request, token: str) -> Response:
    """Show the form that sets a new password, if the link is good."""
    name = proofs.account_of(token).name
    return render(request, "new_password.html", headers=_SECRET, problem=None, message=None, name=name)


@router.post("/reset/{token}")
def set_new_password(request: Request, token: str, password: _Password) -> Response:
    """Set a new password."""
    name = proofs.account_of(token).name
    try:
        proofs.reset(token, password)
    except ParticipantError as error:
        return _refused(request, "new_password.html", error, message=None, name=name)
    response = _sign_in_page(request, message="The password is set. Sign in with it.")
    clear_cookie(response)
    return response


@router.get("/confirm/{token}")
def show_confirmation(request: Request, token: str) -> Response:  # noqa: ARG001  # the form goes to the same address
    """Show a button: programs that look at the links in mails press none."""
    return render(request, "confirm.html", headers=_SECRET, problem=None, message=None)


@router.post("/confirm/{token}")
def confirm(request: Request, token: str) -> Response:
    """Confirm an address."""
    try:
        user = proofs.confirm(token)
    except ParticipantError as error:
        return _refused(request, "confirm.html", error, message=None)
    message = f"{user.email} now belongs to the account {user.name}."
    return render(request, "confirm.html", headers=_SECRET, problem=None, message=message)


# The address holds a token: no other page is told of it, and no cache keeps it.
_SECRET = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}


def _sign_in_page(
    request: Request,
    *,
    next_: str = "/",
    login: str = "",
    message: str | None = None,
    problem: ParticipantError | None = None,
) -> Response:
    context: dict[str, Any] = {
        "next": next_,
        "login": login,
        "message": message,
        "openid_label": openid_label(),
    }
    if problem is not None:
        return _refused(request, "sign_in.html", problem, **context)
    return render(request, "sign_in.html", problem=None, **context)


def _registration_page(
    request: Request, *, next_: str, name: str = "", email: str = "", problem: ParticipantError | None = None
) -> Response:
    context: dict[str, Any] = {"next": next_, "name": name, "email": email, "openid_label": openid_label()}
    if problem is not None:
        return _refused(request, "register.html", problem, **context)
    return render(request, "register.html", problem=None, message=None, **context)


def openid_label() -> str:
    """Return what the OpenID provider is called; nothing if there is none."""
    settings = get_settings()
    return settings.oidc_label if settings.oidc_issuer else ""


def _enter(signed_in: signing_in.SignedIn, target: str) -> Response:
    response = RedirectResponse(target, status.HTTP_303_SEE_OTHER)
    set_cookie(response, signed_in.cookie)
    return response


def _refused(request: Request, template: str, error: ParticipantError, **context: Any) -> Response:
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    return render(request, template, status=error.status, headers=headers, problem=str(error), **context)
