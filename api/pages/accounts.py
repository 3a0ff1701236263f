"""The page of somebody's own account, and its forms."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Form, Request, Response, status
from starlette.responses import HTMLResponse, RedirectResponse

from api.dependencies import CurrentSession, CurrentUser, WritingSession
from api.identity import clear_cookie
from api.pages.entrance import openid_label
from api.pages.rendering import render
from api.routing import Router
from core import deletion, identities, signing_in, tokens
from core.access import Scope
from core.db import reading, transaction
from core.errors import ParticipantError
from core.models import User, utc_now

router = Router(include_in_schema=False, default_response_class=HTMLResponse)

_Password = Annotated[str, Form(max_length=1024)]
_DONE = {
    "email": "A link is on its way to the address. It is yours here once you follow that.",
    "password": "The password is changed.",
    "revoked": "The token is revoked.",
    "linked": "You can sign in that way from now on.",
    "unlinked": "That identity signs in here no longer.",
}
_SCOPES = {
    Scope.READ: "read what you can read",
    Scope.SUBMIT: "submit, and manage your team",
    Scope.ORGANIZE: "organize the competitions that you run",
    Scope.ADMIN: "administer the platform, if you are an admin",
}


@router.get("/account")
def show_account(request: Request, user: CurrentUser, done: str = "") -> Response:
    """Show somebody's account."""
    return _page(request, user, message=_DONE.get(done))


@router.post("/account/email")
def change_email(
    request: Request,
    user: CurrentUser,
    *,
    email: Annotated[str, Form(max_length=254)],
    password: Annotated[str, Form(max_length=1024)] = "",
) -> Response:
    """Write to another address."""
    try:
        signing_in.change_email(user, email, password=password)
    except ParticipantError as error:
        return _page(request, user, error=error)
    return _done("email")


@router.post("/account/password")
def change_password(
    request: Request,
    session_id: CurrentSession,
    user: CurrentUser,
    password: _Password,
    new_password: _Password,
) -> Response:
    """Change the password."""
    try:
        signing_in.change_password(user, session_id, password=password, new_password=new_password)
    except ParticipantError as error:
        return _page(request, user, error=error)
    return _done("password")


@router.post("/account/tokens")
def create_token(
    request: Request,
    user: CurrentUser,
    name: Annotated[str, Form(max_length=64)],
    scopes: Annotated[list[Scope], Form()] = [],  # noqa: B006  # FastAPI makes a copy
    days: Annotated[int, Form(ge=0, le=3650)] = 90,
) -> Response:
    """Make a token, and show it this once."""
    expires_at = utc_now() + timedelta(days=days) if days else None
    try:
        with transaction() as session:
            made = tokens.create(session, user, name=name.strip(), scopes=scopes, expires_at=expires_at)
    except ParticipantError as error:
        return _page(request, user, error=error)
    return _page(request, user, new_token=made.text)


@router.post("/account/tokens/{token_id}/revoke")
def revoke_token(token_id: UUID, user: CurrentUser, session: WritingSession) -> Response:
    """End a token."""
    tokens.revoke(session, user.id, token_id)
    return _done("revoked")


@router.post("/account/identities/{identity_id}/unlink")
def unlink_identity(
    request: Request, identity_id: UUID, session_id: CurrentSession, user: CurrentUser
) -> Response:
    """Let an identity sign in no longer."""
    try:
        identities.unlink(user, identity_id, session_id=session_id)
    except ParticipantError as error:
        return _page(request, user, error=error)
    return _done("unlinked")


@router.post("/account/delete")
def delete_account(request: Request, user: CurrentUser, password: _Password) -> Response:
    """Delete the account for good."""
    try:
        deletion.delete_account(user, password=password)
    except ParticipantError as error:
        return _page(request, user, error=error)
    response = RedirectResponse("/", status.HTTP_303_SEE_OTHER)
    clear_cookie(response)
    return response


def _done(what: str) -> Response:
    return RedirectResponse(f"/account?done={what}", status.HTTP_303_SEE_OTHER)


def _page(
    request: Request,
    user: User,
    *,
    message: str | None = None,
    error: ParticipantError | None = None,
    new_token: str | None = None,
) -> Response:
    headers = {"Cache-Control": "no-store"}
    if error is not None and error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    with reading() as session:
        linked = identities.list_linked(session, user.id)
        return render(
            request,
            "account.html",
            status=status.HTTP_200_OK if error is None else error.status,
            headers=headers,
            account=user,
            tokens=tokens.list_good(session, user.id),
            scopes=_SCOPES,
            new_token=new_token,
            message=message,
            problem=None if error is None else str(error),
            openid_label=openid_label(),
            identities=linked,
            openid_linked=identities.can_sign_in(linked),
        )
