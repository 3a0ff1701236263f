"""Bans, and who leads a team after them."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import access, admission, competitions, db, invitations, teams
from core.deletion import delete_account
from core.models import AuditEvent, Participant, Team, User
from tests.support.rules import at_once, join, make_phases, make_user

pytestmark = pytest.mark.usefixtures("home", "sent")
on_both_databases = pytest.mark.usefixtures("installation")


@pytest.fixture
def olga() -> User:
    return make_user("olga")


def _make_team(*names: str) -> UUID:
    """Return a team of these people; the first is its captain and longest in the competition."""
    make_phases()
    parts = [join(name) for name in names]
    with db.transaction() as session:
        for part in parts:
            session.get_one(Participant, part.id).team_id = parts[0].team_id
    return parts[0].team_id


def _captain(team_id: UUID) -> str:
    with db.reading() as session:
        return session.get_one(User, session.get_one(Team, team_id).captain_id).name


def _decide(olga: User, name: str, *, banned: bool) -> None:
    user = make_user(name)
    with db.transaction() as session:
        demo = competitions.find_competition(session, "demo")
        part = access.find_participant(session, user.id, demo.id)
        assert part is not None
        if banned:
            admission.ban(session, olga, demo.id, part.id, reason="two accounts")
        else:
            admission.unban(session, olga, demo.id, part.id)


def _handed_over() -> list[tuple[str, str, object, object]]:
    with db.reading() as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.action == "team.hand_over"))
        return [(one.actor_name, one.target, one.before, one.after) for one in events]


def test_banned_captain_hands_over_to_the_longest_standing_who_is_not_banned(olga: User) -> None:
    team_id = _make_team("ann", "bob", "cyd", "dan")
    _decide(olga, "bob", banned=True)
    assert _captain(team_id) == "ann"
    _decide(olga, "ann", banned=True)
    assert _captain(team_id) == "cyd"
    assert _handed_over() == [("olga", "ann", {"captain": "ann"}, {"captain": "cyd"})]


def test_captaincy_does_not_come_back_when_the_ban_is_lifted(olga: User) -> None:
    team_id = _make_team("ann", "bob")
    _decide(olga, "ann", banned=True)
    _decide(olga, "ann", banned=False)
    assert _captain(team_id) == "bob"


def test_team_of_banned_people_alone_stays_until_one_comes_back_and_leads(olga: User) -> None:
    team_id = _make_team("ann", "bob", "cyd")
    for name in ("bob", "cyd", "ann"):
        _decide(olga, name, banned=True)
    assert (_captain(team_id), _handed_over()) == ("ann", [])
    _decide(olga, "cyd", banned=False)
    assert _captain(team_id) == "cyd"
    _decide(olga, "bob", banned=False)
    assert _captain(team_id) == "cyd"


def test_whoever_is_alone_and_banned_stays_the_captain(olga: User) -> None:
    team_id = _make_team("ann")
    _decide(olga, "ann", banned=True)
    _decide(olga, "ann", banned=False)
    assert (_captain(team_id), _handed_over()) == ("ann", [])


def test_deleted_captain_hands_over_to_nobody_who_is_banned(
    olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    team_id = _make_team("ann", "bob", "cyd")
    _decide(olga, "bob", banned=True)
    monkeypatch.setattr("core.signing_in.verify", lambda user, password: None)
    delete_account(make_user("ann"), password="")
    assert (_captain(team_id), _handed_over()) == ("cyd", [])


def test_team_that_joins_one_of_a_banned_captain_leads_it(olga: User) -> None:
    team_id = _make_team("ann")
    bob = make_user("bob")
    join("bob")
    with db.transaction() as session:
        demo = competitions.find_competition(session, "demo")
        sent = invitations.invite(session, demo, team_id, make_user("ann"), "bob").id
    _decide(olga, "ann", banned=True)
    with db.transaction() as session:
        invitations.accept(session, competitions.find_competition(session, "demo"), sent, bob)
    assert _captain(team_id) == "bob"


@on_both_databases
def test_of_two_who_are_banned_at_once_neither_leads(olga: User, monkeypatch: pytest.MonkeyPatch) -> None:
    team_id = _make_team("ann", "bob", "cyd")
    meeting, members = threading.Barrier(2), teams.members

    def seen_together(session: Session, team_ids: Sequence[UUID]) -> list[Participant]:
        found = members(session, team_ids)
        with suppress(
            threading.BrokenBarrierError
        ):  # as it is to be: the other one waits for this one to end
            meeting.wait(0.3)
        return found

    monkeypatch.setattr(teams, "members", seen_together)
    results = at_once(*(lambda n=name: _decide(olga, n, banned=True) for name in ("ann", "bob")))
    assert results == [None] * 2
    assert _captain(team_id) == "cyd"
