"""Errors as answers, and the headers that every answer carries."""

import pytest
from structlog.testing import capture_logs

from core import competitions, db
from core.errors import IllegalTransitionError, StorageError

INTERNAL = "password=hunter2 at 10.0.0.7"


def test_unknown_api_address_is_a_problem(client):
    response = client.get("/api/v1/nothing")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this address.",
    }


def test_wrong_method_is_a_problem_that_names_the_right_one(client):
    response = client.delete("/api/v1/competitions")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, POST")
    assert response.json()["title"] == "Method Not Allowed"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StorageError(INTERNAL), 503),
        (IllegalTransitionError(INTERNAL), 500),
        (ZeroDivisionError(INTERNAL), 500),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/competitions", "/"])
def test_fault_of_the_platform_says_nothing_of_it_and_is_logged(client, monkeypatch, error, status, path):
    def fail(_session, _viewer):
        raise error

    monkeypatch.setattr(competitions, "list_competitions", fail)
    with capture_logs() as logs:
        response = client.get(path)
    assert response.status_code == status
    assert "hunter2" not in response.text
    (event,) = [event for event in logs if event["event"] == "request_failed"]
    assert event["exc_info"] is error
    assert event["instance"] in response.text
    assert "content-security-policy" in response.headers
    expected = "application/problem+json" if path.startswith("/api") else "text/html; charset=utf-8"
    assert response.headers["content-type"] == expected


def test_lost_database_is_a_passing_problem(client, monkeypatch):
    lost = db.make_engine("sqlite:////nowhere/lethe.db")
    with monkeypatch.context() as patch:
        patch.setattr(db, "engine", lambda: lost)
        response = client.get("/api/v1/competitions")
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert "nowhere" not in response.text


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/api/v1/competitions", "/api/v1/nothing", "/static/lethe.css"]
)
def test_every_answer_carries_the_security_headers(client, path):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_openapi_describes_every_endpoint_and_its_problems(client):
    schema = client.get("/api/v1/openapi.json").json()
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            assert operation["summary"]
            assert operation["tags"]
            if path.startswith("/api/"):
                assert list(operation["responses"]["default"]["content"]) == ["application/problem+json"]
    upload = schema["paths"]["/api/v1/competitions/{competition}/phases/{phase}/submissions"]["post"]
    assert upload["security"] == [{"token": []}, {"cookie": [], "csrf": []}]
    assert {"200", "202", "401", "404", "409", "413", "422"} <= upload["responses"].keys()
    assert list(upload["requestBody"]["content"]) == ["multipart/form-data"]
