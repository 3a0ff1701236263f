"""The organizers' pages: forms that work without scripts, and nobody else's."""

import re
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from core import competitions, db, teams, webhooks
from core.lifecycle import ParticipantState
from core.models import (
    AuditEvent,
    Competition,
    Mail,
    Organizer,
    Participant,
    Submission,
    TeamQuota,
    User,
    Webhook,
)
from tests.support.api import Participant as Somebody
from tests.support.api import add_finished, register, sign_in

BASE = "/competitions/faces/organize"
PAGES = ("", "/participants", "/submissions", "/teams", "/queue", "/announcements", "/webhooks", "/audit")


@pytest.fixture
def token(client: TestClient, competition: None) -> str:
    """Sign the organizer `oscar` in; the token of the forms."""
    register(client, "oscar")
    sign_in(client, "oscar")
    with db.transaction() as session:
        faces = competitions.find_competition(session, "faces")
        oscar = session.scalars(select(User).where(User.name == "oscar")).one()
        session.add(Organizer(competition_id=faces.id, user_id=oscar.id))
    found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', client.get(BASE).text)
    assert found is not None
    return found[1]


def _send(client: TestClient, token: str, path: str, **fields: str) -> str:
    """Send a form, and return the page to which it leads."""
    answer = client.post(BASE + path, data={"csrf_token": token, **fields}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    shown = client.get(answer.headers["location"])
    assert shown.status_code == 200, shown.text
    return shown.text


def _enter(user: User, state: ParticipantState = ParticipantState.APPROVED) -> Participant:
    with db.transaction() as session:
        part = teams.enter(session, competitions.find_competition(session, "faces"), user)
        part.state = state
    return part


def _actions() -> list[str]:
    with db.reading() as session:
        by_people = select(AuditEvent.action).where(AuditEvent.actor_id.is_not(None))
        return list(session.scalars(by_people.order_by(AuditEvent.at)))


def test_pages_are_for_organizers_alone_and_kept_by_no_cache(client: TestClient, token: str) -> None:
    for page in PAGES:
        answer = client.get(BASE + page)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), page
    client.cookies.clear()
    register(client, "eve")
    sign_in(client, "eve")
    assert {client.get(BASE + page).status_code for page in PAGES} == {403}
    client.cookies.clear()
    answers = [client.get(BASE + page, follow_redirects=False) for page in PAGES]
    assert {answer.headers["location"].split("?")[0] for answer in answers} == {"/sign-in"}


def test_form_without_its_token_does_nothing(client: TestClient, token: str, ada: Somebody) -> None:
    part = _enter(ada.user)
    answer = client.post(f"{BASE}/participants/{part.id}/ban", data={"reason": "x"})
    assert answer.status_code == 403
    assert _actions() == []


def test_participants_are_let_in_banned_and_unbanned(client: TestClient, token: str, ada: Somebody) -> None:
    own = f"/participants/{_enter(ada.user, ParticipantState.PENDING).id}"
    assert "1 person waits" in client.get(BASE).text
    assert "They take part from now on." in _send(client, token, f"{own}/approve")
    empty = client.post(f"{BASE}{own}/ban", data={"csrf_token": token, "reason": " "})
    assert empty.status_code == 422
    assert "two accounts" in _send(client, token, f"{own}/ban", reason="two accounts")
    assert "They take part again." in _send(client, token, f"{own}/unban")
    assert _actions() == ["participant.approve", "participant.ban", "participant.unban"]


def test_submissions_are_disqualified_restored_and_run_again(
    client: TestClient, token: str, ada: Somebody
) -> None:
    one = add_finished(ada.user, "check", 0.1, filename="<b>bold</b>.py")
    own = f"/submissions/{one.id}"
    shown = _send(client, token, f"{own}/disqualify", reason="<script>copied</script>")
    assert "disqualified: &lt;script&gt;copied" in shown
    assert "&lt;b&gt;bold&lt;/b&gt;.py" in shown
    assert "<b>bold" not in shown
    assert "ranks again" in _send(client, token, f"{own}/restore")
    assert "runs again" in _send(client, token, f"{own}/rerun")
    with db.reading() as session:
        again = session.scalars(select(Submission).where(Submission.rerun_of_id == one.id)).one()
    assert "is cancelled" in _send(client, token, f"/submissions/{again.id}/cancel")
    assert _actions() == [f"submission.{action}" for action in ("disqualify", "restore", "rerun", "cancel")]


def test_filters_left_alone_filter_nothing_and_bad_ones_are_refused(
    client: TestClient, token: str, ada: Somebody
) -> None:
    add_finished(ada.user, "check", 0.1, filename="mine.py")
    names = ("phase", "state", "verdict", "disqualified", "team", "text", "since", "until")
    untouched = "&".join(f"{name}=" for name in names)
    assert "mine.py" in client.get(f"{BASE}/submissions?{untouched}").text
    assert "mine.py" not in client.get(f"{BASE}/submissions?since=2999-01-01").text
    assert "mine.py" in client.get(f"{BASE}/submissions?until=2999-01-01&state=finished").text
    assert client.get(f"{BASE}/submissions?state=nowhere").status_code == 422
    assert client.get(f"{BASE}/audit?actor=&action=&target=&since=&until=").status_code == 200


def test_quotas_of_a_team_are_set_and_with_empty_fields_taken_back(
    client: TestClient, token: str, ada: Somebody
) -> None:
    own = f"/phases/check/quotas/{_enter(ada.user).team_id}"
    assert 'value="7"' in _send(client, token, own, per_day="7", total="", concurrent="")
    with db.reading() as session:
        assert session.scalars(select(TeamQuota.per_day)).one() == 7
    assert 'value="7"' not in _send(client, token, own, per_day="", total="", concurrent="")
    for bad in ("-1", "x", "1.5", "99999999"):
        answer = client.post(f"{BASE}{own}", data={"csrf_token": token, "per_day": bad})
        assert answer.status_code == 422
    assert _actions() == ["quota.allow", "quota.reset"]


def test_announcement_is_made(client: TestClient, token: str, ada: Somebody) -> None:
    _enter(ada.user)
    with db.transaction() as session:
        session.get_one(User, ada.user.id).email = "ada@example.org"
    shown = _send(client, token, "/announcements", subject="Soon", body="One\r\nTwo <i>")
    assert "Two &lt;i&gt;" in shown
    with db.reading() as session:
        assert session.scalars(select(Mail.body)).one().startswith("One\nTwo <i>\n")


def test_webhook_shows_its_secret_once_and_can_be_tried_turned_off_and_deleted(
    client: TestClient, token: str
) -> None:
    new = {"csrf_token": token, "url": "https://hooks.example.org/x", "wanted": "phase.opened"}
    made = client.post(f"{BASE}/webhooks", data=new)
    with db.reading() as session:
        webhook = session.scalars(select(Webhook)).one()
    assert webhook.secret in made.text
    assert webhook.secret not in client.get(f"{BASE}/webhooks").text
    own = f"/webhooks/{webhook.id}"
    assert webhooks.TEST_EVENT in _send(client, token, f"{own}/test")
    assert "turned off" in _send(client, token, f"{own}/off")
    assert "turned on" in _send(client, token, f"{own}/on")
    shown = _send(client, token, f"{own}/delete")
    assert "hooks.example.org/x" not in shown
    assert client.post(f"{BASE}{own}/explode", data={"csrf_token": token}).status_code == 404
    bad = client.post(f"{BASE}/webhooks", data=new | {"url": "https://127.0.0.1/"})
    assert bad.status_code == 422


def test_organizers_are_made_and_unmade(
    client: TestClient, token: str, make_participant: Callable[..., Somebody]
) -> None:
    eve = make_participant("eve")
    assert "eve" in _send(client, token, "/organizers", name="eve")
    assert "Remove eve" not in _send(client, token, f"/organizers/{eve.user.id}/remove")


def test_log_links_to_an_export_of_what_is_shown(client: TestClient, token: str) -> None:
    page = client.get(f"{BASE}/audit?action=ban%26&since=2026-01-02").text
    found = re.search(r'href="(/api/v1/competitions/faces/audit/export[^"]*csv)"', page)
    assert found is not None
    address = found[1].replace("&amp;", "&")
    assert address.endswith("?action=ban%26&since=2026-01-02&format=csv")
    assert client.get(address).status_code == 200


def test_long_lists_have_a_next_page(
    client: TestClient, token: str, make_participant: Callable[..., Somebody]
) -> None:
    for name in ("ann", "bob", "cy"):
        _enter(make_participant(name).user)
    page = client.get(f"{BASE}/participants?limit=2&state=approved").text
    found = re.search(r'href="([^"]*cursor[^"]*)">Next page', page)
    assert found is not None
    following = client.get(found[1].replace("&amp;", "&")).text
    assert ">ann</th>" in following
    assert "Next page" not in following


def test_submission_is_found_in_its_own_competition_alone(
    client: TestClient, token: str, ada: Somebody
) -> None:
    one = add_finished(ada.user, "check", 0.1)
    with db.transaction() as session:
        oscar = session.scalars(select(User).where(User.name == "oscar")).one()
        other = Competition(slug="other", title="Other")
        session.add(other)
        session.flush()
        session.add(Organizer(competition_id=other.id, user_id=oscar.id))
    address = f"/competitions/other/organize/submissions/{one.id}/disqualify"
    answer = client.post(address, data={"csrf_token": token, "reason": "x"})
    assert answer.status_code == 404
    assert _actions() == []
