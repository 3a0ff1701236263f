"""Sessions of browsers that are signed in: rows here, a random cookie there."""

import hashlib
import hmac
import secrets
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session, joinedload

from core.access import ALL_SCOPES, Principal
from core.models import User, WebSession, utc_now
from core.tokens import hash_of

LIFETIME = timedelta(days=14)


def begin(session: Session, user: User, *, replacing: str | None = None) -> str:
    """Open a session and return what its cookie holds.

    Args:
        session: the transaction.
        user: who has just proved who they are.
        replacing: the cookie that the browser had before: whoever planted it gains nothing.
    """
    now = utc_now()
    over = WebSession.expires_at <= now
    if replacing is not None:
        over = or_(over, WebSession.token_sha256 == hash_of(replacing))
    session.execute(delete(WebSession).where(over))
    token = secrets.token_urlsafe(32)
    session.add(
        WebSession(user_id=user.id, token_sha256=hash_of(token), created_at=now, expires_at=now + LIFETIME)
    )
    return token


def find(session: Session, token: str) -> Principal | None:
    """Return whose session this cookie is; None if it is nobody's, or no longer."""
    query = select(WebSession).where(
        WebSession.token_sha256 == hash_of(token), WebSession.expires_at > utc_now()
    )
    found = session.scalar(query.options(joinedload(WebSession.user)))
    if found is None or found.user.deleted_at is not None:
        return None
    return Principal(found.user, ALL_SCOPES, session_id=found.id)


def end(session: Session, session_id: UUID) -> None:
    """Sign one browser out."""
    session.execute(delete(WebSession).where(WebSession.id == session_id))


def end_all(session: Session, user_id: UUID, *, but: UUID | None = None) -> None:
    """Sign all browsers of an account out, or all but one."""
    query = delete(WebSession).where(WebSession.user_id == user_id)
    session.execute(query if but is None else query.where(WebSession.id != but))


def csrf_token(token: str) -> str:
    """Return what the forms of a session carry; other sites can neither read nor guess it."""
    return hmac.digest(token.encode("utf-8", "surrogatepass"), b"lethe csrf", hashlib.sha256).hex()
