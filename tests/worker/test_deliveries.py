"""A webhook is called at the address that was checked, under its own name, for ten seconds at most."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import anyio
import pytest

from core.settings import get_settings
from core.webhooks import Message
from tests.support.hooks import NAME, Hooks, make_pair, serve_hooks
from worker import deliveries
from worker.deliveries import Outcome


class Resolver:
    """Answers each question with the next of its answers, and the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, name: str, port: int) -> list[str]:
        self.asked.append(name)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """Say that every name is this host's."""
    made = Resolver(["127.0.0.1"])
    monkeypatch.setattr(deliveries, "resolve", made)
    return made


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Allow webhooks to this host."""
    monkeypatch.setenv("LETHE_WEBHOOK_LOOPBACK", "true")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture(scope="module")
def tls_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CA and a certificate for `NAME`."""
    folder = tmp_path_factory.mktemp("tls")
    make_pair(folder)
    return folder


@pytest.fixture
def hooks(
    loopback: None, resolver: Resolver, tls_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hooks]:
    """Serve over TLS, under a name that leads to this host."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_folder / "ca.pem"))
    with serve_hooks(tls_folder / "server.pem") as hooks:
        yield hooks


def _send(url: str) -> Outcome:
    message = Message(url, b'{"type":"webhook.test"}', {"webhook-id": "1"})
    return anyio.run(deliveries.send, message)


def test_delivery_arrives_over_tls_under_its_name(hooks: Hooks, resolver: Resolver) -> None:
    assert _send(f"https://{NAME}:{hooks.port}/lethe?x=1") == Outcome(204, "")
    (request,) = hooks.requests
    assert (request.path, request.body) == ("/lethe?x=1", b'{"type":"webhook.test"}')
    assert (request.headers["host"], request.headers["webhook-id"]) == (f"{NAME}:{hooks.port}", "1")
    assert resolver.asked == [NAME]


def test_certificate_of_another_name_is_refused(hooks: Hooks) -> None:
    outcome = _send(f"https://other.example.org:{hooks.port}/")
    assert outcome.status is None
    assert "certificate" in outcome.problem
    assert hooks.requests == []


def test_certificate_of_an_unknown_authority_is_refused(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    outcome = _send(f"https://{NAME}:{hooks.port}/")
    assert outcome.status is None
    assert "certificate" in outcome.problem
    assert hooks.requests == []


def test_name_of_a_private_address_is_not_called(resolver: Resolver, tls_folder: Path) -> None:
    with serve_hooks(tls_folder / "server.pem"):
        for answer in (["127.0.0.1"], ["10.0.0.1"], ["::ffff:127.0.0.1"], ["93.184.216.34", "127.0.0.1"], []):
            resolver.answers = [answer]
            outcome = _send(f"https://{NAME}/")
            assert outcome.status is None
            assert outcome.problem == f"The name {NAME} resolves to an address that is not public."


def test_name_that_changes_its_address_is_called_where_it_was_checked(
    hooks: Hooks, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a rebinding name wants: a good answer for the check, another one for the connection.
    resolver.answers = [["127.0.0.1"], ["169.254.169.254"]]
    connected: list[str] = []
    connect = anyio.connect_tcp

    async def spy(remote_host: str, *arguments: object, **options: object) -> object:
        connected.append(remote_host)
        return await connect(remote_host, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(anyio, "connect_tcp", spy)
    assert _send(f"https://{NAME}:{hooks.port}/").status == 204
    assert (resolver.asked, connected) == ([NAME], ["127.0.0.1"])
    assert "not public" in _send(f"https://{NAME}:{hooks.port}/").problem
    assert connected == ["127.0.0.1"]


def test_second_address_is_tried_where_the_first_does_not_answer(hooks: Hooks, resolver: Resolver) -> None:
    resolver.answers = [["127.9.9.9", "127.0.0.1"]]
    assert _send(f"https://{NAME}:{hooks.port}/").status == 204


def test_redirect_is_not_followed(hooks: Hooks) -> None:
    def redirect(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(307)
        handler.send_header("Location", "/elsewhere")
        handler.end_headers()

    hooks.answer = redirect
    outcome = _send(f"https://{NAME}:{hooks.port}/")
    assert outcome.status == 307
    assert "redirects are not followed" in outcome.problem
    assert len(hooks.requests) == 1


def _dribble(handler: BaseHTTPRequestHandler) -> None:
    while True:
        handler.wfile.write(b"H")
        time.sleep(0.05)


def _say_nothing(_handler: BaseHTTPRequestHandler) -> None:
    time.sleep(2)


@pytest.mark.parametrize("answer", [_dribble, _say_nothing])
def test_slow_answer_ends_at_the_time_limit(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    monkeypatch.setattr(deliveries, "TIMEOUT_S", 0.5)
    hooks.answer = answer  # type: ignore[assignment]
    started = time.monotonic()
    outcome = _send(f"https://{NAME}:{hooks.port}/")
    assert time.monotonic() - started < 1.5
    assert outcome.status is None
    assert "did not answer within" in outcome.problem


def test_name_that_takes_long_to_resolve_ends_at_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "TIMEOUT_S", 0.2)
    monkeypatch.setattr(deliveries, "resolve", lambda *_: time.sleep(1.5))
    started = time.monotonic()
    assert "did not answer within" in _send(f"https://{NAME}/").problem
    assert time.monotonic() - started < 1


def test_endless_answer_is_not_read(hooks: Hooks) -> None:
    written = 0

    def pour(handler: BaseHTTPRequestHandler) -> None:
        nonlocal written
        handler.send_response(200)
        handler.end_headers()
        while written < 64 * 2**20:
            written += handler.wfile.write(b"x" * 2**16)

    hooks.answer = pour
    assert _send(f"https://{NAME}:{hooks.port}/") == Outcome(200, "")
    assert written < 16 * 2**20  # what the buffers of the two ends hold


def test_endless_head_is_not_read(hooks: Hooks) -> None:
    def pour(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        while True:
            handler.wfile.write(b"X-More: " + b"x" * 1000 + b"\r\n")

    hooks.answer = pour
    outcome = _send(f"https://{NAME}:{hooks.port}/")
    assert outcome.status is None
    assert "could not be reached" in outcome.problem


def test_address_that_settings_no_longer_allow_is_not_called(resolver: Resolver) -> None:
    with serve_hooks(None) as hooks:
        outcome = _send(f"http://127.0.0.1:{hooks.port}/")
        assert outcome.status is None
        assert hooks.requests == []


def test_proxy_of_the_environment_is_not_used(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert _send(f"https://{NAME}:{hooks.port}/").status == 204
