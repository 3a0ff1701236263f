"""Accounts: made by their owners, or by an operator at the command line."""

import re
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import audit, mail, passwords, proofs, throttle, tokens
from core.access import ALL_SCOPES
from core.db import transaction
from core.errors import InvalidAccountError, NameTakenError
from core.models import AccessToken, User, utc_now
from core.throttle import Allowance

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,39}")
_DELETED = "deleted-"
_CLI_TOKEN = "lethe create-user"  # noqa: S105  # a name, no secret
REGISTRATIONS = Allowance("registrations from one address", tries=100, period_s=3600)


class NewUser(NamedTuple):
    """A user and the token that is shown this once."""

    user: User
    token: str


def register(name: str, password: str, *, email: str | None, address: str) -> User:
    """Make an account that works at once; an e-mail address becomes part of it when it is confirmed.

    So who registers with somebody else's address learns nothing: neither whether it is known, nor what is
    written to it. Call it outside any transaction: hashing takes a while.

    Args:
        name: 2 to 40 letters, digits, dots, dashes and underscores; names are public.
        password: see `core.passwords.check`.
        email: where to write, if at all.
        address: of the client, for throttling.

    Raises:
        RateLimitedError: too many accounts were made from there.
        InvalidAccountError: something of it cannot be.
        NameTakenError: there is an account of that name.
    """
    throttle.take(REGISTRATIONS, address)
    check_name(name)
    folded = None if email is None else mail.check_address(email)
    passwords.check(password, name=name, email=folded)
    password_hash = passwords.hash_of(password)
    with transaction() as session:
        user = add(session, name, password_hash=password_hash)
        if folded is not None:
            proofs.ask_to_confirm(session, user, folded)
    return user


def check_name(name: str) -> None:
    """Refuse a name that an account cannot have.

    Raises:
        InvalidAccountError: how a name has to be.
    """
    if not _NAME.fullmatch(name) or name.casefold().startswith(_DELETED):
        raise InvalidAccountError(
            "A name has 2 to 40 characters: letters of a to z, digits, dots, dashes and underscores, and "
            f"begins with a letter or digit, but not with `{_DELETED}`."
        )


def add(session: Session, name: str, *, password_hash: str | None = None) -> User:
    """Insert an account.

    Raises:
        NameTakenError: there is one of that name.
    """
    user = User(name=name, name_key=name.casefold(), password_hash=password_hash)
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError as error:
        raise NameTakenError(f"There is an account `{name}` already; take another name.") from error
    return user


def create_user(session: Session, name: str, *, admin: bool = False) -> NewUser:
    """Create a user, or give an existing one a new token that replaces the one made here before.

    With `admin` the user is one from now on; without it, an admin stays one.
    """
    user = find(session, name)
    if user is None:
        user = add(session, name)
    if admin and not user.is_admin:
        user.is_admin = True
        audit.record(session, actor=None, action="admin.add", target=user.name)
    earlier = update(AccessToken).where(AccessToken.user_id == user.id, AccessToken.name == _CLI_TOKEN)
    session.execute(earlier.where(AccessToken.revoked_at.is_(None)).values(revoked_at=utc_now()))
    return NewUser(user, tokens.create(session, user, name=_CLI_TOKEN, scopes=ALL_SCOPES).text)


def find(session: Session, login: str) -> User | None:
    """Return the account of a name or of a confirmed e-mail address, if there is one."""
    folded = login.casefold()
    if "\0" in folded:  # PostgreSQL takes no such text
        return None
    column = User.email if "@" in folded else User.name_key
    return session.scalar(select(User).where(column == folded))


def email_is_taken(session: Session, email: str) -> bool:
    """Return whether an account has confirmed this address."""
    return session.scalar(select(User.id).where(User.email == email)) is not None
