"""Organizers run their competition through the API, every action is written down, and nobody else may."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from core import audit, competitions, db, shards, teams
from core.lifecycle import ParticipantState
from core.models import (
    AuditEvent,
    Competition,
    Mail,
    Organizer,
    Shard,
    User,
    WebhookDelivery,
    Work,
)
from tests.support.api import Participant as Somebody
from tests.support.api import add_finished, on_both_databases

FACES = "/api/v1/competitions/faces"


@pytest.fixture
def oscar(make_participant: Callable[..., Somebody], competition: None) -> Somebody:
    """Create an organizer of `faces` who is no admin."""
    made = make_participant("oscar")
    with db.transaction() as session:
        faces = competitions.find_competition(session, "faces")
        session.add(Organizer(competition_id=faces.id, user_id=made.user.id))
    return made


@pytest.fixture
def stranger(make_participant: Callable[..., Somebody], competition: None) -> Somebody:
    """Create an organizer of another competition."""
    made = make_participant("stranger")
    with db.transaction() as session:
        other = Competition(slug="other", title="Other")
        session.add(other)
        session.flush()
        session.add(Organizer(competition_id=other.id, user_id=made.user.id))
    return made


def _enter(user: User, *, state: ParticipantState = ParticipantState.APPROVED, email: str = "") -> UUID:
    with db.transaction() as session:
        faces = competitions.find_competition(session, "faces")
        part = teams.enter(session, faces, user)
        part.state = state
        if email:
            session.get_one(User, user.id).email = email
        return part.id


def _events() -> list[AuditEvent]:
    with db.reading() as session:
        return list(session.scalars(select(AuditEvent).order_by(AuditEvent.at)))


def _only_event() -> AuditEvent:
    (event,) = _events()
    return event


@on_both_databases
def test_participant_is_let_in_shut_out_and_let_in_again_each_written_down(
    client: TestClient, oscar: Somebody, ada: Somebody
) -> None:
    part_id = _enter(ada.user, state=ParticipantState.PENDING, email="ada@example.org")
    address = f"{FACES}/participants/{part_id}"
    answer = client.post(f"{address}/approve", headers=oscar.headers)
    assert (answer.status_code, answer.json()["state"]) == (200, "approved")
    answer = client.post(f"{address}/ban", headers=oscar.headers, json={"reason": "two accounts"})
    assert (answer.json()["state"], answer.json()["reason"]) == ("banned", "two accounts")
    assert client.post(f"{address}/unban", headers=oscar.headers).json()["state"] == "approved"
    written = [(e.actor_name, e.action, e.target, e.reason, e.before, e.after) for e in _events()]
    pending, approved, banned = (
        {"state": state, "reason": reason}
        for state, reason in (("pending", ""), ("approved", ""), ("banned", "two accounts"))
    )
    assert written == [
        ("oscar", "participant.approve", "ada", "", pending, approved),
        ("oscar", "participant.ban", "ada", "two accounts", approved, banned),
        ("oscar", "participant.unban", "ada", "", banned, approved),
    ]
    with db.reading() as session:
        assert [row.to for row in session.scalars(select(Mail))] == ["ada@example.org"]


@pytest.mark.parametrize(
    ("state", "action"),
    [("approved", "approve"), ("banned", "approve"), ("banned", "ban"), ("pending", "unban")],
)
def test_participant_in_another_state_stays_and_nothing_is_written_down(
    client: TestClient, oscar: Somebody, ada: Somebody, state: str, action: str
) -> None:
    part_id = _enter(ada.user, state=ParticipantState(state))
    answer = client.post(
        f"{FACES}/participants/{part_id}/{action}", headers=oscar.headers, json={"reason": "x"}
    )
    assert answer.status_code == 409
    assert answer.json()["detail"] == f"ada is {state} now."
    assert _events() == []


def test_participants_are_filtered_and_paged(
    client: TestClient, oscar: Somebody, make_participant: Callable[..., Somebody]
) -> None:
    for name in ("ann", "Anna", "bob"):
        _enter(make_participant(name).user)
    _enter(make_participant("waiting").user, state=ParticipantState.PENDING)

    def names(query: str) -> list[str]:
        answer = client.get(f"{FACES}/participants?{query}", headers=oscar.headers)
        return [one["name"] for one in answer.json()["participants"]]

    assert names("") == ["waiting", "bob", "Anna", "ann"]
    assert names("state=pending") == ["waiting"]
    assert names("name=AN") == ["Anna", "ann"]
    assert names("team=bo") == ["bob"]
    assert names("name=%25") == []
    first = client.get(f"{FACES}/participants?limit=3", headers=oscar.headers)
    following = first.links["next"]["url"]
    second = client.get(following, headers=oscar.headers)
    assert [one["name"] for one in second.json()["participants"]] == ["ann"]
    assert "next" not in second.links


def test_participant_of_another_competition_is_not_found(
    client: TestClient, oscar: Somebody, stranger: Somebody, ada: Somebody
) -> None:
    with db.transaction() as session:
        other = competitions.find_competition(session, "other")
        part_id = teams.enter(session, other, ada.user).id
    for action in ("approve", "ban", "unban"):
        address = f"{FACES}/participants/{part_id}/{action}"
        answer = client.post(address, headers=oscar.headers, json={"reason": "x"})
        assert answer.status_code == 404
    assert _events() == []


def test_organizers_are_added_by_name_and_the_last_one_stays(
    client: TestClient, oscar: Somebody, ada: Somebody
) -> None:
    address = f"{FACES}/organizers"
    assert client.post(address, headers=oscar.headers, json={"name": "ADA"}).json()["name"] == "ada"
    assert client.post(address, headers=oscar.headers, json={"name": "ada"}).status_code == 200
    assert client.post(address, headers=oscar.headers, json={"name": "nobody"}).status_code == 404
    listed = client.get(address, headers=ada.headers).json()["organizers"]
    assert [one["name"] for one in listed] == ["oscar", "ada"]
    assert client.delete(f"{address}/{oscar.user.id}", headers=ada.headers).status_code == 204
    assert client.get(address, headers=oscar.headers).status_code == 403
    assert client.delete(f"{address}/{oscar.user.id}", headers=ada.headers).status_code == 404
    last = client.delete(f"{address}/{ada.user.id}", headers=ada.headers)
    assert (last.status_code, last.json()["type"]) == (409, "urn:lethe:problem:last-organizer")
    assert [(event.action, event.target) for event in _events()] == [
        ("organizer.add", "ada"),
        ("organizer.remove", "oscar"),
    ]


def test_submissions_are_found_by_every_filter(
    client: TestClient, oscar: Somebody, ada: Somebody, make_participant: Callable[..., Somebody]
) -> None:
    bob = make_participant("bob")
    now = datetime.now(UTC)
    old = add_finished(ada.user, "check", 0.1, filename="old.py", created_at=now - timedelta(days=3))
    new = add_finished(ada.user, "check", 0.2, filename="New.py")
    hidden = add_finished(bob.user, "feedback", 0.3)
    with db.transaction() as session:
        found = session.merge(old)
        found.disqualified_at, found.disqualified_reason = now, "copied"

    def ids(query: str) -> list[str]:
        answer = client.get(f"{FACES}/submissions?{query}", headers=oscar.headers)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["submissions"]]

    everything = [str(one.id) for one in (hidden, new, old)]
    assert sorted(ids("")) == sorted(everything)
    assert ids("phase=feedback") == ids("team=BOB") == ids("text=bo") == [str(hidden.id)]
    assert ids("disqualified=true") == ids("text=old") == [str(old.id)]
    assert ids("text=new") == [str(new.id)]
    yesterday = (now - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    assert ids(f"until={yesterday}") == [str(old.id)]
    assert str(old.id) not in ids(f"since={yesterday}")
    assert ids("state=queued") == ids("verdict=timeout") == ids("superseded=true") == []
    assert sorted(ids("state=finished&verdict=ok")) == sorted(everything)
    shown = client.get(f"{FACES}/submissions?phase=feedback", headers=oscar.headers).json()["submissions"]
    assert (shown[0]["team"], shown[0]["score"]["final_score"]) == ("bob", 0.3)


def test_submissions_of_another_competition_are_not_listed(
    client: TestClient, oscar: Somebody, stranger: Somebody, ada: Somebody
) -> None:
    add_finished(ada.user, "check", 0.1)
    answer = client.get("/api/v1/competitions/other/submissions", headers=stranger.headers)
    assert answer.json() == {"submissions": []}


@on_both_databases
def test_queue_says_what_runs_where_and_what_waits_why(
    client: TestClient, oscar: Somebody, olga: Somebody
) -> None:
    with db.transaction() as session:
        phase = competitions.find_phase(session, "faces", "check")
        session.execute(update(Shard).values(done=True))
        made = [Shard(work=Work.RUNS, phase_id=phase.id, start=0, stop=2) for _ in range(3)]
        for shard in made:
            shards.add(session, shard)
        made[0].lease_holder, made[0].taken_at = "gpu-7:123:abc", datetime(2026, 1, 2, tzinfo=UTC)
        made[0].lease_expires_at = datetime.now(UTC) + timedelta(minutes=1)
        made[1].lease_holder, made[1].failures = "gpu-7:123:def", 1
        made[1].lease_expires_at = datetime.now(UTC) - timedelta(minutes=1)
    for address in (f"{FACES}/queue", "/api/v1/queue"):
        headers = oscar.headers if address.startswith(FACES) else olga.headers
        pieces = client.get(address, headers=headers).json()["pieces"]
        by_id = {piece["id"]: piece for piece in pieces}
        running, lost, waiting = (by_id[str(shard.id)] for shard in made)
        assert (running["state"], running["worker"], running["reason"]) == ("running", "gpu-7", "")
        assert running["since"].startswith("2026-01-02")
        assert (lost["state"], lost["worker"], lost["failures"]) == ("waiting", "gpu-7", 1)
        assert "No worker that takes work" in lost["reason"]
        assert (waiting["worker"], waiting["competition"], waiting["phase"]) == (None, "faces", "check")


@on_both_databases
def test_announcement_is_mailed_to_each_approved_participant_alone_and_told_to_webhooks(
    client: TestClient, oscar: Somebody, make_participant: Callable[..., Somebody]
) -> None:
    for name in ("ann", "bob"):
        _enter(make_participant(name).user, email=f"{name}@example.org")
    _enter(make_participant("pending").user, state=ParticipantState.PENDING, email="p@example.org")
    _enter(make_participant("banned").user, state=ParticipantState.BANNED, email="b@example.org")
    _enter(make_participant("unconfirmed").user)
    hook = {"url": "https://hooks.example.org/x", "events": ["announcement.made"]}
    assert client.post(f"{FACES}/webhooks", headers=oscar.headers, json=hook).status_code == 201
    new = {"subject": "Final opens", "body": "Tomorrow.\nGood luck!"}
    made = client.post(f"{FACES}/announcements", headers=oscar.headers, json=new)
    assert made.status_code == 201
    with db.reading() as session:
        mails = list(session.scalars(select(Mail).order_by(Mail.to)))
        delivery = session.scalars(select(WebhookDelivery)).one()
    assert [row.to for row in mails] == ["ann@example.org", "bob@example.org"]
    assert mails[0].subject == "Faces: Final opens"
    assert mails[0].body.startswith("Tomorrow.\nGood luck!\n")
    assert "bob" not in mails[0].body
    assert (delivery.event, delivery.body["subject"]) == ("announcement.made", "Final opens")
    event = _events()[-1]
    assert (event.action, event.target, event.after["mails"]) == ("announcement.make", "Final opens", 2)
    listed = client.get(f"{FACES}/announcements").json()["announcements"]
    assert [(one["subject"], one["body"]) for one in listed] == [("Final opens", "Tomorrow.\nGood luck!")]


@pytest.mark.parametrize(
    "new",
    [
        {"subject": "", "body": "x"},
        {"subject": "a\nBcc: b@example.org", "body": "x"},
        {"subject": "x" * 201, "body": "x"},
        {"subject": "x", "body": " \n"},
        {"subject": "x", "body": "\0"},
        {"subject": "x", "body": "x" * 20_001},
        {"subject": "x", "body": "x", "to": "everybody"},
    ],
)
def test_malformed_announcement_is_refused(client: TestClient, oscar: Somebody, new: Any) -> None:
    assert client.post(f"{FACES}/announcements", headers=oscar.headers, json=new).status_code == 422
    assert _events() == []


def test_webhook_shows_its_secret_once(client: TestClient, oscar: Somebody) -> None:
    new = {"url": "https://hooks.example.org/x", "events": ["phase.opened"]}
    made = client.post(f"{FACES}/webhooks", headers=oscar.headers, json=new)
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert secret.startswith("whsec_")
    address = f"{FACES}/webhooks/{made.json()['id']}"
    change = client.patch(address, headers=oscar.headers, json={"events": ["phase.closed"]})
    assert change.json()["events"] == ["phase.closed"]
    tried = client.post(f"{address}/test", headers=oscar.headers)
    assert (tried.status_code, tried.json()["state"]) == (202, "waiting")
    assert tried.headers["location"] == f"{address}/deliveries"
    deliveries = client.get(f"{address}/deliveries", headers=oscar.headers).json()["deliveries"]
    assert [one["event"] for one in deliveries] == ["webhook.test"]
    again = f"{address}/deliveries/{deliveries[0]['id']}/redeliver"
    assert client.post(again, headers=oscar.headers).status_code == 202
    everything = [
        client.get(path, headers=oscar.headers).text
        for path in (f"{FACES}/webhooks", address, f"{address}/deliveries", f"{FACES}/audit")
    ]
    assert secret not in "".join(everything)
    assert client.patch(address, headers=oscar.headers, json={"active": False}).json()["active"] is False
    assert client.post(f"{address}/test", headers=oscar.headers).status_code == 409
    assert client.delete(address, headers=oscar.headers).status_code == 204
    assert client.get(address, headers=oscar.headers).status_code == 404


def test_webhook_to_an_address_that_is_not_public_is_refused(client: TestClient, oscar: Somebody) -> None:
    for url in ("https://127.0.0.1/", "http://hooks.example.org/", "https://a:b@hooks.example.org/"):
        new = {"url": url, "events": ["phase.opened"]}
        answer = client.post(f"{FACES}/webhooks", headers=oscar.headers, json=new)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:lethe:problem:invalid-webhook")


def test_webhook_of_another_competition_is_not_found(
    client: TestClient, oscar: Somebody, stranger: Somebody
) -> None:
    new = {"url": "https://hooks.example.org/x", "events": ["phase.opened"]}
    made = client.post("/api/v1/competitions/other/webhooks", headers=stranger.headers, json=new).json()
    address = f"{FACES}/webhooks/{made['id']}"
    answers = [
        client.get(address, headers=oscar.headers),
        client.patch(address, headers=oscar.headers, json={"active": False}),
        client.delete(address, headers=oscar.headers),
        client.post(f"{address}/test", headers=oscar.headers),
        client.get(f"{address}/deliveries", headers=oscar.headers),
        client.post(f"{address}/deliveries/{uuid4()}/redeliver", headers=oscar.headers),
    ]
    assert {answer.status_code for answer in answers} == {404}


@pytest.fixture
def logged(oscar: Somebody, competition: None) -> None:
    """Write two events of `faces` and one of nobody down."""
    with db.transaction() as session:
        faces = competitions.find_competition(session, "faces").id
        for action, reason in (("phase.open", "=1+1"), ("phase.close", 'a "b", c\nd')):
            audit.record(
                session,
                actor=oscar.user,
                action=action,
                competition_id=faces,
                target="check",
                reason=reason,
                after={"n": 1},
            )
        audit.record(session, actor=None, action="elsewhere", target="x")


def test_log_is_filtered_and_holds_only_what_is_of_the_competition(
    client: TestClient, oscar: Somebody, olga: Somebody, logged: None
) -> None:
    def actions(query: str, address: str = f"{FACES}/audit", who: Somebody = oscar) -> list[str]:
        answer = client.get(f"{address}?{query}", headers=who.headers)
        assert answer.status_code == 200, answer.text
        return [event["action"] for event in answer.json()["events"]]

    assert sorted(actions("")) == ["phase.close", "phase.open"]
    assert actions("action=open") == ["phase.open"]
    assert actions("actor=nobody") == actions("until=2020-01-01T00:00:00Z") == []
    assert len(actions("actor=OSC&target=check&since=2020-01-01T00:00:00Z")) == 2
    assert actions("action=elsewhere") == []
    assert set(actions("", "/api/v1/audit", olga)) >= {"phase.close", "phase.open", "elsewhere"}


@on_both_databases
def test_log_is_exported_as_json_lines_and_as_a_table_that_no_spreadsheet_runs(
    client: TestClient, oscar: Somebody, olga: Somebody, logged: None
) -> None:
    lines = client.get(f"{FACES}/audit/export", headers=oscar.headers)
    assert lines.headers["content-type"].startswith("application/jsonl")
    assert 'filename="faces-audit.jsonl"' in lines.headers["content-disposition"]
    events = [json.loads(line) for line in lines.text.splitlines()]
    assert [(event["action"], event["reason"]) for event in events] == [
        ("phase.open", "=1+1"),
        ("phase.close", 'a "b", c\nd'),
    ]
    table = client.get(f"{FACES}/audit/export?format=csv", headers=oscar.headers)
    rows = list(csv.DictReader(io.StringIO(table.text, newline="")))
    assert [row["reason"] for row in rows] == ["'=1+1", 'a "b", c\nd']
    assert json.loads(rows[0]["after"]) == {"n": 1}
    whole = client.get("/api/v1/audit/export", headers=olga.headers).text
    assert {json.loads(line)["action"] for line in whole.splitlines()} >= {"phase.open", "elsewhere"}


def test_admins_are_made_and_unmade_and_the_last_one_stays(
    client: TestClient, olga: Somebody, ada: Somebody
) -> None:
    def admin(method: str, who: Somebody, by: Somebody) -> int:
        return client.request(method, f"/api/v1/users/{who.user.id}/admin", headers=by.headers).status_code

    assert admin("PUT", ada, olga) == 200
    assert admin("PUT", ada, olga) == 200
    listed = client.get("/api/v1/users?admins=true", headers=ada.headers).json()["users"]
    assert sorted(one["name"] for one in listed) == ["ada", "olga"]
    assert admin("DELETE", olga, ada) == 200
    assert admin("PUT", olga, olga) == 403
    assert admin("DELETE", ada, ada) == 409
    unknown = client.put(f"/api/v1/users/{uuid4()}/admin", headers=ada.headers)
    assert unknown.status_code == 404
    written = [(e.actor_name, e.action, e.target, e.competition_id) for e in _events() if e.actor_id]
    assert written == [
        ("olga", "user.make-admin", "ada", None),
        ("ada", "user.unmake-admin", "olga", None),
    ]
    found = client.get("/api/v1/users?name=OL", headers=ada.headers).json()["users"]
    assert [(one["name"], one["is_admin"]) for one in found] == [("olga", False)]


_ADDRESSES = [
    ("GET", "participants"),
    ("POST", f"participants/{UUID(int=1)}/approve"),
    ("POST", f"participants/{UUID(int=1)}/ban"),
    ("POST", f"participants/{UUID(int=1)}/unban"),
    ("GET", "organizers"),
    ("POST", "organizers"),
    ("DELETE", f"organizers/{UUID(int=1)}"),
    ("GET", "submissions"),
    ("GET", "queue"),
    ("GET", "audit"),
    ("GET", "audit/export"),
    ("POST", "announcements"),
    ("GET", "webhooks"),
    ("POST", "webhooks"),
    ("GET", f"webhooks/{UUID(int=1)}"),
    ("PATCH", f"webhooks/{UUID(int=1)}"),
    ("DELETE", f"webhooks/{UUID(int=1)}"),
    ("POST", f"webhooks/{UUID(int=1)}/test"),
    ("GET", f"webhooks/{UUID(int=1)}/deliveries"),
    ("POST", f"webhooks/{UUID(int=1)}/deliveries/{UUID(int=1)}/redeliver"),
]


def test_nobody_but_its_organizers_organizes_a_competition(
    client: TestClient, stranger: Somebody, ada: Somebody
) -> None:
    _enter(ada.user)
    for method, address in _ADDRESSES:
        for who, status in ((stranger, 403), (ada, 403), (None, 401)):
            headers = {} if who is None else who.headers
            answer = client.request(method, f"{FACES}/{address}", headers=headers, json={})
            assert answer.status_code == status, (method, address)
    for method, address in (
        ("GET", "users"),
        ("PUT", f"users/{ada.user.id}/admin"),
        ("DELETE", f"users/{ada.user.id}/admin"),
        ("GET", "queue"),
        ("GET", "audit"),
        ("GET", "audit/export"),
    ):
        answer = client.request(method, f"/api/v1/{address}", headers=stranger.headers)
        assert answer.status_code == 403, (method, address)
    assert _events() == []
