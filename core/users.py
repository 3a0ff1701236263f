"""Users and their tokens."""

import hashlib
import secrets
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import NotAllowedError, NotAuthenticatedError
from core.models import User


class NewUser(NamedTuple):
    """A user and the token that is shown this once."""

    user: User
    token: str


def create_user(session: Session, name: str, *, organizer: bool = False) -> NewUser:
    """Create a user, or give an existing one a new token that replaces the old.

    With `organizer` the user is one from now on; without it, an organizer stays one.
    """
    token = f"lethe_{secrets.token_urlsafe(32)}"
    user = session.scalar(select(User).where(User.name == name))
    if user is None:
        user = User(name=name)
        session.add(user)
    user.token_sha256 = _hash(token)
    user.is_organizer = organizer or bool(user.is_organizer)  # not set before the first flush
    session.flush()
    return NewUser(user, token)


def authenticate(session: Session, token: str) -> User:
    """Return the user whose token this is.

    Raises:
        NotAuthenticatedError: nobody has this token.
    """
    user = session.scalar(select(User).where(User.token_sha256 == _hash(token)))
    if user is None:
        raise NotAuthenticatedError("This token is not known. Ask the organizer for a new one.")
    return user


def authenticate_organizer(session: Session, name: str, token: str) -> User:
    """Return the organizer of this name, whose token this is.

    Raises:
        NotAuthenticatedError: there is none; the words are the same, whichever of the two is wrong.
    """
    user = session.scalar(select(User).where(User.token_sha256 == _hash(token)))
    if user is None or user.name != name or not user.is_organizer:
        raise NotAuthenticatedError("Sign in with an organizer's name, and the token as the password.")
    return user


def check_organizer(user: User) -> None:
    """Raise `NotAllowedError` unless the user is an organizer."""
    if not user.is_organizer:
        raise NotAllowedError("Only organizers may do this.")


def _hash(token: str) -> str:
    # A token has 256 random bits: a plain hash cannot be searched, and needs no salt.
    return hashlib.sha256(token.encode()).hexdigest()
