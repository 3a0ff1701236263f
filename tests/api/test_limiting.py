"""How often somebody may ask: counted by class for accounts and addresses; 429 says when to come back."""

import pytest
from starlette.requests import Request

from api import limiting
from core.settings import get_settings


@pytest.fixture
def limits(monkeypatch):
    """Return a function that sets limits per minute, or other settings."""

    def set_limits(**changed):
        for name, value in changed.items():
            monkeypatch.setenv(f"LETHE_{name.upper()}", str(value))
        get_settings.cache_clear()

    yield set_limits
    get_settings.cache_clear()


def test_account_that_reads_too_often_is_told_when_to_come_back(client, limits, competition, ada, olga):
    limits(reads_per_minute=2)
    statuses = [client.get("/api/v1/competitions", headers=ada.headers).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    response = client.get("/api/v1/competitions", headers=ada.headers)
    assert response.json()["type"] == "urn:lethe:problem:rate-limited"
    assert 1 <= int(response.headers["retry-after"]) <= 60
    # Another account at the same address, and whoever is not signed in there, have rates of their own.
    assert client.get("/api/v1/competitions", headers=olga.headers).status_code == 200
    assert client.get("/api/v1/competitions").status_code == 200


def test_writing_and_reading_are_counted_apart(client, limits, competition, olga):
    limits(reads_per_minute=1, writes_per_minute=1, uploads_per_minute=1)
    phase = "/api/v1/competitions/faces/phases/check"
    for method, path in [("GET", phase), ("POST", f"{phase}/references"), ("POST", f"{phase}/submissions")]:
        assert client.request(method, path, headers=olga.headers).status_code != 429
        assert client.request(method, path, headers=olga.headers).status_code == 429


def test_request_with_a_body_is_counted_once(client, limits, competition, olga):
    limits(writes_per_minute=1)
    address = "/api/v1/competitions/faces/organizers"
    statuses = [client.post(address, json={}, headers=olga.headers).status_code for _ in range(2)]
    assert statuses == [422, 429]


def test_forms_of_other_sites_are_counted_too(client, limits, competition):
    limits(writes_per_minute=2)
    headers = {"Origin": "https://evil.example"}
    answers = [client.post("/api/v1/session", json={}, headers=headers).status_code for _ in range(3)]
    assert answers == [403, 403, 429]


def test_health_checks_are_never_refused(client, limits):
    limits(reads_per_minute=1)
    assert [client.get("/healthz").status_code for _ in range(3)] == [200] * 3


def test_guessing_tokens_is_slow(client, limits, competition):
    limits(strangers_per_minute=2)
    statuses = [
        client.get("/api/v1/competitions", headers={"Authorization": f"Bearer {n}"}).status_code
        for n in range(3)
    ]
    assert statuses == [401, 401, 429]


def _request(host, *forwarded):
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return Request({"type": "http", "client": host and (host, 1), "headers": headers})


@pytest.mark.parametrize(
    ("host", "counted_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
        (None, "unknown"),
    ],
)
def test_address_of_a_customer_is_one(host, counted_as):
    assert limiting.address_of(_request(host)) == counted_as


@pytest.mark.parametrize(
    ("proxies", "forwarded", "counted_as"),
    [
        (0, ["192.0.2.1"], "10.0.0.1"),
        (1, ["192.0.2.1"], "192.0.2.1"),
        (1, ["198.51.100.9, 192.0.2.1"], "192.0.2.1"),
        (2, ["198.51.100.9, 192.0.2.1", "10.0.0.2"], "192.0.2.1"),
        (2, ["192.0.2.1"], "10.0.0.1"),
        (1, ["2001:db8::1"], "2001:db8::/64"),
    ],
)
def test_client_cannot_choose_its_address(limits, proxies, forwarded, counted_as):
    limits(trusted_proxies=proxies)
    assert limiting.address_of(_request("10.0.0.1", *forwarded)) == counted_as
