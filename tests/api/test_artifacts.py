"""Artifacts and reports: organizers fetch them, and nobody else learns of them."""

from uuid import UUID

import pytest
from sqlalchemy import update

from core import db
from core.models import Score
from core.storage import storage
from tests.support.api import PHASE, add_finished, on_both_databases
from tests.support.competition import HONEST

ARTIFACT, REPORT = b"an artifact", b'{"flags": ["duplicate runs"]}'


@pytest.fixture
def scored(competition, ada):
    """Ada's submission, with an artifact and a report."""
    submission = add_finished(ada.user, "check", 0.1)
    with db.transaction() as session:
        session.execute(
            update(Score).values(artifact_sha256=storage().put(ARTIFACT), report_sha256=storage().put(REPORT))
        )
    return submission


def fetch(client, user, submission_id, what):
    return client.get(f"/api/v1/submissions/{submission_id}/{what}", headers=user.headers)


@on_both_databases
def test_artifact_is_downloaded_under_a_safe_name(client, scored, olga):
    response = fetch(client, olga, scored.id, "artifact")
    assert (response.status_code, response.content) == (200, ARTIFACT)
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"] == f'attachment; filename="{scored.id}.safetensors"'
    assert response.headers["x-content-type-options"] == "nosniff"


@on_both_databases
def test_report_is_the_stored_json(client, scored, olga):
    response = fetch(client, olga, scored.id, "report")
    assert (response.status_code, response.content) == (200, REPORT)
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("what", ["artifact", "report"])
def test_they_are_for_organizers_even_to_their_owner(client, scored, ada, what):
    path = f"/api/v1/submissions/{scored.id}/{what}"
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"Authorization": "Bearer lethe_wrong"}).status_code == 401
    for submission_id, name in ((scored.id, "not-allowed"), (UUID(int=0), "not-found")):
        response = fetch(client, ada, submission_id, what)
        assert response.json()["type"] == f"urn:lethe:problem:{name}"
    for path in (f"/api/v1/submissions/{scored.id}", f"{PHASE}/leaderboard"):
        text = client.get(path, headers=ada.headers).text
        assert "flags" not in text
        assert "artifact" not in text
        assert "report" not in text


@pytest.mark.parametrize("what", ["artifact", "report"])
def test_they_are_not_found_where_there_are_none(client, competition, ada, olga, what):
    uploaded = client.post(
        f"{PHASE}/submissions", files={"file": ("s.py", HONEST)}, headers=ada.headers
    ).json()
    for submission_id in (uploaded["id"], add_finished(ada.user, "check", 0.1).id):
        response = fetch(client, olga, submission_id, what)
        assert (response.status_code, f"has no {what}" in response.json()["detail"]) == (404, True)
    for submission_id in ("00000000-0000-4000-8000-000000000000", "nonsense"):
        assert fetch(client, olga, submission_id, what).status_code == 404
