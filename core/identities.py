"""Accounts as an OpenID Connect provider knows them: by issuer and subject, never by address."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import accounts, mail, sessions
from core.db import transaction
from core.errors import (
    InvalidAccountError,
    LastSignInError,
    NameTakenError,
    NotFoundError,
    OpenIdError,
)
from core.models import Identity, User
from core.settings import get_settings

_LINKED = """\
Hello {name},

from now on {claims.issuer} signs in to your account, as {claims.subject}. If that was not you: set a new
password, and unlink it on the page of your account.
"""


@dataclass(frozen=True)
class Claims:
    """What a provider vouches for.

    Attributes:
        issuer: the provider.
        subject: whom it calls so, for ever.
        name: what it would call them; any text.
        email: the address, only where the provider has verified it.
    """

    issuer: str
    subject: str
    name: str = ""
    email: str | None = None


def sign_in(claims: Claims, *, replacing: str | None = None) -> str:
    """Open a session for whom the provider means, with a new account if there is none; return the cookie.

    An account with the same address is another one until its owner links the two: an address says who reads
    the mail today, not who made the account.
    """
    with transaction() as session:
        user = _find(session, claims) or _add(session, claims)
        return sessions.begin(session, user, replacing=replacing)


def link(user: User, claims: Claims) -> None:
    """Let somebody who is signed in use the provider from now on.

    Raises:
        OpenIdError: it is another account's way in already.
    """
    with transaction() as session:
        found = _find(session, claims)
        if found is None:
            session.add(Identity(user_id=user.id, issuer=claims.issuer, subject=claims.subject))
            _tell(session, user, claims)
        elif found.id != user.id:
            raise OpenIdError("Another account is signed in to that way already.")


def _tell(session: Session, user: User, claims: Claims) -> None:
    """Write to the owner of an account that there is one more way into it, which a new password leaves."""
    if user.email is not None:
        mail.write(session, user.email, "A new way to sign in", _LINKED.format(name=user.name, claims=claims))


def unlink(user: User, identity_id: UUID, *, session_id: UUID) -> None:
    """Let an identity sign in to an account no longer, and sign all other browsers out.

    Args:
        user: whose account it is.
        identity_id: which of its identities.
        session_id: of the browser that stays signed in.

    Raises:
        NotFoundError: the account has no such identity.
        LastSignInError: without it nobody could sign in to the account.
    """
    with transaction() as session:
        # Locked, so that two that go at once do not both find the other still there.
        locked = select(User).where(User.id == user.id).with_for_update()
        account = session.scalars(locked.execution_options(populate_existing=True)).one()
        linked = {one.id: one for one in list_linked(session, user.id)}
        going = linked.pop(identity_id, None)
        if going is None:
            raise NotFoundError(f"There is no identity {identity_id}.")
        if account.password_hash is None and not can_sign_in(linked.values()):
            raise LastSignInError(
                "Your account has no password, and nothing else to sign in with. Set a password first: "
                "confirm an e-mail address, and ask for a link on the page /reset."
            )
        session.delete(going)
        sessions.end_all(session, user.id, but=session_id)


def list_linked(session: Session, user_id: UUID) -> list[Identity]:
    """Return what an account is linked to, at this provider or at one that the platform had before."""
    query = select(Identity).where(Identity.user_id == user_id)
    return list(session.scalars(query.order_by(Identity.issuer, Identity.subject)))


def can_sign_in(linked: Iterable[Identity]) -> bool:
    """Return whether one of these identities is of the provider that the platform has now."""
    return any(identity.issuer == get_settings().oidc_issuer for identity in linked)


def _find(session: Session, claims: Claims) -> User | None:
    query = select(User).join(Identity, Identity.user_id == User.id)
    return session.scalar(query.where(Identity.issuer == claims.issuer, Identity.subject == claims.subject))


def _add(session: Session, claims: Claims) -> User:
    user = _add_user(session, claims.name)
    if claims.email is not None:
        _bind_email(session, user, claims.email)
    session.add(Identity(user_id=user.id, issuer=claims.issuer, subject=claims.subject))
    session.flush()
    return user


def _add_user(session: Session, wanted: str) -> User:
    """Insert an account with the wanted name made fit, and a number after it if somebody has it."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", wanted).strip("._-")[:30]
    try:
        accounts.check_name(name)
        return accounts.add(session, name)
    except (InvalidAccountError, NameTakenError):
        return accounts.add(session, f"{name or 'user'}-{secrets.token_hex(3)}")


def _bind_email(session: Session, user: User, email: str) -> None:
    try:
        address = mail.check_address(email)
    except InvalidAccountError:
        return
    if not accounts.email_is_taken(session, address):
        user.email = address
