"""Signing in with a password, and proving it again for what matters most."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import accounts, mail, passwords, proofs, sessions, throttle
from core.db import reading, transaction
from core.errors import NotAllowedError, WrongPasswordError
from core.models import User
from core.throttle import Allowance

FOR_ACCOUNT = Allowance("wrong passwords of one account", tries=10, period_s=15 * 60)
# Apart: strangers who guess must not keep the owner from changing the password, or from going.
FOR_SIGNED_IN = Allowance("wrong passwords of somebody signed in", tries=10, period_s=15 * 60)
FROM_ADDRESS = Allowance("wrong passwords from one address", tries=50, period_s=15 * 60)


class SignedIn(NamedTuple):
    """Who signed in, and what the browser's cookie is to hold."""

    user: User
    cookie: str


def sign_in(login: str, password: str, *, address: str, replacing: str | None = None) -> SignedIn:
    """Open a session for the account of a name or a confirmed e-mail address.

    A login that nobody has costs the same work and gets the same answer as a wrong password. Call it outside
    any transaction: hashing takes a while.

    Args:
        login: the name or address.
        password: the password.
        address: of the client, for throttling.
        replacing: the session cookie that the browser sent, which is good no longer.

    Raises:
        RateLimitedError: too many wrong passwords for this login, or from this address.
        WrongPasswordError: there is no such account with this password.
    """
    throttle.check(FROM_ADDRESS, address)
    throttle.take(FOR_ACCOUNT, login.casefold())  # before the answer is known: many at once are counted too
    with reading() as session:
        found = accounts.find(session, login)
    verified = passwords.verify(password, None if found is None else found.password_hash)
    if found is None or not verified.right:
        throttle.take(FROM_ADDRESS, address)
        raise WrongPasswordError("The name or the password is wrong.")
    throttle.forget(FOR_ACCOUNT, login.casefold())
    with transaction() as session:
        user = _unchanged(session, found)
        if verified.new_hash is not None:
            user.password_hash = verified.new_hash
        return SignedIn(user, sessions.begin(session, user, replacing=replacing))


def change_password(user: User, session_id: UUID, *, password: str, new_password: str) -> None:
    """Replace a password by a new one, and sign all other browsers out.

    Raises:
        RateLimitedError: too many wrong passwords.
        WrongPasswordError: the present one is another.
        NotAllowedError: the account has none; a link in a mail sets the first one.
        InvalidAccountError: the new one will not do.
    """
    verify(user, password)
    passwords.check(new_password, name=user.name, email=user.email)
    password_hash = passwords.hash_of(new_password)
    with transaction() as session:
        proofs.set_password(session, _unchanged(session, user), password_hash)
        sessions.end_all(session, user.id, but=session_id)


def change_email(user: User, email: str, *, password: str) -> None:
    """Write to an address, and make it the account's once its reader follows the link.

    Raises:
        InvalidAccountError: it is no address.
        RateLimitedError: too many wrong passwords.
        WrongPasswordError: the account has another one; whose address it is may replace it.
    """
    folded = mail.check_address(email)
    if user.password_hash is not None:
        verify(user, password)
    with transaction() as session:
        proofs.ask_to_confirm(session, user, folded)


def verify(user: User, password: str) -> None:
    """Have somebody who is signed in prove it again; an open browser is no proof.

    Raises:
        RateLimitedError: too many wrong passwords.
        WrongPasswordError: it is another.
        NotAllowedError: the account has none.
    """
    if user.password_hash is None:
        raise NotAllowedError("Your account has no password. Ask for a link to set one first.")
    throttle.take(FOR_SIGNED_IN, str(user.id))
    if not passwords.verify(password, user.password_hash).right:
        raise WrongPasswordError("The password is wrong.")
    throttle.forget(FOR_SIGNED_IN, str(user.id))


def _unchanged(session: Session, seen: User) -> User:
    """Return the account for writing, unless its password has changed since it was read."""
    locked = select(User).where(User.id == seen.id).with_for_update()
    user = session.scalars(locked.execution_options(populate_existing=True)).one()
    if user.password_hash != seen.password_hash:
        raise WrongPasswordError("The password has just been changed. Sign in again.")
    return user
