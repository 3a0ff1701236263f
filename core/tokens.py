"""Access tokens: named, scoped, revocable, shown once and stored as hashes."""

import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session, joinedload

from core.access import Principal, Scope
from core.errors import InvalidTokenError, NotAuthenticatedError, NotFoundError
from core.models import AccessToken, User, utc_now

MAX_TOKENS = 50
"""The most good tokens of one account."""

_NOTED_FOR = timedelta(minutes=1)


class NewToken(NamedTuple):
    """A token, and its text, which is shown this once."""

    row: AccessToken
    text: str


def create(
    session: Session,
    user: User,
    *,
    name: str,
    scopes: Iterable[Scope],
    expires_at: datetime | None = None,
) -> NewToken:
    """Make a token of an account.

    Args:
        session: the transaction.
        user: whose it is.
        name: what its owner calls it, 1 to 64 printable characters.
        scopes: what it may be used for, at least one; the owner's roles bound it too.
        expires_at: the first moment at which it is no longer good; None is never.

    Raises:
        InvalidTokenError: one of these is not so, or there are too many tokens already.
    """
    if not re.fullmatch(r"\S(.{0,62}\S)?", name) or not name.isprintable():
        raise InvalidTokenError("A token has a name of 1 to 64 printable characters.")
    if expires_at is not None and expires_at <= utc_now():
        raise InvalidTokenError("The token would be no longer good: `expires_at` is past.")
    wanted = sorted(set(scopes))
    if not wanted:
        raise InvalidTokenError("A token has at least one scope.")
    good = select(func.count()).select_from(AccessToken).where(AccessToken.user_id == user.id, _is_good())
    if session.scalars(good).one() >= MAX_TOKENS:
        raise InvalidTokenError(f"There are {MAX_TOKENS} tokens already; revoke those that you do not need.")
    text = f"lethe_{secrets.token_urlsafe(32)}"
    row = AccessToken(
        user_id=user.id,
        name=name,
        hint=text[:10],
        token_sha256=hash_of(text),
        scopes=wanted,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return NewToken(row, text)


def list_good(session: Session, user_id: UUID) -> Sequence[AccessToken]:
    """Return the tokens of an account that are still good, the newest first."""
    query = select(AccessToken).where(AccessToken.user_id == user_id, _is_good())
    return session.scalars(query.order_by(AccessToken.created_at.desc(), AccessToken.id)).all()


def revoke(session: Session, user_id: UUID, token_id: UUID) -> None:
    """End a token of an account at once.

    Raises:
        NotFoundError: the account has no such token that is still good.
    """
    token = session.get(AccessToken, token_id)
    if token is None or token.user_id != user_id or token.revoked_at is not None:
        raise NotFoundError(f"There is no token {token_id}.")
    token.revoked_at = utc_now()


def revoke_all(session: Session, user_id: UUID) -> None:
    """End all tokens of an account."""
    unrevoked = update(AccessToken).where(AccessToken.user_id == user_id, AccessToken.revoked_at.is_(None))
    session.execute(unrevoked.values(revoked_at=utc_now()))


def authenticate(session: Session, text: str) -> Principal:
    """Return whose token this is.

    Raises:
        NotAuthenticatedError: nobody has this token, or no longer.
    """
    query = select(AccessToken).where(AccessToken.token_sha256 == hash_of(text), _is_good())
    found = session.scalar(query.options(joinedload(AccessToken.user)))
    if found is None or found.user.deleted_at is not None:
        raise NotAuthenticatedError("This token is not known, or no longer good. Make a new one.")
    scopes = frozenset(Scope(scope) for scope in found.scopes)
    return Principal(found.user, scopes, token_id=found.id, use_is_noted=_is_noted(found))


def note_use(session: Session, token_id: UUID) -> None:
    """Write down that a token is in use, at most once a minute."""
    now = utc_now()
    stale = or_(AccessToken.last_used_at.is_(None), AccessToken.last_used_at <= now - _NOTED_FOR)
    session.execute(
        update(AccessToken).where(AccessToken.id == token_id, stale).values(last_used_at=now),
        execution_options={"synchronize_session": False},
    )


def hash_of(text: str) -> str:
    """Return what is stored of a token."""
    # A token has 256 random bits: a plain hash cannot be searched, and needs no salt.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _is_noted(token: AccessToken) -> bool:
    return token.last_used_at is not None and token.last_used_at > utc_now() - _NOTED_FOR


def _is_good() -> ColumnElement[bool]:
    lasts = or_(AccessToken.expires_at.is_(None), AccessToken.expires_at > utc_now())
    return and_(AccessToken.revoked_at.is_(None), lasts)
