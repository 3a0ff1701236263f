"""Accounts and their tokens."""

import hashlib
import secrets
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from core.access import ALL_SCOPES, Principal, Scope
from core.errors import NotAuthenticatedError
from core.models import AccessToken, User, utc_now

_CLI_TOKEN = "lethe create-user"  # noqa: S105  # a name, no secret


class NewUser(NamedTuple):
    """A user and the token that is shown this once."""

    user: User
    token: str


def create_user(session: Session, name: str, *, admin: bool = False) -> NewUser:
    """Create a user, or give an existing one a new token that replaces the one made here before.

    With `admin` the user is one from now on; without it, an admin stays one.
    """
    user = session.scalar(select(User).where(User.name_key == name.casefold()))
    if user is None:
        user = User(name=name, name_key=name.casefold(), is_admin=False)
        session.add(user)
    user.is_admin = user.is_admin or admin
    session.flush()
    earlier = update(AccessToken).where(AccessToken.user_id == user.id, AccessToken.name == _CLI_TOKEN)
    session.execute(earlier.where(AccessToken.revoked_at.is_(None)).values(revoked_at=utc_now()))
    return NewUser(user, create_token(session, user, name=_CLI_TOKEN, scopes=ALL_SCOPES))


def create_token(session: Session, user: User, *, name: str, scopes: frozenset[Scope]) -> str:
    """Return a new token, which only its owner will ever see."""
    token = f"lethe_{secrets.token_urlsafe(32)}"
    session.add(
        AccessToken(
            user_id=user.id, name=name, hint=token[:10], token_sha256=hash_of(token), scopes=sorted(scopes)
        )
    )
    session.flush()
    return token


def authenticate(session: Session, token: str) -> Principal:
    """Return whose token this is.

    Raises:
        NotAuthenticatedError: nobody has this token, or no longer.
    """
    query = select(AccessToken).where(AccessToken.token_sha256 == hash_of(token))
    found = session.scalar(query.options(joinedload(AccessToken.user)))
    now = utc_now()
    if (
        found is None
        or found.revoked_at is not None
        or (found.expires_at is not None and found.expires_at <= now)
    ):
        raise NotAuthenticatedError("This token is not known, or no longer good. Make a new one.")
    return Principal(found.user, frozenset(Scope(scope) for scope in found.scopes))


def _is_good(token: AccessToken) -> bool:
    expired = token.expires_at is not None and token.expires_at <= utc_now()
    return token.revoked_at is None and not expired


def hash_of(token: str) -> str:
    """Return what is stored of a token."""
    # A token has 256 random bits: a plain hash cannot be searched, and needs no salt.
    return hashlib.sha256(token.encode()).hexdigest()
