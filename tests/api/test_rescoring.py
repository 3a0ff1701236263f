"""Scoring a phase under another version, as organizers ask for it and nobody else may."""

import pytest
from sqlalchemy import select

import scoring
from core import db, queue
from core.competitions import find_phase
from core.lifecycle import PhaseState
from core.models import Score, Shard, Work
from tests.support.api import PHASE, add_baselines, add_finished, on_both_databases
from tests.support.competition import numbers

OLD, NEW = "neurips2023-1", "test-2"
RESCORE = f"{PHASE}/rescore"


@pytest.fixture(autouse=True)
def _versions(monkeypatch):
    monkeypatch.setitem(scoring.VERSIONS, NEW, scoring.score)


def rescore(client, organizer, version=NEW):
    return client.post(RESCORE, json={"scoring_version": version}, headers=organizer.headers)


def phase():
    with db.reading() as session:
        return find_phase(session, "faces", "check")


def change_phase(**changes):
    with db.transaction() as session:
        found = find_phase(session, "faces", "check")
        for name, value in changes.items():
            setattr(found, name, value)


@on_both_databases
def test_rescoring_is_asked_for_and_followed(client, competition, ada, olga):
    submission = add_finished(ada.user, "check", 0.1)
    add_baselines("check")
    assert client.get(RESCORE, headers=olga.headers).json() == {
        "competition": "faces",
        "phase": "check",
        "scoring_version": OLD,
        "rescoring": None,
    }
    for _ in range(2):
        response = rescore(client, olga)
        assert response.status_code == 202
        assert response.headers["location"] == response.request.url.path
        assert response.json() == {
            "competition": "faces",
            "phase": "check",
            "scoring_version": OLD,
            "rescoring": {"scoring_version": NEW, "done": 0, "total": 2, "problem": ""},
        }
    assert response.json() == client.get(RESCORE, headers=olga.headers).json()
    with db.reading() as session:
        shards = session.scalars(select(Shard).where(Shard.work == Work.RESCORING)).all()
    assert {(shard.submission_id, shard.scoring_version) for shard in shards} == {
        (submission.id, NEW),
        (None, NEW),
    }
    assert queue.length(queue.SCORING_QUEUE) == 2


def test_rescoring_that_failed_says_what_to_organizers_alone(client, competition, olga, ada):
    change_phase(rescoring_version=NEW, rescoring_problem="submission 7: disk /dev/sdb1 is full")
    answer = client.get(RESCORE, headers=olga.headers).json()["rescoring"]
    assert answer == {
        "scoring_version": NEW,
        "done": 0,
        "total": 1,
        "problem": "submission 7: disk /dev/sdb1 is full",
    }
    for path in (PHASE, f"{PHASE}/leaderboard"):
        assert "sdb1" not in client.get(path, headers=ada.headers).text


def test_rescoring_without_a_version_is_to_the_newest(client, competition, olga, monkeypatch):
    monkeypatch.setattr(scoring, "SCORING_VERSION", NEW)
    assert client.post(RESCORE, json={}, headers=olga.headers).json()["rescoring"]["scoring_version"] == NEW


@on_both_databases
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_rescoring_is_for_organizers(client, competition, ada, method):
    body = {"json": {"scoring_version": NEW}} if method == "POST" else {}
    nobody = client.request(method, RESCORE, **body)
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
    participant = client.request(method, RESCORE, headers=ada.headers, **body)
    assert participant.status_code == 403
    assert participant.headers["content-type"] == "application/problem+json"
    assert participant.json()["type"] == "urn:lethe:problem:not-allowed"
    nowhere = "/api/v1/competitions/no/phases/such/rescore"
    assert client.request(method, nowhere, headers=ada.headers, **body).status_code == 404
    assert phase().rescoring_version is None


@pytest.mark.parametrize(
    ("version", "changes", "status", "kind", "words"),
    [
        (OLD, {}, 409, "rescoring-refused", "scored under `neurips2023-1` already"),
        (NEW, {"state": PhaseState.PREPARING}, 409, "rescoring-refused", "Check is preparing"),
        (NEW, {"rescoring_version": "test-3"}, 409, "rescoring-refused", "being rescored under `test-3`"),
        ("test-9", {}, 422, "unknown-scoring-version", "only `neurips2023-1`, `test-2`"),
    ],
)
def test_rescoring_that_cannot_be_is_refused(
    client, competition, olga, version, changes, status, kind, words
):
    change_phase(**changes)
    response = rescore(client, olga, version)
    assert (response.status_code, response.json()["type"]) == (status, f"urn:lethe:problem:{kind}")
    assert words in response.json()["detail"]


def test_rescoring_of_an_unknown_phase_is_not_found(client, competition, olga):
    path = "/api/v1/competitions/faces/phases/nowhere/rescore"
    for response in (
        client.get(path, headers=olga.headers),
        client.post(path, json={"scoring_version": NEW}, headers=olga.headers),
    ):
        assert response.status_code == 404


@pytest.mark.parametrize(
    "body", [None, [], {"version": NEW}, {"scoring_version": 3}, {"scoring_version": "x" * 65}]
)
def test_rescoring_with_a_wrong_body_is_a_problem(client, competition, olga, body):
    response = client.post(RESCORE, json=body, headers=olga.headers)
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert "x" * 65 not in response.text


@on_both_databases
def test_leaderboard_shows_both_versions_and_ranks_by_the_phases(client, competition, ada, make_participant):
    bob = make_participant("bob")
    for user, old, new in ((ada.user, 0.10, 0.05), (bob.user, 0.09, 0.07)):
        submission = add_finished(user, "check", old)
        with db.transaction() as session:
            session.add(Score(submission_id=submission.id, **numbers(new, scoring_version=NEW)))
    add_baselines("check", ceiling=0.17)
    add_baselines("check", ceiling=0.08, scoring_version=NEW)
    change_phase(scoring_version=NEW)
    answer = client.get(f"{PHASE}/leaderboard").json()
    assert answer["scoring_version"] == NEW
    assert [row["team"] for row in answer["rows"]] == ["bob", "ada"]
    assert answer["rows"][0]["score"] == numbers(0.07, scoring_version=NEW)
    assert answer["rows"][0]["scores"] == {OLD: numbers(0.09), NEW: numbers(0.07, scoring_version=NEW)}
    assert answer["baselines"][0]["scores"][OLD]["final_score"] == 0.17
    assert answer["baselines"][0]["score"]["final_score"] == 0.08
    submission = client.get(
        f"/api/v1/submissions/{answer['rows'][1]['submission_id']}", headers=ada.headers
    ).json()
    assert submission["score"] == numbers(0.05, scoring_version=NEW)


def test_leaderboard_copes_with_scores_of_before_intervals(client, competition, ada):
    bare = dict.fromkeys(
        f"{number}_{end}" for number in ("final_score", "forgetting_quality") for end in ("low", "high")
    )
    add_finished(ada.user, "check", 0.1, **bare)
    (row,) = client.get(f"{PHASE}/leaderboard").json()["rows"]
    assert row["score"] == numbers(0.1, **bare)
    assert row["tied_with_leader"] is None
    page = client.get("/competitions/faces/phases/check/leaderboard")
    assert page.status_code == 200
