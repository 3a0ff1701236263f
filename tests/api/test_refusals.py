"""Forms that are refused: their page is shown again, with why, and what was written."""

import html
import re
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from core import competitions, db, teams
from core.models import Announcement, Organizer, Participant, Phase, User, utc_now
from tests.support.api import register, sign_in

FACES = "/competitions/faces"
BASE = f"{FACES}/organize"
SHOWN = (
    BASE,
    *(f"{BASE}/{name}" for name in ("participants", "teams", "announcements", "webhooks", "bundle")),
)


@pytest.fixture
def part(client: TestClient, competition: None) -> Participant:
    """Sign `oscar` in, who organizes and takes part; return his part."""
    register(client, "oscar")
    browser = sign_in(client, "oscar")
    client.headers["Origin"] = browser.headers["Origin"]
    with db.transaction() as session:
        faces = competitions.find_competition(session, "faces")
        oscar = session.scalars(select(User).where(User.name == "oscar")).one()
        session.add(Organizer(competition_id=faces.id, user_id=oscar.id))
        return teams.enter(session, faces, oscar)


class Form:
    """A form as a browser sees it on a page."""

    def __init__(self, page: str, action: str) -> None:
        found = re.search(rf'<form[^>]*action="{re.escape(action)}(\?[^"]*)?".*?</form>', page, re.DOTALL)
        assert found is not None, action
        self.text, self.action = found[0], html.unescape(action + (found[1] or ""))
        fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', self.text)
        self.hidden = {name: html.unescape(value) for name, value in fields}

    def tag(self, name: str) -> str:
        found = re.search(rf'<(input|textarea|button)[^>]* name="{name}"[^>]*>', self.text)
        assert found is not None, name
        return found[0]


def form(client: TestClient, page: str, action: str) -> Form:
    return Form(client.get(page).text, action)


def alert(page: str) -> str:
    (said,) = re.findall(r'<p class="notice" role="alert">(.*?)</p>', page)
    return html.unescape(said)


def test_page_keeps_its_filters_and_says_why_at_the_form_and_at_its_head(
    client: TestClient, part: Participant
) -> None:
    page, action = f"{BASE}/participants?state=approved", f"{BASE}/participants/{part.id}/ban"
    sent = form(client, page, action)
    for _ in range(2):  # the page shown again is as good as the one before
        answer = client.post(action, data={**sent.hidden, "reason": "  "})
        assert answer.status_code == 422
        assert answer.headers["cache-control"] == "no-store"
        assert "Give a reason" in alert(answer.text)
        assert '<option value="approved" selected>' in answer.text
        sent = Form(answer.text, action)
        assert 'id="refusal">Give a reason' in sent.text
        assert all(
            word in sent.tag("reason")
            for word in (
                ' value="  "',
                ' aria-describedby="refusal"',
                ' aria-invalid="true"',
                " autofocus",
            )
        )
        assert sent.hidden["page"] == page


def test_what_was_written_is_kept_and_only_the_field_at_fault_is_marked(
    client: TestClient, part: Participant
) -> None:
    action = f"{BASE}/announcements"
    hidden = form(client, action, action).hidden
    body = "</textarea><script>alert(1)</script>"
    answer = client.post(action, data={**hidden, "subject": "a\tb", "body": body})
    assert answer.status_code == 422
    assert alert(answer.text).startswith("subject: ")
    sent = Form(answer.text, action)
    assert html.escape(body) in sent.text
    assert body not in answer.text
    assert 'value="a\tb"' in sent.tag("subject")
    assert "aria-invalid" in sent.tag("subject")
    assert "aria-invalid" not in sent.tag("body")
    with db.reading() as session:
        assert session.scalars(select(Announcement)).all() == []


def test_boxes_that_were_ticked_stay_ticked(client: TestClient, part: Participant) -> None:
    action = f"{BASE}/webhooks"
    hidden = form(client, action, action).hidden
    sent = {**hidden, "url": "http://127.0.0.1/", "wanted": ["phase.opened", "phase.closed"]}
    answer = client.post(action, data=sent)
    assert answer.status_code == 422
    ticked = re.findall(r'value="([a-z_.]+)" checked', answer.text)
    assert sorted(ticked) == ["phase.closed", "phase.opened"]
    assert 'value="http://127.0.0.1/"' in Form(answer.text, action).tag("url")


def test_form_that_is_no_longer_on_its_page_is_answered_at_the_head(
    client: TestClient, part: Participant
) -> None:
    page, action = f"{BASE}/participants", f"{BASE}/participants/{part.id}/approve"
    hidden = form(client, page, f"{BASE}/participants/{part.id}/ban").hidden
    answer = client.post(action, data=hidden)
    assert (answer.status_code, alert(answer.text)) == (409, "oscar is approved now.")


def test_every_form_of_organizers_and_of_a_team_says_its_page(client: TestClient, part: Participant) -> None:
    for page in (*SHOWN, f"{FACES}/team", f"{FACES}/phases/check/submissions"):
        forms = re.findall(
            r'<form[^>]*method="post"[^>]* action="(/competitions[^"?]*)', client.get(page).text
        )
        assert forms, page
        for action in forms:
            found = form(client, page, action)
            assert page in found.hidden.get("page", "") or f"page={page.replace('/', '%2F')}" in found.action


def test_refused_form_changes_nothing(client: TestClient, competition: None) -> None:
    register(client, "ann")
    sign_in(client, "ann")
    hidden = {"csrf_token": client.get("/api/v1/session").json()["csrf_token"], "page": f"{FACES}/team"}
    answer = client.post(f"{FACES}/team", data={**hidden, "name": "\u200b"})
    assert (answer.status_code, "1 to 64 printable" in alert(answer.text)) == (409, True)
    with db.reading() as session:  # ann would have entered the competition on the way
        assert session.scalars(select(Participant)).all() == []


def test_team_page_keeps_the_name_that_was_wrong(client: TestClient, part: Participant) -> None:
    action = f"{FACES}/team/invitations"
    hidden = form(client, f"{FACES}/team", action).hidden
    answer = client.post(action, data={**hidden, "participant": "<nobody>"})
    assert answer.status_code == 404
    assert 'value="&lt;nobody&gt;"' in Form(answer.text, action).tag("participant")


def test_refused_upload_shows_its_page_again(client: TestClient, part: Participant) -> None:
    page = f"{FACES}/phases/check/submissions"
    sent = form(client, page, page)
    answer = client.post(sent.action, files={"file": ("submission.py", b"x = 1")})
    assert answer.status_code == 422
    assert "unlearning" in alert(answer.text)
    assert 'aria-describedby="refusal" aria-invalid="true"' in Form(answer.text, page).tag("file")
    with db.transaction() as session:
        session.scalars(select(Phase).where(Phase.slug == "check")).one().closes_at = utc_now() - timedelta(1)
    closed = client.post(sent.action, files={"file": ("submission.py", b"x = 1")})
    assert closed.status_code == 409
    assert "Your submissions</h1>" in closed.text


def test_refused_upload_says_when_to_come_back(client: TestClient, part: Participant) -> None:
    page = f"{FACES}/phases/check/submissions"
    sent = form(client, page, page)
    with db.transaction() as session:
        session.scalars(select(Phase).where(Phase.slug == "check")).one().quotas = {"per_day": 0}
    answer = client.post(sent.action, files={"file": ("submission.py", b"x = 1")})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "Your submissions</h1>" in answer.text


def test_bundle_that_is_none_is_refused_on_its_page(client: TestClient, part: Participant) -> None:
    page = f"{BASE}/bundle"
    sent = form(client, page, page)
    answer = client.post(sent.action, files={"file": ("competition.yaml", b"version: 9")})
    assert answer.status_code == 422
    assert 'id="refusal"' in Form(answer.text, page).text


def test_form_that_is_not_ours_fills_no_page(client: TestClient, part: Participant) -> None:
    action = f"{BASE}/announcements"
    hidden = form(client, action, action).hidden
    wanted = {"subject": "\t", "body": "planted"}
    answers = [
        client.post(action, data={**hidden, **wanted, "csrf_token": "guess"}),
        client.post(action, data={**hidden, **wanted}, headers={"Origin": "https://evil.example"}),
        client.post(action, data={**hidden, **wanted}, headers={"Sec-Fetch-Site": "cross-site"}),
    ]
    assert [answer.status_code for answer in answers] == [403] * 3
    assert not any("planted" in answer.text for answer in answers)


def test_program_is_answered_without_a_page(client: TestClient, part: Participant) -> None:
    """What a program sent may not have been read, and cannot be read again."""
    page, hidden = f"{BASE}/bundle", form(client, f"{BASE}/bundle", f"{BASE}/bundle").hidden
    token = client.get("/api/v1/session").json()["csrf_token"]
    answer = client.post(
        page, data={**hidden, "page": page}, headers={"X-CSRF-Token": token}, follow_redirects=False
    )
    assert answer.status_code == 422
    assert "To the competitions" in answer.text


@pytest.mark.parametrize(
    "page",
    [
        "",
        "/account",
        "//evil.example",
        "/competitions/other",
        "/competitions/facesx",
        f"{BASE}/nothing",
        f"{BASE}/submissions?state=x",
    ],
)
def test_page_that_is_none_of_the_competitions_is_not_shown(
    client: TestClient, part: Participant, page: str
) -> None:
    hidden = form(client, f"{BASE}/announcements", f"{BASE}/announcements").hidden
    answer = client.post(f"{BASE}/announcements", data={**hidden, "page": page, "subject": "\t", "body": "x"})
    assert answer.status_code == 422
    assert "To the competitions" in answer.text


def test_page_that_its_reader_may_no_longer_see_is_not_shown(client: TestClient, part: Participant) -> None:
    """Who takes part sends the form of a page for organizers, which the guard of that page keeps shut."""
    hidden = form(client, f"{FACES}/team", f"{FACES}/team/invitations").hidden
    with db.transaction() as session:
        session.delete(session.scalars(select(Organizer)).one())
    sent = {**hidden, "page": f"{BASE}/participants", "participant": "nobody"}
    answer = client.post(f"{FACES}/team/invitations", data=sent)
    assert answer.status_code == 404
    assert "<th" not in answer.text
