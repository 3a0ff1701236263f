"""The page of a competition: texts that can do nothing, dates, joining; and changing it from a page."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from api.pages.markdown import to_html
from core import announcements, db
from core.bundle import applying, files
from core.bundle.spec import CompetitionSpec, Logo, Page
from core.lifecycle import PhaseState
from core.models import Competition, Participant, Phase, utc_now
from tests.support.api import on_both_databases

PAGE = "/competitions/faces"
ORGANIZE = f"{PAGE}/organize/bundle"
_PHASE = {"n_models": 4, "dataset": {"kind": "synthetic"}}
_CHECK = {"slug": "check", "name": "Check", "start": "2023-06-28T00:00:00Z", "end": "2023-07-10T00:00:00Z"}
_FINAL = {"slug": "final", "name": "Final", "start": "2023-09-15T12:30:00Z", "description": "Other people."}


@pytest.fixture
def make(client, olga):
    """Return a function that creates the competition `faces`."""

    def make(**changes: Any) -> Competition:
        said = {
            "version": 2,
            "slug": "faces",
            "title": "Faces",
            "phases": [_PHASE | _CHECK, _PHASE | _FINAL],
            **changes,
        }
        with db.transaction() as session:
            competition = applying.create(session, CompetitionSpec.model_validate(said), olga.user)
            for phase in competition.phases:
                phase.state = PhaseState.READY
        return competition

    return make


@on_both_databases
def test_page_shows_texts_dates_and_announcements(client, make, olga):
    logo = Logo(media_type="image/png", content=b"\x89PNG\r\n\x1a\n")
    pages = [Page(title="Overview", content="# Hello\n\n*forget*"), Page(title="Rules", content="None.")]
    competition = make(logo=logo, pages=pages, terms="Be **fair**.", max_team_size=3)
    with db.transaction() as session:
        stored = session.get_one(Competition, competition.id)
        for subject in ("First", "Second"):
            announcements.make(session, olga.user, stored, subject=subject, body="Some *news*.")
        stored.winners = [{"team": "forgetters", "place": 1, "prize": "a cup", "note": ""}]
        stored.phases[0].published_at = utc_now()
    page = client.get(PAGE).text
    for words in ("<h3>Hello</h3>", "<em>forget</em>", "Be <strong>fair</strong>.", "up to 3 people"):
        assert words in page
    for words in ("2023-06-28 00:00", "2023-09-15 12:30", "Other people.", "forgetters", "a cup"):
        assert words in page
    assert page.index("Second") < page.index("First")
    assert f"/api/v1/competitions/faces/logo?v={logo.sha256[:12]}" in page
    assert "Sign in to take part" in page
    assert f'href="{PAGE}"' in client.get("/").text


@pytest.mark.parametrize(
    ("now", "states"),
    [
        (datetime(2023, 6, 27, 23, 59, 59, tzinfo=UTC), ["not open yet", "not open yet"]),
        (datetime(2023, 6, 28, tzinfo=UTC), ["open", "not open yet"]),
        (datetime(2023, 7, 9, 23, 59, 59, tzinfo=UTC), ["open", "not open yet"]),
        (datetime(2023, 7, 10, tzinfo=UTC), ["closed", "not open yet"]),
        (datetime(2023, 9, 16, tzinfo=UTC), ["closed", "open"]),
    ],
)
def test_page_says_to_the_second_where_each_phase_stands(client, make, now, states):
    make()
    with time_machine.travel(now, tick=False):
        page = client.get(PAGE).text
    assert re.findall(r'class="state state-\w+">([^<]+)<', page) == states


def test_page_says_what_is_being_prepared(client, make):
    competition = make(phases=[_PHASE | _FINAL])
    for state, words in ((PhaseState.PREPARING, "being prepared"), (PhaseState.BROKEN, "not be prepared")):
        with db.transaction() as session:
            phase = session.get_one(Phase, competition.phases[0].id)
            phase.state, phase.problem = state, "disk /dev/sdb1 is full"
        page = client.get(PAGE).text
        assert words in page
        assert "sdb1" not in page


@pytest.mark.parametrize(
    ("text", "absent", "present"),
    [
        ("<script>alert(1)</script>", "<script", "&lt;script"),
        ("<img src=x onerror=alert(1)>", "<img", "&lt;img"),
        ("[x](javascript:alert(1))", "href", "javascript:alert(1)"),
        ("[x](JaVaScRiPt:alert(1))", "href", "x"),
        ("[x](&#106;avascript:alert(1))", "href", "x"),
        ("[x](data:text/html;base64,aGk=)", "href", "x"),
        ("[x](vbscript:a)", "href", "x"),
        ("![x](https://evil.example/pixel.png)", "evil", 'alt="x"'),
        ("![x](//evil.example/pixel.png)", "evil", 'alt="x"'),
        ("![x](data:image/svg+xml,<svg>)", "src", "x"),
        ("[x](https://a.example 'onclick=alert(1)')", "onclick=alert(1)>", 'rel="nofollow noopener'),
        ("![x](/api/v1/competitions/faces/logo)", "evil", 'src="/api/v1/competitions/faces/logo"'),
        ('```"><script>\nx\n```', "<script", "<pre>"),
        ("# a", "<h1", "<h3>a</h3>"),
        ("###### a", "<h8", "<h6>a</h6>"),
        ("a\0b", "\0", "a"),
        ("|a|b|\n|-|:-|\n|1|2|", "style", "<td>1</td>"),
    ],
)
def test_markdown_can_do_nothing(text, absent, present):
    html = str(to_html(text))
    assert absent not in html
    assert present in html


def test_texts_of_organizers_are_inert_wherever_they_stand(client, make):
    evil = "<script>alert(1)</script>"
    pages = [Page(title=evil, content=evil)]
    phases = [_PHASE | _CHECK | {"name": evil, "description": evil}]
    make(title=evil, description=evil, terms=evil, pages=pages, phases=phases)
    for address in (PAGE, "/"):
        response = client.get(address)
        assert "<script>" not in response.text
        assert "&lt;script&gt;" in response.text
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]


def test_joining_needs_the_terms_accepted(client, make, ada):
    make(terms="Be fair.")
    assert 'name="accepted"' in client.get(PAGE, headers=ada.headers).text
    assert client.post(f"{PAGE}/join", headers=ada.headers).status_code == 422
    with db.reading() as session:
        assert session.scalars(select(Participant)).all() == []
    for _ in range(2):
        joined = client.post(
            f"{PAGE}/join", headers=ada.headers, data={"accepted": "true"}, follow_redirects=False
        )
        assert (joined.status_code, joined.headers["Location"]) == (303, PAGE)
    with db.reading() as session:
        assert session.scalars(select(Participant.user_id)).one() == ada.user.id
    assert "You take part" in client.get(PAGE, headers=ada.headers).text


def test_joining_with_approval_waits_for_an_organizer(client, make, ada):
    make(registration_auto_approve=False)
    assert "Ask to take part" in client.get(PAGE, headers=ada.headers).text
    client.post(f"{PAGE}/join", headers=ada.headers)
    assert "an organizer has to let you in" in client.get(PAGE, headers=ada.headers).text


def test_joining_is_for_who_is_signed_in(client, make):
    make()
    assert client.post(f"{PAGE}/join", follow_redirects=False).status_code in {303, 401}
    with db.reading() as session:
        assert session.scalars(select(Participant)).all() == []


def _zip(**changes: Any) -> dict[str, Any]:
    document = {"version": 2, "slug": "faces", "title": "Faces", "phases": [_PHASE | _CHECK, _PHASE | _FINAL]}
    packed = files.pack({files.DOCUMENT: json.dumps(document | changes).encode()})
    return {"file": ("bundle.zip", packed)}


def test_changes_are_shown_on_a_page_and_made_by_a_second_form(client, make, olga):
    make()
    assert "Show what would change" in client.get(ORGANIZE, headers=olga.headers).text
    page = client.post(ORGANIZE, headers=olga.headers, files=_zip(title="<Better>")).text
    assert "&lt;Better&gt;" in page
    assert "<Better>" not in page
    form = dict(re.findall(r'name="(sent_sha256|digest)" value="([0-9a-f]{64})"', page))
    assert client.get("/api/v1/competitions/faces").json()["title"] == "Faces"
    done = client.post(f"{ORGANIZE}/apply", headers=olga.headers, data=form, follow_redirects=False)
    assert (done.status_code, done.headers["Location"]) == (303, PAGE)
    assert client.get("/api/v1/competitions/faces").json()["title"] == "<Better>"
    assert client.post(f"{ORGANIZE}/apply", headers=olga.headers, data=form).status_code == 412


def test_refused_changes_have_no_button(client, make, olga):
    make()
    page = client.post(ORGANIZE, headers=olga.headers, files=_zip(slug="other")).text
    assert "the slug is the competition&#39;s address" in page
    assert "Make these changes" not in page


def test_bundle_with_faults_shows_them_on_the_page(client, make, olga):
    make()
    response = client.post(ORGANIZE, headers=olga.headers, files=_zip(color=1))
    assert response.status_code == 422
    assert "color: there is no such key" in response.text


def test_organizing_is_for_organizers(client, make, ada):
    make()
    assert "Change the competition" not in client.get(PAGE, headers=ada.headers).text
    assert client.get(ORGANIZE, headers=ada.headers).status_code == 403
    assert client.post(ORGANIZE, headers=ada.headers, files=_zip()).status_code == 403
    assert client.post(f"{ORGANIZE}/apply", headers=ada.headers, data={}).status_code == 403


def test_unpublished_competition_has_no_page_but_for_organizers(client, make, ada, olga):
    make(published=False)
    assert client.get(PAGE, headers=ada.headers).status_code == 404
    assert "Only its organizers see" in client.get(PAGE, headers=olga.headers).text
