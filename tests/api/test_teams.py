"""Joining, teams and invitations over HTTP and on their page."""

import pytest

from core import db
from core.competitions import find_competition
from core.lifecycle import ParticipantState
from core.models import Participant
from tests.support.api import PHASE, on_both_databases
from tests.support.competition import HONEST

FACES = "/api/v1/competitions/faces"
PAGE = "/competitions/faces/team"


@pytest.fixture
def bob(make_participant):
    return make_participant("bob")


def join(client, *participants):
    for one in participants:
        assert client.post(f"{FACES}/participants", json={}, headers=one.headers).status_code == 200


def own_team(client, participant):
    return client.get(f"{FACES}/participants/me", headers=participant.headers).json()["team"]


def change(**changes):
    with db.transaction() as session:
        for name, value in changes.items():
            setattr(find_competition(session, "faces"), name, value)


def assert_problem(response, status, kind, *words):
    assert (response.status_code, response.json()["type"]) == (status, f"urn:lethe:problem:{kind}"), (
        response.text
    )
    for word in words:
        assert word in response.json()["detail"]


def test_joining_asks_for_the_terms_and_shows_one_s_part(client, competition, ada):
    change(terms="Be kind.")
    assert client.get(f"{FACES}/participants/me", headers=ada.headers).status_code == 404
    wish = client.post(f"{FACES}/participants", json={"accept_terms": False}, headers=ada.headers)
    assert_problem(wish, 422, "terms-not-accepted", "terms of Faces")
    upload = client.post(f"{PHASE}/submissions", files={"file": ("s.py", HONEST)}, headers=ada.headers)
    assert_problem(upload, 403, "not-participant", "Join Faces first")
    joined = client.post(f"{FACES}/participants", json={"accept_terms": True}, headers=ada.headers)
    assert joined.json() == client.get(f"{FACES}/participants/me", headers=ada.headers).json()
    assert joined.json()["team"] | {"id": 0, "created_at": 0} == {
        "id": 0,
        "name": "ada",
        "captain": "ada",
        "members": ["ada"],
        "size": 1,
        "created_at": 0,
    }


def test_joining_where_organizers_approve_is_pending(client, competition, ada):
    change(approves_participants=True)
    joined = client.post(f"{FACES}/participants", json={}, headers=ada.headers)
    assert (joined.status_code, joined.json()["state"]) == (202, "pending")
    assert joined.headers["location"].endswith("/participants/me")
    assert client.get(f"{FACES}/teams").json() == {"teams": []}
    upload = client.post(f"{PHASE}/submissions", files={"file": ("s.py", HONEST)}, headers=ada.headers)
    assert_problem(upload, 403, "not-participant", "let you in first")


def test_team_is_created_invites_grows_and_is_left(client, competition, ada, bob):
    join(client, ada, bob)
    team = client.post(f"{FACES}/teams", json={"name": "Lethe"}, headers=ada.headers)
    assert (team.status_code, team.json()["name"]) == (201, "Lethe")
    address = f"/api/v1/teams/{team.json()['id']}"
    invited = client.post(f"{address}/invitations", json={"participant": "BOB"}, headers=ada.headers)
    assert invited.status_code == 201
    assert client.get(f"{address}/invitations", headers=ada.headers).json()["invitations"] == [invited.json()]
    received = client.get(f"{FACES}/invitations", headers=bob.headers).json()["invitations"]
    assert [(one["id"], one["team"], one["invited"]) for one in received] == [
        (invited.json()["id"], "Lethe", "bob")
    ]
    accept = f"{FACES}/invitations/{invited.json()['id']}/accept"
    assert client.post(accept, headers=ada.headers).status_code == 404
    merged = client.post(accept, headers=bob.headers).json()
    assert (merged["members"], merged["size"]) == (["ada", "bob"], 2)
    renamed = client.patch(address, json={"name": "Mnemosyne"}, headers=bob.headers)
    assert_problem(renamed, 403, "not-allowed", "captain")
    assert client.patch(address, json={"name": "Styx"}, headers=ada.headers).json()["name"] == "Styx"
    left = client.delete(f"{address}/members/bob", headers=bob.headers).json()
    assert left["team"]["members"] == ["bob"]
    assert_problem(client.delete(f"{address}/members/ada", headers=ada.headers), 409, "team-refused", "alone")


def test_invitations_are_declined_and_withdrawn(client, competition, ada, bob):
    join(client, ada, bob)
    address = f"/api/v1/teams/{own_team(client, ada)['id']}/invitations"
    for method, suffix, who in (("POST", "/decline", bob), ("DELETE", "", ada)):
        one = client.post(address, json={"participant": "bob"}, headers=ada.headers).json()
        other = ada if who is bob else bob
        end = f"{FACES}/invitations/{one['id']}{suffix}"
        assert client.request(method, end, headers=other.headers).status_code == 404
        assert client.request(method, end, headers=who.headers).status_code == 204
        assert client.request(method, end, headers=who.headers).status_code == 404


def test_team_is_its_members_alone_but_the_list_is_everybodys(client, competition, ada, bob, olga):
    join(client, ada, bob)
    address = f"/api/v1/teams/{own_team(client, ada)['id']}"
    assert client.get(address, headers=bob.headers).status_code == 404
    assert client.get(address, headers=olga.headers).status_code == 200
    assert client.patch(address, json={"name": "Ours"}, headers=olga.headers).status_code == 404
    assert [one["name"] for one in client.get(f"{FACES}/teams").json()["teams"]] == ["bob", "ada"]
    first = client.get(f"{FACES}/teams?limit=1")
    assert [one["name"] for one in first.json()["teams"]] == ["bob"]
    following = client.get(first.links["next"]["url"])
    assert [one["name"] for one in following.json()["teams"]] == ["ada"]
    assert "next" not in following.links


@pytest.mark.parametrize("body", [{}, {"name": 7}, {"name": "x" * 201}, {"name": "a", "more": 1}, []])
def test_malformed_team_is_refused(client, competition, ada, body):
    response = client.post(f"{FACES}/teams", json=body, headers=ada.headers)
    assert_problem(response, 422, "invalid-request")


def test_banned_may_change_nothing(client, competition, ada, bob):
    join(client, ada, bob)
    team_id = own_team(client, ada)["id"]
    with db.transaction() as session:
        part = session.query(Participant).filter_by(user_id=ada.user.id).one()
        part.state = ParticipantState.BANNED
    for address, body in (
        (f"{FACES}/teams", {"name": "a"}),
        (f"/api/v1/teams/{team_id}/invitations", {"participant": "bob"}),
    ):
        assert client.post(address, json=body, headers=ada.headers).status_code in {403, 404}
    assert client.post(f"{FACES}/participants", json={}, headers=ada.headers).json()["state"] == "banned"


def test_page_of_a_team_does_all_of_it_without_scripts(client, competition, ada, bob):
    assert "Join on the page of the competition" in client.get(PAGE, headers=ada.headers).text
    join(client, ada, bob)

    def send(who, suffix="", **form):
        return client.post(f"{PAGE}{suffix}", data=form, headers=who.headers, follow_redirects=True)

    assert '<h1 dir="auto">Lethe &lt;3</h1>' in send(ada, name="Lethe <3").text
    assert "Not answered yet" in send(ada, "/invitations", participant=" bob ").text
    refused = send(ada, "/invitations", participant="nobody")
    assert (refused.status_code, "Nobody called `nobody`" in refused.text) == (404, True)
    invitation = client.get(f"{FACES}/invitations", headers=bob.headers).json()["invitations"][0]["id"]
    assert "invites you" in client.get(PAGE, headers=bob.headers).text
    assert "Remove bob" not in send(bob, f"/invitations/{invitation}/accept").text
    assert "Remove bob" in client.get(PAGE, headers=ada.headers).text
    assert "Make it a team" in send(bob, "/leave", member="bob").text
    assert client.get(PAGE, follow_redirects=False).headers["location"].startswith("/sign-in")


@on_both_databases
def test_character_that_no_database_holds_names_nobody(client, database, competition, ada):
    join(client, ada)
    address = f"/api/v1/teams/{own_team(client, ada)['id']}/invitations"
    answer = client.post(address, json={"participant": "b\0b"}, headers=ada.headers)
    assert answer.status_code == 404


@pytest.mark.parametrize("name", ["a\0b", "\0", "a\0"])
def test_baseline_is_called_nothing_that_no_database_holds(client, competition, ada, olga, name):
    sent = client.post(f"{PHASE}/submissions", headers=ada.headers, files={"file": ("s.py", HONEST)})
    address = f"/api/v1/submissions/{sent.json()['id']}/baseline"
    assert client.put(address, json={"name": name}, headers=olga.headers).status_code == 422
