"""Mails: written into the database with what they tell of, and handed to an SMTP server by the courier."""

import re
import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import SplitResult, unquote, urlsplit

import structlog
from sqlalchemy.orm import Session

from core.errors import InvalidAccountError, MailError
from core.models import Mail
from core.settings import get_settings

log = structlog.get_logger(__name__)

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_MAX_ADDRESS = 254
_MAX_SUBJECT = 200
_TIMEOUT_S = 30.0
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def write(session: Session, to: str, subject: str, body: str) -> Mail:
    """Have a mail sent once the transaction is committed.

    Args:
        session: the transaction that makes what the mail tells of.
        to: one address.
        subject: one line of any text; line breaks and other control characters become spaces.
        body: plain text.
    """
    line = "".join(character if character.isprintable() else " " for character in subject)
    mail = Mail(to=check_address(to), subject=line.strip()[:_MAX_SUBJECT], body=body)
    session.add(mail)
    return mail


def check_address(text: str) -> str:
    """Return a mail address as it is stored: case-folded.

    Raises:
        InvalidAccountError: it is none, or one outside ASCII.
    """
    if len(text) > _MAX_ADDRESS or not _ADDRESS.fullmatch(text):
        raise InvalidAccountError("This is no e-mail address that Lethe can write to.")
    return text.casefold()


def send(mail: Mail) -> None:
    """Hand a mail to the SMTP server of the settings; without one, to the log of this process.

    Raises:
        MailError: the server does not take it, or there is none in production.
    """
    settings = get_settings()
    url = settings.smtp_url.get_secret_value()
    if url:
        _hand_over(_compose(mail, settings.mail_from), urlsplit(url))
    elif settings.mode == "production":
        # A mail may hold a token: no log of a real installation is the place for it.
        raise MailError("there is no SMTP server: set LETHE_SMTP_URL")
    else:
        log.info("mail", mail_id=str(mail.id), to=mail.to, subject=mail.subject, body=mail.body)


def _compose(mail: Mail, sender: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = Address(addr_spec=mail.to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(mail.created_at)
    # The same at every try, so that a mail that arrives twice is shown once.
    message["Message-ID"] = f"<{mail.id}@{message['From'].addresses[0].domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.body)
    return message


def _hand_over(message: EmailMessage, url: SplitResult) -> None:
    try:
        with _connect(url) as server:
            if url.username:
                server.login(unquote(url.username), unquote(url.password or ""))
            server.send_message(message)
    except (smtplib.SMTPException, OSError) as error:
        raise MailError(f"{url.hostname} did not take the mail: {error}") from error


def _connect(url: SplitResult) -> smtplib.SMTP:
    host, context = url.hostname or "", ssl.create_default_context()
    if url.scheme == "smtps":
        return smtplib.SMTP_SSL(host, url.port or 465, timeout=_TIMEOUT_S, context=context)
    server = smtplib.SMTP(host, url.port or 587, timeout=_TIMEOUT_S)
    try:
        server.ehlo()
        # Nothing goes over a network in the clear; a relay on this very host seldom has a certificate.
        if host not in _LOOPBACK or server.has_extn("starttls"):
            server.starttls(context=context)
    except BaseException:
        server.close()
        raise
    return server
