"""`limit`, `cursor` and `Link`, at an address of the test's own."""

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient

from api import paging, problems
from api.paging import Paging
from core.paging import decode, encode


@pytest.fixture
def client():
    app = FastAPI()
    problems.install(app)

    @app.get("/api/numbers")
    def list_numbers(page: Paging, request: Request, response: Response, only: str = "") -> list[int]:
        start = 0 if page.cursor is None else decode(page.cursor, [int])[0]
        end = min(start + page.limit, 120)
        paging.link(request, response, encode(end) if end < 120 else None)
        return list(range(start, end))

    return TestClient(app, raise_server_exceptions=False)


def test_links_lead_through_the_whole_list_and_keep_the_filters(client):
    address, seen, asked = "/api/numbers?only=a%26b&limit=50", [], 0
    while address:
        response = client.get(address)
        assert response.status_code == 200
        seen += response.json()
        asked += 1
        address = response.links.get("next", {}).get("url")
        assert address is None or ("only=a%26b" in address and "limit=50" in address)
    assert (seen, asked) == (list(range(120)), 3)


def test_page_has_fifty_entries_unless_asked(client):
    assert len(client.get("/api/numbers").json()) == 50


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=", "cursor=" + "a" * 1025])
def test_parameter_out_of_range_is_a_problem_that_names_it(client, query):
    response = client.get(f"/api/numbers?{query}")
    assert (response.status_code, response.json()["type"]) == (422, "urn:lethe:problem:invalid-request")
    (fault,) = response.json()["errors"]
    assert (fault["where"], fault["pointer"]) == ("query", "/" + query.partition("=")[0])


def test_cursor_that_is_none_is_a_problem(client):
    response = client.get("/api/numbers?cursor=x")
    assert (response.status_code, response.json()["type"]) == (422, "urn:lethe:problem:invalid-cursor")
