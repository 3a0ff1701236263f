"""Taking part, teams and their names, invitations, merging, leaving; and who gets there first."""

import threading
from datetime import timedelta
from uuid import UUID

import pytest

from core import access, competitions, db, invitations, reruns, submissions, teams
from core.errors import (
    LetheError,
    NotAllowedError,
    NotFoundError,
    NotParticipantError,
    TeamRefusedError,
    TermsNotAcceptedError,
)
from core.lifecycle import ParticipantState
from core.models import Organizer, Participant, Submission, Team, utc_now
from core.paging import Page
from tests.support.rules import at_once, fetch, finished, join, make_phases, make_user, upload

pytestmark = pytest.mark.usefixtures("home", "sent")
on_both_databases = pytest.mark.usefixtures("installation")


def _part(name: str) -> Participant:
    user = make_user(name)
    with db.reading() as session:
        part = access.find_participant(session, user.id, competitions.find_competition(session, "demo").id)
        assert part is not None
        return part


def _invite(captain: str, invited: str) -> UUID:
    part = _part(captain)
    user = make_user(captain)
    with db.transaction() as session:
        demo = competitions.find_competition(session, "demo")
        return invitations.invite(session, demo, part.team_id, user, invited).id


def _accept(captain: str, invitation_id: UUID) -> Team:
    user = make_user(captain)
    with db.transaction() as session:
        demo = competitions.find_competition(session, "demo")
        return invitations.accept(session, demo, invitation_id, user)


def _merge(captain: str, *invited: str) -> UUID:
    for name in (captain, *invited):
        join(name)
    for name in invited:
        _accept(name, _invite(captain, name))
    return _part(captain).team_id


def _leave(name: str, actor: str) -> None:
    part, user = _part(name), make_user(actor)
    with db.transaction() as session:
        demo = competitions.find_competition(session, "demo")
        teams.leave(session, demo, part.team_id, name, user)


def _create(name: str, team: str) -> Team:
    user = make_user(name)
    with db.transaction() as session:
        return teams.create(session, competitions.find_competition(session, "demo"), user, team)


def _listed() -> dict[str, list[str]]:
    with db.reading() as session:
        demo = competitions.find_competition(session, "demo")
        rows = teams.list_teams(session, demo, Page()).rows
        return {one.team.name: [part.user.name for part in one.members] for one in rows}


def _change(**changes: object) -> None:
    with db.transaction() as session:
        demo = competitions.find_competition(session, "demo")
        for name, value in changes.items():
            setattr(demo, name, value)


def _set_state(name: str, state: ParticipantState) -> None:
    with db.transaction() as session:
        session.get_one(Participant, _part(name).id).state = state


def test_terms_have_to_be_accepted_to_join_and_before_an_upload() -> None:
    make_phases(terms="Be kind.")
    with pytest.raises(TermsNotAcceptedError):
        join("ann")
    with pytest.raises(NotParticipantError, match="Join Demo first"):
        upload("ann")
    assert join("ann", accepts_terms=True).state is ParticipantState.APPROVED
    upload("ann")


def test_pending_and_banned_may_not_upload_and_joining_again_changes_nothing() -> None:
    make_phases()
    _change(approves_participants=True)
    assert join("ann").state is ParticipantState.PENDING
    with pytest.raises(NotParticipantError, match="has to let you in"):
        upload("ann")
    _set_state("ann", ParticipantState.BANNED)
    assert join("ann").state is ParticipantState.BANNED
    with pytest.raises(NotParticipantError, match="may not take part"):
        upload("ann")
    assert _listed() == {}


@on_both_databases
def test_upload_to_an_open_competition_joins_it_once() -> None:
    make_phases()
    make_user("ann")
    results = at_once(*(lambda n=number: upload("ann", n) for number in range(4)))
    assert [type(one) for one in results] == [Submission] * 4
    assert _listed() == {"ann": ["ann"]}


def test_created_team_keeps_its_submissions_and_its_name_is_its_own() -> None:
    make_phases()
    submission = upload("ann")
    join("bob")
    team = _create("ann", "  Straße ")
    assert (team.name, team.id, team.is_solo) == ("Straße", submission.team_id, False)
    for taken in ("STRASSE", "straße", "ＳTRASSE"):  # full width, as a font may not show
        with pytest.raises(TeamRefusedError, match="Another team is called"):
            _create("bob", taken)
    with pytest.raises(TeamRefusedError, match="You are in Straße"):
        _create("ann", "Another")


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "ß" * 33, "a\nb", "a\u202eb", "\0"])
def test_name_that_is_none_is_refused(name: str) -> None:
    make_phases()
    with pytest.raises(TeamRefusedError, match="1 to 64 printable"):
        _create("ann", name)


def test_name_of_somebody_else_is_refused_and_a_members_is_not() -> None:
    make_phases()
    make_user("eve")
    _merge("ann", "bob")
    team_id, ann = _part("ann").team_id, make_user("ann")
    for name, fits in (("EVE", False), ("Bob", True)):
        with db.transaction() as session:
            demo = competitions.find_competition(session, "demo")
            if fits:
                teams.rename(session, demo, team_id, ann, name)
            else:
                with pytest.raises(TeamRefusedError, match="somebody's name"):
                    teams.rename(session, demo, team_id, ann, name)


@on_both_databases
def test_two_teams_that_take_a_name_at_once_are_told_apart() -> None:
    make_phases()
    for name in ("ann", "bob"):
        join(name)
    results = at_once(lambda: _create("ann", "Lethe"), lambda: _create("bob", "lethe"))
    assert sorted(type(one).__name__ for one in results) == ["Team", "TeamRefusedError"]


def test_user_whose_name_a_team_has_enters_all_the_same() -> None:
    make_phases()
    _create("ann", "zoe")
    join("zoe")
    assert [name.partition("-")[0] for name in _listed()] == ["zoe", "zoe"]


@on_both_databases
def test_accepting_moves_members_and_submissions_and_ends_other_invitations() -> None:
    make_phases()
    for name in ("ann", "bob", "cyd"):
        join(name)
    mine = upload("bob")
    other = _invite("cyd", "bob")
    assert _invite("ann", "bob") == _invite("ann", "bob"), "asking twice is asking once"
    team = _accept("bob", _invite("ann", "bob"))
    assert team.id == _part("ann").team_id == _part("bob").team_id == fetch(mine.id).team_id
    assert _listed() == {"cyd": ["cyd"], "ann": ["ann", "bob"]}
    with pytest.raises(NotFoundError):
        _accept("bob", other)


def test_only_captains_invite_accept_decline_and_withdraw() -> None:
    make_phases()
    _merge("ann", "bob")
    join("cyd")
    with pytest.raises(NotAllowedError, match="captain"):
        _invite("bob", "cyd")
    invitation_id = _invite("ann", "cyd")
    for name in ("bob", "ann"):
        with pytest.raises(NotFoundError):
            _accept(name, invitation_id)
    for name, end in (("cyd", invitations.withdraw), ("ann", invitations.decline)):
        with pytest.raises(NotFoundError), db.transaction() as session:
            end(session, competitions.find_competition(session, "demo"), invitation_id, make_user(name))
    ann = make_user("ann")
    with db.transaction() as session:
        invitations.withdraw(session, competitions.find_competition(session, "demo"), invitation_id, ann)
    with pytest.raises(NotFoundError):
        _accept("cyd", invitation_id)


def test_invitation_of_nobody_or_of_a_member_is_refused() -> None:
    make_phases()
    _merge("ann", "bob")
    make_user("eve")
    join("dan")
    _set_state("dan", ParticipantState.BANNED)
    for name in ("eve", "nobody", "dan"):
        with pytest.raises(NotFoundError, match=f"Nobody called `{name}`"):
            _invite("ann", name)
    with pytest.raises(TeamRefusedError, match="in the team already"):
        _invite("ann", "bob")


def test_nothing_changes_after_the_team_deadline() -> None:
    make_phases()
    team_id = _merge("ann", "bob")
    join("cyd")
    invitation_id = _invite("ann", "cyd")
    _change(team_deadline=utc_now() - timedelta(seconds=1))
    for change in (
        lambda: _invite("ann", "cyd"),
        lambda: _accept("cyd", invitation_id),
        lambda: _create("cyd", "Late"),
        lambda: _leave("bob", "bob"),
    ):
        with pytest.raises(TeamRefusedError, match="Teams could change until"):
            change()
    assert _part("bob").team_id == team_id


def test_captain_who_leaves_hands_over_to_the_oldest_member() -> None:
    make_phases()
    team_id = _merge("ann", "bob", "cyd")
    _leave("ann", "ann")
    with db.reading() as session:
        assert session.get_one(Team, team_id).captain_id == make_user("bob").id
    assert _part("ann").team.is_solo
    assert sorted(_listed().values()) == [["ann"], ["bob", "cyd"]]


def test_captain_removes_members_and_members_do_not() -> None:
    make_phases()
    _merge("ann", "bob", "cyd")
    with pytest.raises(NotAllowedError):
        _leave("cyd", "bob")
    _leave("cyd", "ann")
    with pytest.raises(NotFoundError), db.transaction() as session:
        demo = competitions.find_competition(session, "demo")
        teams.leave(session, demo, _part("ann").team_id, "cyd", make_user("ann"))
    _leave("bob", "bob")
    with pytest.raises(TeamRefusedError, match="alone"):
        _leave("ann", "ann")


def test_nobody_leaves_a_team_that_has_submitted_unless_an_organizer_says_so() -> None:
    make_phases()
    team_id = _merge("ann", "bob")
    submission = upload("bob")
    with pytest.raises(TeamRefusedError, match="submissions that count"):
        _leave("bob", "bob")
    with db.transaction() as session:
        submissions.cancel(session, submission.id, actor=make_user("bob"))
    upload("ann", 2)
    olga = make_user("olga")
    with db.transaction() as session:
        demo = competitions.find_competition(session, "demo")
        session.add(Organizer(competition_id=demo.id, user_id=olga.id))
    _leave("bob", "olga")
    assert _part("bob").team_id != team_id == fetch(submission.id).team_id


def test_teams_are_not_too_large_and_the_banned_keep_their_place() -> None:
    make_phases(max_team_size=2)
    _merge("ann", "bob")
    join("cyd")
    _set_state("bob", ParticipantState.BANNED)
    with pytest.raises(TeamRefusedError, match="3 members; at most 2"):
        _invite("ann", "cyd")


@on_both_databases
def test_size_limit_holds_when_all_accept_at_once() -> None:
    make_phases(max_team_size=3)
    names = ("bob", "cyd", "dan", "eve")
    for name in ("ann", *names):
        join(name)
    ids = [_invite("ann", name) for name in names]
    results = at_once(*(lambda n=name, i=one: _accept(n, i) for name, one in zip(names, ids, strict=True)))
    assert sorted(type(one).__name__ for one in results) == ["Team"] * 2 + ["TeamRefusedError"] * 2
    assert max(len(members) for members in _listed().values()) == 3


@on_both_databases
def test_two_captains_who_accept_each_other_at_once_are_one_team() -> None:
    make_phases()
    for name in ("ann", "bob"):
        join(name)
    to_bob, to_ann = _invite("ann", "bob"), _invite("bob", "ann")
    results = at_once(lambda: _accept("bob", to_bob), lambda: _accept("ann", to_ann))
    assert sorted(type(one).__name__ for one in results) == ["NotFoundError", "Team"]
    assert list(map(sorted, _listed().values())) == [["ann", "bob"]]


@on_both_databases
def test_upload_while_teams_merge_is_the_merged_teams() -> None:
    make_phases()
    for name in ("ann", "bob"):
        join(name)
    invitation_id = _invite("ann", "bob")
    results = at_once(
        lambda: _accept("bob", invitation_id), *(lambda n=n: upload("bob", n) for n in range(5))
    )
    assert not [one for one in results if isinstance(one, LetheError)]
    with db.reading() as session:
        assert {one.team_id for one in session.query(Submission)} == {_part("ann").team_id}


def test_merging_multiplies_no_quota() -> None:
    make_phases({"quotas": {"per_day": 2}, "start": utc_now() - timedelta(days=1)}, {"quotas": {"total": 1}})
    for name in ("ann", "bob"):
        join(name)
        for number in (1, 2):
            upload(name, number)
    invitation_id = _invite("ann", "bob")
    for name in ("ann", "bob"):
        upload(name, phase="p1")
    with pytest.raises(TeamRefusedError, match="2 submissions that count in P1; one team could have made 1"):
        _accept("bob", invitation_id)
    with db.transaction() as session:
        competitions.find_phase(session, "demo", "p1").quotas = {}
    _accept("bob", invitation_id)  # 4 in two days is what one team could have done


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.postgres
def test_rerun_that_begins_while_teams_merge_is_the_merged_teams(installation: object) -> None:
    make_phases()
    join("ann")
    old, olga = finished("bob"), make_user("olga")
    invitation_id = _invite("ann", "bob")
    merging = threading.Thread(target=_accept, args=("bob", invitation_id))
    with db.transaction() as session:
        again = reruns.rerun(session, old.id, actor=olga)
        merging.start()
        merging.join(0.3)
        assert merging.is_alive()
    merging.join()
    assert fetch(again.id).team_id == fetch(old.id).team_id == _part("ann").team_id
