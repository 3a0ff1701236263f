"""Deleting an account: nothing of the person remains, the results do."""

import threading

from sqlalchemy import select

from core import db, deletion, invitations, teams
from core.errors import LastAdminError
from core.lifecycle import ParticipantState
from core.models import (
    AccessToken,
    Base,
    Competition,
    Identity,
    Invitation,
    Mail,
    Organizer,
    Participant,
    Submission,
    Team,
    User,
    WebSession,
)
from tests.support.api import PASSWORD, PHASE, add_finished, on_both_databases, register, sign_in
from tests.support.competition import HONEST
from tests.support.rules import make_user

DELETION = "/api/v1/account/deletion"


def delete(client, name, **options):
    browser = sign_in(client, name)
    return client.post(DELETION, json={"password": PASSWORD}, headers=browser.headers, **options)


def user_of(name):
    with db.reading() as session:
        return session.scalars(select(User).where(User.name_key == name)).one()


def everything():
    """All that the database holds, as one text."""
    with db.reading() as session:
        return "\n".join(
            str(tuple(row))
            for table in Base.metadata.sorted_tables
            if table.name != "run"
            for row in session.execute(select(table))
        )


@on_both_databases
def test_deletion_leaves_results_and_nothing_of_the_person(client, database, competition):
    register(client, "secretname", email="secretname@example.org")
    user, otto = user_of("secretname"), make_user("otto")
    with db.transaction() as session:
        session.get_one(User, user.id).email = "secretname@example.org"
        session.add(Identity(user_id=user.id, issuer="https://secretname.example", subject="secretname"))
        competition_id = session.scalars(select(Competition.id)).one()
        session.add(Organizer(competition_id=competition_id, user_id=user.id))
    browser = sign_in(client, "secretname")
    other = {"email": "not-yet-secretname@example.org", "password": PASSWORD}
    assert client.post("/api/v1/account/email", json=other, headers=browser.headers).status_code == 202
    client.post("/api/v1/tokens", json={"name": "secretname", "scopes": ["read"]}, headers=browser.headers)
    done = add_finished(user, "check", 0.25, filename="secretname.zip")
    client.post(
        f"{PHASE}/submissions?csrf_token={browser.headers['X-CSRF-Token']}",
        files={"file": ("secretname.py", HONEST)},
    )
    cookie = client.cookies.get("lethe")
    refused = client.post(DELETION, json={"password": PASSWORD}, headers=browser.headers)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:lethe:problem:last-organizer")
    assert "make somebody else one first" in refused.json()["detail"]
    with db.transaction() as session:
        session.add(Organizer(competition_id=competition_id, user_id=otto.id))
    answer = client.post(DELETION, json={"password": PASSWORD}, headers=browser.headers)
    assert answer.status_code == 204
    assert client.cookies.get("lethe") is None
    assert "secretname" not in everything().lower()
    rows = client.get(f"{PHASE}/leaderboard").json()["rows"]
    assert [row["score"]["final_score"] for row in rows] == [0.25]
    assert "deleted-" in str(rows)
    with db.reading() as session:
        filenames = session.scalars(select(Submission.filename).order_by(Submission.filename)).all()
        assert filenames == ["submission.py", "submission.zip"]
        assert session.get_one(Submission, done.id).user_id == user.id
        deleted = session.get_one(User, user.id)
        assert deleted.name.startswith("deleted-")
        assert len(deleted.name) == len("deleted-") + 8
        assert (deleted.email, deleted.password_hash, deleted.is_admin) == (None, None, False)
        assert deleted.deleted_at is not None
        assert session.scalars(select(Team.name)).all() == [deleted.name]
        assert session.scalars(select(Organizer.user_id)).all() == [otto.id]
        assert session.scalars(select(AccessToken.user_id)).all() == [otto.id]
        for table in (WebSession, Identity, Mail):
            assert session.scalars(select(table)).all() == []
    assert client.get("/api/v1/session", headers={"Cookie": f"lethe={cookie}"}).status_code == 401
    again = client.post("/api/v1/session", json={"login": "secretname", "password": PASSWORD})
    assert again.status_code == 401
    register(client, "secretname")  # the name is free again


def test_deletion_with_a_wrong_password_deletes_nothing(client):
    register(client, "ada")
    browser = sign_in(client, "ada")
    answer = client.post(DELETION, json={"password": "not the right one"}, headers=browser.headers)
    assert answer.status_code == 401
    assert user_of("ada").deleted_at is None


@on_both_databases
def test_team_of_several_keeps_its_name_and_gets_another_captain(
    client, database, competition, make_participant
):
    for name in ("ada", "bob", "cyd"):
        register(client, name)
    with db.transaction() as session:
        found = session.scalars(select(Competition)).one()
        ada, bob, cyd = (
            session.scalars(select(User).where(User.name == name)).one() for name in ("ada", "bob", "cyd")
        )
        crew = Team(competition_id=found.id, name="crew", name_key="crew", captain_id=ada.id)
        session.add(crew)
        session.flush()
        for user in (ada, bob, cyd):
            session.add(
                Participant(
                    competition_id=found.id, user_id=user.id, team_id=crew.id, state=ParticipantState.APPROVED
                )
            )
            session.flush()
    assert delete(client, "ada").status_code == 204
    with db.reading() as session:
        crew = session.scalars(select(Team).where(Team.name == "crew")).one()
        members = session.scalars(select(Participant.user_id).where(Participant.team_id == crew.id)).all()
    assert crew.captain_id == bob.id
    assert set(members) == {bob.id, cyd.id}


def test_member_who_is_banned_does_not_become_captain(client, competition):
    for name in ("ada", "bob", "cyd"):
        register(client, name)
    with db.transaction() as session:
        found = session.scalars(select(Competition)).one()
        ada, bob, cyd = (
            session.scalars(select(User).where(User.name == name)).one() for name in ("ada", "bob", "cyd")
        )
        team = Team(competition_id=found.id, name="crew", name_key="crew", captain_id=ada.id)
        session.add(team)
        session.flush()
        for user in (ada, bob, cyd):
            state = ParticipantState.BANNED if user is bob else ParticipantState.APPROVED
            session.add(Participant(competition_id=found.id, user_id=user.id, team_id=team.id, state=state))
            session.flush()
    assert delete(client, "ada").status_code == 204
    with db.reading() as session:
        assert session.scalars(select(Team.captain_id)).all() == [cyd.id]


def test_team_that_merged_does_not_keep_the_name_of_its_only_member(client, competition, make_participant):
    register(client, "secretname")
    bob, leaver = make_participant("bob").user, user_of("secretname")
    with db.transaction() as session:
        found = session.scalars(select(Competition)).one()
        team, _ = (teams.enter(session, found, session.get_one(User, user.id)).team for user in (bob, leaver))
        invitation = invitations.invite(session, found, team.id, bob, "secretname")
        invitations.accept(session, found, invitation.id, leaver)
    assert delete(client, "secretname").status_code == 204
    assert "secretname" not in everything()


def test_open_invitations_of_a_team_of_one_are_withdrawn(client, competition, make_participant):
    register(client, "ada")
    others = [make_participant(name).user for name in ("bob", "cyd")]
    with db.transaction() as session:
        found = session.scalars(select(Competition)).one()
        mine, *theirs = (
            teams.enter(session, found, session.get_one(User, user.id)).team_id
            for user in (user_of("ada"), *others)
        )
        pairs = [(mine, theirs[0]), (theirs[0], mine), (theirs[0], theirs[1])]
        for team_id, invited_id in pairs:
            session.add(Invitation(team_id=team_id, invited_id=invited_id))
    assert delete(client, "ada").status_code == 204
    with db.reading() as session:
        still_open = session.scalars(select(Invitation).where(Invitation.ended_at.is_(None))).all()
    assert [(one.team_id, one.invited_id) for one in still_open] == pairs[2:]


def make_admins(client, *names):
    for name in names:
        register(client, name)
    with db.transaction() as session:
        for user in session.scalars(select(User)):
            user.is_admin = True


@on_both_databases
def test_last_admin_cannot_go(client, database):
    make_admins(client, "ada", "bob")
    assert delete(client, "ada").status_code == 204
    client.cookies.clear()
    answer = delete(client, "bob")
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:lethe:problem:last-admin"
    assert user_of("bob").is_admin


@on_both_databases
def test_two_admins_who_go_at_once_leave_one(client, database):
    make_admins(client, "ada", "bob")
    users = [user_of(name) for name in ("ada", "bob")]
    together = threading.Barrier(2)
    ends = []

    def go(user):
        together.wait()
        try:
            deletion.delete_account(user, password=PASSWORD)
        except LastAdminError:
            ends.append("stays")
        else:
            ends.append("goes")

    threads = [threading.Thread(target=go, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["goes", "stays"]
    with db.reading() as session:
        assert len(session.scalars(select(User).where(User.is_admin)).all()) == 1
