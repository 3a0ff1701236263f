"""No address shows a score that the phase's leaderboard hides, to anybody but organizers."""

from uuid import uuid4

import pytest
from sqlalchemy import select

from api.routes import events
from core import db, submissions
from core.competitions import find_phase
from core.lifecycle import BoardVisibility, ParticipantState
from core.models import Participant, Submission, utc_now
from tests.support.api import PHASE, add_finished, on_both_databases
from tests.support.competition import numbers
from tests.support.crawler import crawl, find

ADAS, BOBS = "0.271828182", "0.161803398"
CANARIES = (ADAS, BOBS)
VALUES = [name for name, value in numbers(0.1).items() if isinstance(value, float) and name != "final_score"]


@pytest.fixture(autouse=True)
def short_streams(monkeypatch):
    """Streams of events that end after the first, so that the walk reads them too."""
    monkeypatch.setattr(events, "_LONGEST_S", 0.0)


@pytest.fixture
def planted(client, competition, make_participant):
    """Two teams whose scores hold digits to look for, in a phase that hides nothing else."""
    people, ids = {}, []
    for name, digits in (("ada", ADAS), ("bob", BOBS)):
        people[name] = make_participant(name)
        changes = dict.fromkeys(VALUES, float(digits))
        ids.append(add_finished(people[name].user, "check", float(digits), **changes).id)
    with db.transaction() as session:
        teams = [str(submissions.find(session, one).team_id) for one in ids]
        session.get_one(Submission, ids[0]).selected_at = utc_now()
    people["cyd"] = make_participant("cyd")
    parameters = {
        "competition": ["faces"],
        "phase": ["check"],
        "submission_id": [str(one) for one in ids],
        "team_id": teams,
        "webhook_id": [str(uuid4())],
    }
    return people, parameters


def _set(visibility, **changes):
    with db.transaction() as session:
        phase = find_phase(session, "faces", "check")
        phase.board_visibility = visibility
        for name, value in changes.items():
            setattr(phase, name, value)


def _sightings(client, parameters, headers=None):
    """Return which digits somebody finds, and check that they see no platform fault."""
    visits = crawl(client, parameters, headers)
    events_of = [f"/api/v1/submissions/{one}/events" for one in parameters["submission_id"]]
    visited = {visit.path.partition("?")[0] for visit in visits}
    for path in set(events_of) - visited:
        response = client.get(path, headers=headers)
        visits.append(type(visits[0])(path, response.status_code, response.content))
    assert [visit for visit in visits if visit.status >= 500] == []
    return {sighting.canary for sighting in find(CANARIES, visits)}


@on_both_databases
def test_hidden_board_shows_no_score_to_anybody_not_even_the_owner(client, planted):
    people, parameters = planted
    _set(BoardVisibility.HIDDEN)
    for participant in (*people.values(), None):
        headers = participant.headers if participant else None
        assert _sightings(client, parameters, headers) == set()


def test_own_board_shows_nobody_anothers_score(client, planted):
    people, parameters = planted
    _set(BoardVisibility.OWN)
    found = {name: _sightings(client, parameters, one.headers) for name, one in people.items()}
    assert found == {"ada": {ADAS}, "bob": {BOBS}, "cyd": set()}
    assert _sightings(client, parameters) == set()


def test_public_board_shows_every_score_to_everybody(client, planted):
    """The control: the walk finds what is there."""
    people, parameters = planted
    for participant in (people["cyd"], None):
        assert _sightings(client, parameters, participant.headers if participant else None) == {ADAS, BOBS}


@pytest.mark.parametrize("visibility", [BoardVisibility.OWN, BoardVisibility.HIDDEN])
def test_published_results_are_seen_by_everybody(client, planted, olga, visibility):
    _, parameters = planted
    _set(visibility, closes_at=utc_now())
    assert client.post(f"{PHASE}/results", headers=olga.headers).status_code == 201
    assert [row["rank"] for row in client.get(f"{PHASE}/leaderboard").json()["rows"]] == [1, 2]
    assert len(client.get(f"{PHASE}/leaderboard/history").json()["changes"]) == 2
    assert _sightings(client, parameters) == {ADAS, BOBS}
    assert client.delete(f"{PHASE}/results?reason=test", headers=olga.headers).status_code == 200
    assert _sightings(client, parameters) == set()


@pytest.mark.parametrize("visibility", list(BoardVisibility))
def test_organizers_see_all(client, planted, olga, visibility):
    _set(visibility)
    board = client.get(f"{PHASE}/leaderboard", headers=olga.headers).json()
    assert [row["rank"] for row in board["rows"]] == [1, 2]
    history = client.get(f"{PHASE}/leaderboard/history", headers=olga.headers).json()
    assert [change["rank"] for change in history["changes"]] == [1, 2]


def test_answers_to_people_are_theirs_alone_for_caches(client, planted):
    people, _ = planted
    _set(BoardVisibility.OWN)
    tags = set()
    for headers in (people["ada"].headers, people["bob"].headers):
        response = client.get(f"{PHASE}/leaderboard", headers=headers)
        assert response.headers["cache-control"] == "private, no-cache"
        assert response.headers["vary"] == "Cookie, Authorization"
        tags.add(response.headers["etag"])
    response = client.get(f"{PHASE}/leaderboard")
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["vary"] == "Cookie, Authorization"
    assert len(tags | {response.headers["etag"]}) == 3


def test_hidden_board_is_the_same_whatever_is_scored(client, planted, make_participant):
    _set(BoardVisibility.HIDDEN)
    before = client.get(f"{PHASE}/leaderboard")
    add_finished(make_participant("dan").user, "check", 0.9)
    assert client.get(f"{PHASE}/leaderboard").headers["etag"] == before.headers["etag"]
    assert (before.json()["n_waiting"], before.json()["n_teams"]) == (None, None)
    assert client.get(f"{PHASE}/leaderboard.csv").status_code == 403


def test_own_board_has_one_row_without_a_rank(client, planted):
    people, _ = planted
    _set(BoardVisibility.OWN)
    board = client.get(f"{PHASE}/leaderboard", headers=people["bob"].headers).json()
    assert [(row["team"], row["rank"], row["tied_with_leader"]) for row in board["rows"]] == [
        ("bob", None, None)
    ]
    assert (board["n_teams"], board["n_waiting"]) == (2, None)
    page = client.get("/competitions/faces/phases/check/leaderboard", headers=people["bob"].headers).text
    assert "You see your own team alone" in page


def test_banned_member_sees_no_more_of_the_team_than_a_stranger(client, planted):
    people, parameters = planted
    with db.transaction() as session:
        part = session.scalars(select(Participant).where(Participant.user_id == people["ada"].user.id)).one()
        part.state = ParticipantState.BANNED
    _set(BoardVisibility.OWN)
    mine = client.get(f"{PHASE}/submissions/mine", headers=people["ada"].headers)
    assert mine.json()["submissions"] == []
    addresses = ["/competitions/faces/phases/check/submissions"]
    addresses += [f"{PHASE}/leaderboard{end}" for end in ("", ".csv", "/history")]
    for address in addresses:
        text = client.get(address, headers=people["ada"].headers).text
        assert ADAS[:5] not in text, address
        assert parameters["submission_id"][0] not in text, address
