"""What a mail carries to prove that its reader may act: to confirm an address, to set a new password."""

import secrets
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import mail, passwords, sessions, throttle, tokens
from core.db import reading, transaction
from core.errors import EmailTakenError, RateLimitedError, SpentTokenError
from core.lifecycle import TokenPurpose
from core.models import OneTimeToken, User, utc_now
from core.settings import get_settings
from core.throttle import Allowance

_LIFETIME = {
    TokenPurpose.CONFIRM_EMAIL: timedelta(days=3),
    TokenPurpose.RESET_PASSWORD: timedelta(hours=1),
}
RESETS = Allowance("resets asked for from one address", tries=20, period_s=3600)
# Apart, so that who asks to confirm somebody's address again and again keeps no new password from them.
MAILS = {
    purpose: Allowance(f"mails to one reader to {purpose}", tries=5, period_s=3600)
    for purpose in TokenPurpose
}


def ask_to_confirm(session: Session, user: User, email: str) -> None:
    """Write to an address, and make it the account's once its reader follows the link.

    Whether another account has the address is not asked here, only then.
    """
    if _may_write(email, TokenPurpose.CONFIRM_EMAIL):
        token = _issue(session, user, TokenPurpose.CONFIRM_EMAIL, email)
        mail.write(
            session, email, "Confirm your e-mail address", _CONFIRM.format(**_words(user, "confirm", token))
        )


def confirm(token: str) -> User:
    """Make an address the account's, tell the one that it had before, and return the account.

    Raises:
        SpentTokenError: the link is unknown, used or too old.
        EmailTakenError: another account has confirmed the address meanwhile.
    """
    with transaction() as session:
        proof = _redeem(session, token, TokenPurpose.CONFIRM_EMAIL)
        user = session.get_one(User, proof.user_id)
        former = user.email
        try:
            with session.begin_nested():
                user.email = proof.email
        except IntegrityError as error:
            raise EmailTakenError(
                "This address belongs to another account. Sign in with that one."
            ) from error
        if former is not None and former != user.email:
            # The last mail that its reader gets: nothing else would tell them that the account is gone.
            mail.write(
                session, former, "Your e-mail address was changed", _MOVED.format(**_words(user, "account"))
            )
    return user


def check_reset(address: str) -> None:
    """Count a request for a new password.

    Raises:
        RateLimitedError: there were too many from this address of a client.
    """
    throttle.take(RESETS, address)


def send_reset(login: str) -> None:
    """Write a link for a new password to the account of a name or address, if that has a confirmed address.

    It says nothing, whatever it finds, and is called when the answer has been given: neither words nor time
    tell whether there is such an account.
    """
    from core import accounts  # it writes proofs itself

    with transaction() as session:
        user = accounts.find(session, login)
        purpose = TokenPurpose.RESET_PASSWORD
        if user is not None and user.email is not None and _may_write(user.email, purpose):
            token = _issue(session, user, purpose, user.email)
            mail.write(session, user.email, "A new password", _RESET.format(**_words(user, "reset", token)))


def reset_link(session: Session, user: User) -> str:
    """Return a link under which an operator's user sets a password, without a mail."""
    return _words(user, "reset", _issue(session, user, TokenPurpose.RESET_PASSWORD, user.email or ""))["link"]


def reset(token: str, password: str) -> None:
    """Set a new password, sign all browsers out, and revoke all tokens.

    Raises:
        SpentTokenError: the link is unknown, used or too old.
        InvalidAccountError: the password will not do; the link stays good.
    """
    user = account_of(token)
    passwords.check(password, name=user.name, email=user.email)
    password_hash = passwords.hash_of(password)
    with transaction() as session:
        user = session.get_one(User, _redeem(session, token, TokenPurpose.RESET_PASSWORD).user_id)
        set_password(session, user, password_hash)
        sessions.end_all(session, user.id)
        tokens.revoke_all(session, user.id)


def set_password(session: Session, user: User, password_hash: str) -> None:
    """Store a new password, make all open links of the account useless, and tell the owner.

    Also those that confirm an address: who asked for one in a stolen browser would still get the account.
    """
    user.password_hash = password_hash
    unused = update(OneTimeToken).where(OneTimeToken.user_id == user.id, OneTimeToken.used_at.is_(None))
    session.execute(unused.values(used_at=utc_now()))
    if user.email is not None:
        mail.write(session, user.email, "Your password was changed", _CHANGED.format(**_words(user, "reset")))


def account_of(token: str) -> User:
    """Return whose password a link replaces, before anybody thinks of a new one.

    Raises:
        SpentTokenError: it is unknown, used or too old.
    """
    with reading() as session:
        return session.get_one(User, _find(session, token, TokenPurpose.RESET_PASSWORD).user_id)


def _may_write(email: str, purpose: TokenPurpose) -> bool:
    try:
        throttle.take(MAILS[purpose], email)
    except RateLimitedError:  # who asks is told nothing of it
        return False
    return True


def _issue(session: Session, user: User, purpose: TokenPurpose, email: str) -> str:
    """Return a new token; those that the account had for the same purpose are no longer good."""
    session.execute(
        delete(OneTimeToken).where(OneTimeToken.user_id == user.id, OneTimeToken.purpose == purpose)
    )
    token = secrets.token_urlsafe(32)
    session.add(
        OneTimeToken(
            user_id=user.id,
            purpose=purpose,
            email=email,
            token_sha256=tokens.hash_of(token),
            expires_at=utc_now() + _LIFETIME[purpose],
        )
    )
    return token


def _find(session: Session, token: str, purpose: TokenPurpose, *, lock: bool = False) -> OneTimeToken:
    query = select(OneTimeToken).where(
        OneTimeToken.token_sha256 == tokens.hash_of(token),
        OneTimeToken.purpose == purpose,
        OneTimeToken.used_at.is_(None),
        OneTimeToken.expires_at > utc_now(),
    )
    found = session.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise SpentTokenError("This link was used already, or is too old. Ask for a new one.")
    return found


def _redeem(session: Session, token: str, purpose: TokenPurpose) -> OneTimeToken:
    found = _find(session, token, purpose, lock=True)
    found.used_at = utc_now()
    return found


def _words(user: User, page: str, token: str = "") -> dict[str, str]:
    site = get_settings().public_url
    return {"name": user.name, "site": site, "link": f"{site}/{page}/{token}".rstrip("/")}


_CONFIRM = """\
Hello,

somebody, most likely you, gave this address for the account "{name}" at {site}.
If it was you, confirm it within three days:

{link}

If not, do nothing: the address will not be used.
"""

_RESET = """\
Hello {name},

somebody, most likely you, asked for a new password of your account at {site}.
Set one within an hour:

{link}

It ends all sessions and tokens of your account. If it was not you, do nothing: your password stays.
"""

_MOVED = """\
Hello {name},

mails to your account at {site} go to another address from now on. If it was not you, write at once to
those who run the site.
"""

_CHANGED = """\
Hello {name},

the password of your account at {site} was changed. If it was not you, set a new one at once:

{link}
"""
