"""Access tokens of an account: made and revoked by its owner."""

from uuid import UUID

from fastapi import status

from api import problems
from api.account_schemas import NewTokenAnswer, TokenAnswer, TokenList, TokenRequest
from api.authorization import CurrentAccess
from api.dependencies import CurrentUser, ReadingSession, WritingSession
from api.routing import Router
from core import tokens
from core.errors import InvalidTokenError, NotAllowedError, NotAuthenticatedError, NotFoundError

router = Router(prefix="/tokens", tags=["accounts"])


@router.get("", summary="List tokens", responses=problems.document(NotAuthenticatedError))
def list_tokens(user: CurrentUser, session: ReadingSession) -> TokenList:
    """Return the tokens of the account that are still good."""
    return TokenList(tokens=[TokenAnswer.of(token) for token in tokens.list_good(session, user.id)])


@router.post(
    "",
    summary="Make a token",
    status_code=status.HTTP_201_CREATED,
    responses=problems.document(NotAuthenticatedError, NotAllowedError, InvalidTokenError),
)
def create_token(wanted: TokenRequest, user: CurrentUser, session: WritingSession) -> NewTokenAnswer:
    """Make a token for a program. It is shown this once; it can do at most what its owner can."""
    made = tokens.create(session, user, name=wanted.name, scopes=wanted.scopes, expires_at=wanted.expires_at)
    return NewTokenAnswer(**TokenAnswer.of(made.row).model_dump(), token=made.text)


@router.delete(
    "/current",
    summary="Revoke the token that is sent",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems.document(NotAuthenticatedError, NotFoundError),
)
def revoke_current_token(access: CurrentAccess, session: WritingSession) -> None:
    """End the token that this very request is made with."""
    assert access.principal is not None
    if access.principal.token_id is None:
        raise NotFoundError("This request has no token.")
    tokens.revoke(session, access.principal.user.id, access.principal.token_id)


@router.delete(
    "/{token_id}",
    summary="Revoke a token",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems.document(NotAuthenticatedError, NotAllowedError, NotFoundError),
)
def revoke_token(token_id: UUID, user: CurrentUser, session: WritingSession) -> None:
    """End a token of the account at once."""
    tokens.revoke(session, user.id, token_id)
