"""Mails: what is written of them, and what an SMTP server on loopback gets."""

import email
import email.policy
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from core import db, mail
from core.errors import InvalidAccountError, MailError
from core.models import Mail
from core.settings import get_settings
from tests.support.smtp import make_certificate, smtp_server


def _written(to: str = "ann@example.org", subject: str = "Hello", body: str = "Grüße\n.\nend\n") -> Mail:
    with db.transaction() as session:
        return mail.write(session, to, subject, body)


def _settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"LETHE_{name.upper()}", value)
    get_settings.cache_clear()


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate that this process trusts."""
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return certificate


def test_send_hands_over_the_whole_mail(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = _written(subject="Größe")
    with smtp_server() as server:
        _settings(monkeypatch, smtp_url=f"smtp://127.0.0.1:{server.port}", mail_from="Lethe <no@example.org>")
        mail.send(written)
    read = email.message_from_bytes(server.mails[0], policy=email.policy.default)
    assert (read["To"], read["From"], read["Subject"]) == (
        "ann@example.org",
        "Lethe <no@example.org>",
        "Größe",
    )
    assert read["Message-ID"] == f"<{written.id}@example.org>"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read.get_content().splitlines() == ["Grüße", ".", "end"]
    assert server.logins == []


def test_send_signs_in_only_when_encrypted(
    home: Path, trusted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with smtp_server(trusted) as server:
        _settings(monkeypatch, smtp_url=f"smtp://ann:s%40fe@localhost:{server.port}")
        mail.send(_written())
    assert server.encrypted == [True]
    assert server.logins == ["\0ann\0s@fe"]


def test_send_to_a_server_that_nobody_vouches_for_fails(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with smtp_server(make_certificate(tmp_path)) as server:
        _settings(monkeypatch, smtp_url=f"smtp://ann:secret@localhost:{server.port}")
        with pytest.raises(MailError, match="CERTIFICATE_VERIFY_FAILED"):
            mail.send(_written())
    assert (server.mails, server.logins) == ([], [])


def test_send_over_a_network_without_starttls_fails(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_LOOPBACK", set())  # as if the server were on another host
    with smtp_server() as server:
        _settings(monkeypatch, smtp_url=f"smtp://ann:secret@127.0.0.1:{server.port}")
        with pytest.raises(MailError, match="STARTTLS"):
            mail.send(_written())
    assert (server.mails, server.logins) == ([], [])


def test_send_refused_says_what_the_server_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with smtp_server() as server:
        _settings(monkeypatch, smtp_url=f"smtp://127.0.0.1:{server.port}")
        with pytest.raises(MailError, match="no such mailbox"):
            mail.send(_written(to="refused@example.org"))


def test_send_to_nobody_who_listens_fails(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _settings(monkeypatch, smtp_url="smtp://127.0.0.1:1")
    with pytest.raises(MailError, match=r"127\.0\.0\.1 did not take the mail"):
        mail.send(_written())


def test_send_without_a_server_writes_to_the_log_in_development_only(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = _written()
    with capture_logs() as logs:
        mail.send(written)
    assert (logs[0]["to"], logs[0]["body"]) == ("ann@example.org", written.body)
    _settings(monkeypatch, mode="production")
    with capture_logs() as logs, pytest.raises(MailError, match="LETHE_SMTP_URL"):
        mail.send(written)
    assert logs == []


def test_subject_with_line_breaks_adds_no_header(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = _written(subject="Hi\r\nBcc: eve@example.org\n\u2028\x00" + "x" * 300)
    assert written.subject.startswith("Hi  Bcc: eve@example.org")
    assert len(written.subject) == 200
    with smtp_server() as server:
        _settings(monkeypatch, smtp_url=f"smtp://127.0.0.1:{server.port}")
        mail.send(written)
    assert email.message_from_bytes(server.mails[0])["Bcc"] is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "ann@localhost",
        "ann@example.org\nBcc: x@example.org",
        "ann@example.org, eve@example.org",
        "Ann <ann@example.org>",
        "änn@example.org",
        "a@b@example.org",
        "ann@exa mple.org",
        "a\0@example.org",
        "ann@" + "x" * 250 + ".org",
    ],
)
def test_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidAccountError):
        mail.check_address(text)


def test_address_is_case_folded() -> None:
    assert mail.check_address("Ann.B+c@Example.ORG") == "ann.b+c@example.org"
