"""A small SMTP server on loopback: takes mails, with STARTTLS if it has a certificate."""

import base64
import datetime
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Received:
    """What a server got."""

    mails: list[bytes] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    port: int = 0


class _Session(socketserver.StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        self.encrypted = False
        self._say("220 here")
        while line := self.rfile.readline():
            command = line.decode().strip()
            if not self._answer(command, command.upper()):
                return

    def _answer(self, command: str, upper: str) -> bool:
        received: Received = self.server.received
        if upper.startswith("EHLO"):
            starttls = ["STARTTLS"] if self.server.tls and not self.encrypted else []
            words = ["here", *starttls, "AUTH PLAIN"]
            for position, word in enumerate(words):
                self._say(f"250{' ' if position == len(words) - 1 else '-'}{word}")
        elif upper == "STARTTLS":
            self._say("220 go on")
            self._encrypt()
        elif upper.startswith("AUTH PLAIN"):
            received.logins.append(base64.b64decode(command.split()[2]).decode())
            self._say("235 in")
        elif upper == "DATA":
            self._say("354 go on")
            received.mails.append(self._read_mail())
            received.encrypted.append(self.encrypted)
            self._say("250 taken")
        elif upper.startswith("RCPT") and "refused@" in command:
            self._say("550 no such mailbox")
        elif upper == "QUIT":
            self._say("221 bye")
            return False
        else:
            self._say("250 fine")
        return True

    def _read_mail(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b"."))  # RFC 5321 4.5.2
        return b"".join(lines)

    def _encrypt(self) -> None:
        try:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        except (ssl.SSLError, OSError):  # the client does not trust us, and says so by leaving
            return
        self.encrypted = True
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def smtp_server(certificate: Path | None = None) -> Iterator[Received]:
    """Serve on a free port; with a certificate, STARTTLS is offered."""
    received = Received()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Session) as server:
        server.daemon_threads = True
        server.received = received  # type: ignore[attr-defined]
        server.tls = None  # type: ignore[attr-defined]
        if certificate is not None:
            server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # type: ignore[attr-defined]
            server.tls.load_cert_chain(certificate)  # type: ignore[attr-defined]
        received.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()


def make_certificate(folder: Path, host: str = "localhost") -> Path:
    """Write a certificate that signs itself, with its key, into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    no_password = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, no_password) + built.public_bytes(pem)
    )
    return path
