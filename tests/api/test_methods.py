"""HEAD wherever GET is, and `Allow` with every method of an address."""

import pytest


@pytest.mark.parametrize(
    "path",
    ["/", "/healthz", "/api/v1/competitions", "/api/v1/openapi.json", "/static/lethe.css", "/nothing"],
)
def test_head_answers_as_get_does_without_the_body(client, path):
    asked, head = client.get(path), client.head(path)
    assert head.status_code == asked.status_code
    assert head.content == b""
    assert head.headers["content-type"] == asked.headers["content-type"]
    assert head.headers["content-length"] == str(len(asked.content))
    assert "content-security-policy" in head.headers


def test_head_needs_what_get_needs(client, competition, ada):
    references = "/api/v1/competitions/faces/phases/check/references"
    assert client.head(references).status_code == 401
    assert client.head(references, headers=ada.headers).status_code == 403


@pytest.mark.parametrize("method", ["DELETE", "OPTIONS", "TRACE", "BREW"])
def test_method_that_an_address_has_not_is_told_all_that_it_has(client, competition, method):
    response = client.request(method, "/api/v1/competitions/faces/phases/check/references")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, POST")
    assert response.headers["content-type"] == "application/problem+json"


def test_head_of_an_address_that_is_only_written_to_is_not_allowed(client, competition):
    response = client.head("/api/v1/competitions/faces/phases/check/submissions")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
