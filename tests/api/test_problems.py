"""Errors as answers, and the headers that every answer carries."""

import pytest
from structlog.testing import capture_logs

from core import competitions, db
from core.errors import IllegalTransitionError, NotAllowedError, StorageError

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


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("/api/v1/accounts", {"name": "ann", "password": ["hunter2 hunter2"]}, ("body", "/password")),
        ("/api/v1/accounts", {"name": "ann", "password": "hunter2 " * 1000}, ("body", "/password")),
        ("/api/v1/session", {"login": "ann", "password": {"hunter2": 1}}, ("body", "/password")),
        ("/api/v1/session", ["hunter2"], ("body", "")),
    ],
)
def test_request_of_a_wrong_form_is_told_where_and_gets_no_value_back(client, path, body, place):
    response = client.post(path, json=body)
    problem = response.json()
    assert (response.status_code, problem["type"]) == (422, "urn:lethe:problem:invalid-request")
    (fault,) = [fault for fault in problem["errors"] if (fault["where"], fault["pointer"]) == place]
    assert fault["detail"] in problem["detail"]
    assert "hunter2" not in response.text


def test_body_that_is_no_json_is_told_so_and_not_repeated(client):
    headers = {"Content-Type": "application/json"}
    response = client.post("/api/v1/session", content=b'{"password": hunter2', headers=headers)
    assert response.status_code == 422
    assert response.json()["errors"] == [{"where": "body", "pointer": "", "detail": "This is not JSON."}]
    assert "hunter2" not in response.text


def test_name_of_a_field_in_a_pointer_is_escaped(client):
    response = client.post("/api/v1/session", json={"login": "a", "password": "b", "a/b~c": 1})
    assert "/a~1b~0c" in {fault["pointer"] for fault in response.json().get("errors", [])}


def test_error_that_knows_when_to_come_back_says_so(client, monkeypatch):
    def refuse(*_arguments):
        raise NotAllowedError("Not now.", retry_after_s=0)

    monkeypatch.setattr(competitions, "list_competitions", refuse)
    response = client.get("/api/v1/competitions")
    assert (response.status_code, response.headers["retry-after"]) == (403, "1")


@pytest.mark.parametrize("path", ["/api/v1/session", "/api/v1/accounts", "/sign-in"])
def test_body_of_what_is_no_upload_is_small(client, path):
    form = {"Content-Type": "application/x-www-form-urlencoded" if path == "/sign-in" else "application/json"}
    response = client.post(path, content=b"a" * (2**20 + 1), headers=form)
    assert response.status_code == 413
    assert "The request is too large." in response.text
    assert "content-security-policy" in response.headers
