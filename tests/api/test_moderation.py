"""Organizers rerun, disqualify, restore, migrate, and allow single teams more: once each in the audit log."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from core import competitions, db
from core.lifecycle import Verdict
from core.models import AuditEvent, Competition, Organizer, Phase, WebhookDelivery
from core.storage import storage
from tests.support.api import HIDDEN, PHASE, Participant, add_finished, on_both_databases, run_all
from tests.support.competition import HONEST

FACES = "/api/v1/competitions/faces"


@pytest.fixture
def oscar(make_participant: Callable[..., Participant], competition: None) -> Participant:
    """Create an organizer of `faces` who is no admin."""
    made = make_participant("oscar")
    with db.transaction() as session:
        faces = competitions.find_competition(session, "faces")
        session.add(Organizer(competition_id=faces.id, user_id=made.user.id))
    return made


def _events() -> list[AuditEvent]:
    with db.reading() as session:
        return list(session.scalars(select(AuditEvent).order_by(AuditEvent.at)))


def _only_event() -> AuditEvent:
    (event,) = _events()
    return event


def _upload(client: TestClient, who: Participant, text: str = "", address: str = PHASE) -> str:
    files = {"file": ("submission.py", HONEST + text.encode())}
    answer = client.post(f"{address}/submissions", headers=who.headers, files=files)
    assert answer.status_code in (201, 202), answer.text
    found: str = answer.json()["id"]
    return found


@on_both_databases
def test_rerun_is_a_new_submission_and_written_down_once(
    client: TestClient, oscar: Participant, ada: Participant
) -> None:
    old = add_finished(ada.user, "check", 0.1)
    address = f"/api/v1/submissions/{old.id}/rerun"
    answer = client.post(address, headers=oscar.headers, json={"reason": "a broken host"})
    assert answer.status_code == 202
    again = answer.json()
    assert (again["state"], again["rerun_of_id"], again["team"]) == ("queued", str(old.id), "ada")
    assert answer.headers["location"] == f"/api/v1/submissions/{again['id']}"
    event = _only_event()
    assert (event.actor_name, event.action, event.target, event.reason) == (
        "oscar",
        "submission.rerun",
        f"submission {old.id}",
        "a broken host",
    )
    assert client.post(address, headers=oscar.headers, json={}).status_code == 409
    assert len(_events()) == 1


def test_disqualified_submission_can_be_restored_and_both_are_written_down(
    client: TestClient, oscar: Participant, ada: Participant
) -> None:
    one = add_finished(ada.user, "check", 0.1)
    address = f"/api/v1/submissions/{one.id}"
    assert client.post(f"{address}/disqualify", headers=oscar.headers, json={}).status_code == 422
    empty = client.post(f"{address}/disqualify", headers=oscar.headers, json={"reason": "  "})
    assert empty.status_code == 422
    answer = client.post(f"{address}/disqualify", headers=oscar.headers, json={"reason": "copied"})
    assert (answer.status_code, answer.json()["disqualified_reason"]) == (200, "copied")
    answer = client.post(f"{address}/restore", headers=oscar.headers, json={"reason": "was not"})
    assert (answer.json()["disqualified_at"], answer.json()["disqualified_reason"]) == (None, "")
    disqualified, restored = _events()
    assert (disqualified.action, disqualified.reason) == ("submission.disqualify", "copied")
    assert (disqualified.before["reason"], disqualified.after["reason"]) == ("", "copied")
    assert (restored.action, restored.before["reason"]) == ("submission.restore", "copied")


def test_organizer_cancels_and_it_is_written_down_but_not_when_the_owner_does(
    client: TestClient, oscar: Participant, ada: Participant
) -> None:
    first, second = _upload(client, ada), _upload(client, ada, "# 2")
    assert client.post(f"/api/v1/submissions/{first}/cancel", headers=ada.headers).status_code == 200
    assert _events() == []
    assert client.post(f"/api/v1/submissions/{second}/cancel", headers=oscar.headers).status_code == 200
    event = _only_event()
    assert (event.actor_name, event.action) == ("oscar", "submission.cancel")
    assert (event.before, event.after) == ({"state": "queued"}, {"state": "cancelled"})


def test_whole_phase_or_what_a_filter_picks_runs_again(
    client: TestClient, oscar: Participant, ada: Participant, make_participant: Callable[..., Participant]
) -> None:
    bob = make_participant("bob")
    kept = add_finished(ada.user, "check", 0.1, filename="a.py")
    picked = add_finished(bob.user, "check", 0.2, filename="b.py")
    add_finished(bob.user, "feedback", 0.2, filename="c.py")
    cancelled = _upload(client, ada)
    client.post(f"/api/v1/submissions/{cancelled}/cancel", headers=ada.headers)
    answer = client.post(f"{PHASE}/rerun", headers=oscar.headers, json={"team": "BOB"})
    followed = client.get(answer.headers["location"], headers=oscar.headers).json()["submissions"]
    assert {one["phase"] for one in followed} == {"check"}
    assert (answer.status_code, answer.json()) == (202, {"started": 1, "skipped": 0})
    assert _only_event().target == f"submission {picked.id}"
    answer = client.post(f"{PHASE}/rerun", headers=oscar.headers, json={"reason": "all"})
    # Skipped: bob's, which runs again already, that run itself, and the cancelled one.
    assert answer.json() == {"started": 1, "skipped": 3}
    assert _events()[-1].target == f"submission {kept.id}"


@on_both_databases
def test_chosen_submissions_go_to_a_later_phase(
    client: TestClient, oscar: Participant, ada: Participant
) -> None:
    one = add_finished(ada.user, "check", 0.1, filename="a.py")
    wanted = {"submissions": [str(one.id)]}
    answer = client.post(f"{HIDDEN}/migrate", headers=oscar.headers, json=wanted)
    assert answer.status_code == 202
    followed = client.get(answer.headers["location"], headers=oscar.headers).json()["submissions"]
    (taken,) = answer.json()["submissions"]
    assert [one["id"] for one in followed] == [taken]
    event = _only_event()
    assert (event.action, event.after) == ("phase.migrate", {"submissions": [taken]})
    first = client.post(f"{PHASE}/migrate", headers=oscar.headers, json=wanted)
    assert (first.status_code, first.json()["type"]) == (409, "urn:lethe:problem:migration-refused")


@on_both_databases
def test_team_is_allowed_more_than_the_phase_says_until_that_is_taken_back(
    client: TestClient, make_competition: Callable[..., None], olga: Participant, ada: Participant
) -> None:
    make_competition(quotas={"per_day": 1, "total": 5})
    before = len(_events())
    _upload(client, ada)
    refused = client.post(
        f"{PHASE}/submissions", headers=ada.headers, files={"file": ("s.py", HONEST + b"#2")}
    )
    assert refused.status_code == 429
    (listed,) = client.get(f"{PHASE}/quotas", headers=olga.headers).json()["teams"]
    assert (listed["team"], listed["today"], listed["total"], listed["under_way"]) == ("ada", 1, 1, 1)
    assert listed["quotas"] == {"per_day": 1, "total": 5, "concurrent": None}
    address = f"{PHASE}/quotas/{listed['team_id']}"
    answer = client.put(address, headers=olga.headers, json={"per_day": 2})
    assert answer.json()["own"] == {"per_day": 2, "total": None, "concurrent": None}
    assert answer.json()["quotas"] == {"per_day": 2, "total": 5, "concurrent": None}
    _upload(client, ada, "# 2")
    answer = client.delete(address, headers=olga.headers)
    assert answer.json()["quotas"]["per_day"] == 1
    client.delete(address, headers=olga.headers)
    allowed, reset = _events()[before:]
    assert (allowed.action, allowed.target, allowed.before) == ("quota.allow", "ada in check", None)
    assert allowed.after == reset.before == {"per_day": 2, "total": None, "concurrent": None}
    assert (reset.action, reset.after) == ("quota.reset", None)


def test_quota_of_a_team_of_another_competition_is_not_found(
    client: TestClient, oscar: Participant, ada: Participant
) -> None:
    for team in (uuid4(), "x"):
        answer = client.put(f"{PHASE}/quotas/{team}", headers=oscar.headers, json={})
        assert answer.status_code == 404
    _upload(client, ada)
    (listed,) = client.get(f"{PHASE}/quotas", headers=oscar.headers).json()["teams"]
    bad = client.put(f"{PHASE}/quotas/{listed['team_id']}", headers=oscar.headers, json={"per_day": -1})
    assert bad.status_code == 422


def test_dataset_of_a_phase_says_what_is_stored(client: TestClient, oscar: Participant) -> None:
    assert client.get(f"{PHASE}/dataset", headers=oscar.headers).json()["prepared"] is False
    manifest = storage().put(b'{"counts":{"retain":7,"test":2},"licence":"CC0"}')
    with db.transaction() as session:
        session.execute(update(Phase).where(Phase.slug == "check").values(manifest_sha256=manifest))
    found = client.get(f"{PHASE}/dataset", headers=oscar.headers).json()
    assert (found["prepared"], found["counts"]) == (True, {"retain": 7, "test": 2})
    assert (found["licence"], found["manifest_sha256"]) == ("CC0", manifest)


def test_references_and_rescoring_that_organizers_ask_for_are_written_down(
    client: TestClient, make_competition: Callable[..., None], olga: Participant
) -> None:
    from core.lifecycle import PhaseState

    make_competition(state=PhaseState.BROKEN)
    before = len(_events())
    assert client.post(f"{PHASE}/references", headers=olga.headers).status_code == 202
    (event,) = _events()[before:]
    assert (event.actor_name, event.action, event.target) == ("olga", "references.build", "phase check")
    assert (event.before["state"], event.after["state"]) == ("broken", "preparing")


@pytest.mark.parametrize("phase", [PHASE, HIDDEN])
def test_webhook_is_told_how_a_submission_ended_and_no_byte_of_it(
    client: TestClient, oscar: Participant, ada: Participant, phase: str
) -> None:
    hook = {"url": "https://hooks.example.org/x", "events": ["submission.finished", "submission.failed"]}
    assert client.post(f"{FACES}/webhooks", headers=oscar.headers, json=hook).status_code == 201
    one = _upload(client, ada, "# SECRET", phase)
    run_all(UUID(one), verdict=Verdict.NONZERO_EXIT, message="SECRET", log="SECRET")
    with db.reading() as session:
        delivery = session.scalars(select(WebhookDelivery)).one()
    assert delivery.event == "submission.failed"
    assert delivery.body == {
        "competition": "faces",
        "phase": phase.rsplit("/", 1)[1],
        "submission": one,
        "team": "ada",
        "verdict": "nonzero_exit",
        "final_score": None,
    }


def test_nobody_but_organizers_moderates(
    client: TestClient, oscar: Participant, ada: Participant, make_participant: Callable[..., Participant]
) -> None:
    one = add_finished(ada.user, "check", 0.1)
    stranger = make_participant("stranger")
    with db.transaction() as session:
        other = Competition(slug="other", title="Other")
        session.add(other)
        session.flush()
        session.add(Organizer(competition_id=other.id, user_id=stranger.user.id))
    submission = f"/api/v1/submissions/{one.id}"
    own = [f"{submission}/{action}" for action in ("rerun", "disqualify", "restore")]
    for address in own:
        assert client.post(address, headers=ada.headers, json={"reason": "x"}).status_code == 403
        assert client.post(address, headers=stranger.headers, json={"reason": "x"}).status_code == 404
    quota = f"{PHASE}/quotas/{one.team_id}"
    for method, address in (
        ("POST", f"{PHASE}/rerun"),
        ("POST", f"{PHASE}/migrate"),
        ("GET", f"{PHASE}/quotas"),
        ("PUT", quota),
        ("DELETE", quota),
        ("GET", f"{PHASE}/dataset"),
    ):
        for who in (ada, stranger):
            assert client.request(method, address, headers=who.headers, json={}).status_code == 403
    assert _events() == []
