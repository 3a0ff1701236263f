"""The OpenAPI document: committed, complete, and shown to people without asking another host."""

import difflib
import re
from pathlib import Path

import pytest

from api import openapi
from api.permissions import TABLE, Audience

COMMITTED = Path(openapi.__file__).parents[1] / "docs" / "openapi.json"


@pytest.fixture(scope="module")
def document(application):
    return application.openapi()


def _operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_committed_document_is_the_one_that_is_served(application):
    made, committed = openapi.to_text(application), COMMITTED.read_text(encoding="utf-8")
    diff = difflib.unified_diff(
        committed.splitlines(), made.splitlines(), "committed", "now", lineterm="", n=2
    )
    assert made == committed, (
        "The API is another than docs/openapi.json says. If it should be, commit the change:\n"
        "  python -m api.openapi > docs/openapi.json\n\n" + "\n".join(list(diff)[:80])
    )


def test_every_operation_says_what_it_does_and_who_may(document):
    for address, operation in _operations(document):
        assert operation["summary"], address
        assert operation["tags"], address
        assert re.search(r"\w.*\n\nFor ", operation["description"], re.S), address
        assert operation["security"], address


def test_operation_ids_are_names_of_functions_and_differ(document):
    ids = [operation["operationId"] for _, operation in _operations(document)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-z][a-z0-9_]+", one) for one in ids)


def test_every_error_of_the_api_is_a_problem(document):
    for address, operation in _operations(document):
        if " /api/" not in address:
            continue
        for status, response in operation["responses"].items():
            if status == "default" or int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], (address, status)
        assert "429" in operation["responses"], address


def test_every_tag_is_explained(document):
    assert [tag["name"] for tag in document["tags"] if not tag.get("description")] == []


def test_every_reference_leads_somewhere(document):
    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node:
                yield node["$ref"]
            for child in node.values():
                yield from walk(child)
        elif isinstance(node, list):
            for child in node:
                yield from walk(child)

    for reference in walk(document):
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_proof_that_an_operation_asks_for_is_that_of_the_table(document):
    for address, operation in _operations(document):
        proofs = operation["security"]
        audience = TABLE[address].audience
        assert ({} in proofs) == (audience is Audience.ANYONE), address
        assert any("token" in proof for proof in proofs) == (audience is not Audience.BROWSER), address
        cookie = next(proof for proof in proofs if "cookie" in proof)
        assert ("csrf" in cookie) == (not address.startswith("GET ")), address


def test_page_of_the_api_asks_no_other_host(client):
    page = client.get("/docs")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    for path in re.findall(r'(?:src|href)="([^"#]+)"', page.text):
        assert path.startswith("/"), path
        assert client.head(path).status_code == 200 or path in {"/account"}
