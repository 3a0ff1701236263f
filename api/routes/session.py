"""The session of a browser: signed in, who it is, signed out."""

from fastapi import Request, Response, status

from api import problems
from api.account_schemas import SessionAnswer, SignInRequest
from api.authorization import CurrentAccess
from api.dependencies import ClientAddress, WritingSession
from api.identity import clear_cookie, read_cookie, set_cookie
from api.routing import Router
from core import sessions, signing_in
from core.access import ALL_SCOPES, Principal
from core.errors import NotAuthenticatedError, RateLimitedError, WrongPasswordError

router = Router(tags=["accounts"])


@router.post(
    "/session",
    summary="Sign in",
    status_code=status.HTTP_201_CREATED,
    responses=problems.document(WrongPasswordError, RateLimitedError),
)
def sign_in(
    wanted: SignInRequest, address: ClientAddress, request: Request, response: Response
) -> SessionAnswer:
    """Open a session, which the answer's cookie holds for fourteen days."""
    signed_in = signing_in.sign_in(
        wanted.login, wanted.password, address=address, replacing=read_cookie(request)
    )
    set_cookie(response, signed_in.cookie)
    principal = Principal(signed_in.user, ALL_SCOPES)
    return SessionAnswer.of(principal, sessions.csrf_token(signed_in.cookie))


@router.get("/session", summary="Who am I?", responses=problems.document(NotAuthenticatedError))
def show_session(request: Request, access: CurrentAccess) -> SessionAnswer:
    """Return whose cookie or token this is."""
    assert access.principal is not None
    return SessionAnswer.of(access.principal, request.state.visitor.csrf_token)


@router.delete(
    "/session",
    summary="Sign out",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems.document(NotAuthenticatedError),
)
def sign_out(access: CurrentAccess, session: WritingSession, response: Response) -> None:
    """End this browser's session."""
    assert access.principal is not None
    assert access.principal.session_id is not None
    sessions.end(session, access.principal.session_id)
    clear_cookie(response)
