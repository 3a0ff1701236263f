"""Reference models, as organizers ask for them and follow them, and nobody else may."""

import pytest
from sqlalchemy import select, update

from core import competitions, db, nodes, queue
from core.competitions import find_phase
from core.lifecycle import PhaseState
from core.models import Phase, ReferenceModel, Shard, Work
from core.nodes import Proof
from tests.support.api import PHASE, on_both_databases

REFERENCES = f"{PHASE}/references"
KEY = "a" * 64


@pytest.fixture
def broken(make_competition):
    """Break a phase at its references: one of set 0 and two of set 1 are stored."""
    make_competition(state=PhaseState.PREPARING)
    with db.transaction() as session:
        phase = find_phase(session, "faces", "check")
        phase.reference_key, phase.retraining_s = KEY, 120.0
        session.execute(update(Shard).values(done=True))
        for set_index, index, seconds in ((0, 0, 5.0), (1, 0, 7.0), (1, 3, 9.0)):
            session.add(
                ReferenceModel(
                    reference_key=KEY,
                    set_index=set_index,
                    model_index=index,
                    evaluation_sha256=KEY,
                    seconds=seconds,
                )
            )
        competitions.mark_broken(session, phase.id, "disk /dev/sdb1 is full")


@on_both_databases
def test_references_are_asked_for_and_followed(client, broken, olga):
    before = client.get(REFERENCES, headers=olga.headers).json()
    assert before == {
        "competition": "faces",
        "phase": "check",
        "state": "broken",
        "problem": "disk /dev/sdb1 is full",
        "reference": {"done": 1, "total": 4},
        "ceiling": {"done": 2, "total": 4},
        "seconds_per_model": 7.0,
        "time_left_s": None,
        "retraining_s": 120.0,
    }
    with db.transaction() as session:
        nodes.begin(session, "a", slots=2)
        nodes.make_ready(session, "a", Proof())
    waiting = queue.length(queue.RUNS_QUEUE)
    for _ in range(2):
        response = client.post(REFERENCES, headers=olga.headers)
        assert response.status_code == 202
        assert response.headers["location"] == response.request.url.path
        assert response.json() == before | {"state": "preparing", "problem": "", "time_left_s": 17.5}
    assert response.json() == client.get(REFERENCES, headers=olga.headers).json()
    assert queue.length(queue.RUNS_QUEUE) == waiting + 5


@on_both_databases
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_references_are_for_organizers(client, broken, ada, method):
    nobody = client.request(method, REFERENCES)
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
    participant = client.request(method, REFERENCES, headers=ada.headers)
    assert participant.status_code == 403
    assert participant.json()["type"] == "urn:lethe:problem:not-allowed"
    nowhere = "/api/v1/competitions/no/phases/such/references"
    assert client.request(method, nowhere, headers=ada.headers).status_code == 404
    with db.reading() as session:
        assert find_phase(session, "faces", "check").state is PhaseState.BROKEN


def test_references_of_a_ready_phase_are_complete_or_left_alone(client, competition, olga):
    with db.transaction() as session:
        session.execute(update(Shard).values(done=True))
    assert client.post(REFERENCES, headers=olga.headers).json()["state"] == "ready"
    with db.reading() as session:
        assert session.scalars(select(Shard.work).where(Shard.done.is_(False))).all() == []


def test_references_of_a_phase_without_an_original_start_with_it(client, make_competition, olga):
    make_competition(state=PhaseState.BROKEN)
    with db.transaction() as session:
        session.execute(update(Shard).values(done=True))
    assert client.post(REFERENCES, headers=olga.headers).json()["state"] == "preparing"
    with db.reading() as session:
        (shard,) = session.scalars(select(Shard).where(Shard.done.is_(False)))
    assert shard.work is Work.PREPARATION


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_references_of_an_unknown_phase_are_not_found(client, competition, olga, method):
    path = "/api/v1/competitions/faces/phases/nowhere/references"
    response = client.request(method, path, headers=olga.headers)
    assert (response.status_code, response.json()["type"]) == (404, "urn:lethe:problem:not-found")


def test_phase_tells_everybody_the_time_limit_that_holds(client, make_competition):
    make_competition(limits={"run_timeout_share": 0.25})
    page = "/competitions/faces/phases/check/leaderboard"
    assert client.get(PHASE).json()["limits"]["run_timeout_s"] is None
    assert "for a run" not in client.get(page).text
    with db.transaction() as session:
        session.execute(update(Phase).values(retraining_s=200.0))
    limits = client.get(PHASE).json()["limits"]
    assert (limits["run_timeout_s"], limits["run_timeout_share"]) == (50.0, 0.25)
    assert "<strong>50.0 s</strong> at most for a run" in client.get(page).text
