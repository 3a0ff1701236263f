"""Accounts that are deleted while something else of theirs is under way: nothing writes them back."""

import pytest
from sqlalchemy import select

from core import db, deletion, invitations, organizers, passwords, teams
from core.errors import LastOrganizerError, NotAuthenticatedError
from core.models import Base, Organizer, Submission, User
from tests.support.rules import competition, join, make_phases, make_user, upload, within

pytestmark = pytest.mark.usefixtures("home", "sent")
on_both_databases = pytest.mark.usefixtures("installation")
_PASSWORD = "a few quiet words"


def _make_owner(name: str) -> User:
    """Return a user with a password, who can delete the account."""
    user = make_user(name)
    with db.transaction() as session:
        session.get_one(User, user.id).password_hash = passwords.hash_of(_PASSWORD)
    return make_user(name)


def _delete(user: User) -> None:
    deletion.delete_account(user, password=_PASSWORD)


def _everything() -> str:
    with db.reading() as session:
        rows = (row for table in Base.metadata.sorted_tables for row in session.execute(select(table)))
        return "\n".join(str(tuple(row)) for row in rows)


@on_both_databases
@pytest.mark.parametrize("takes_part", [False, True], ids=["new", "participant"])
def test_account_deleted_within_an_upload_goes_after_it(
    takes_part: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_phases()
    ann = _make_owner("secretname")
    if takes_part:
        join("secretname")
    uploaded, deleted = within(
        monkeypatch, (teams, "lock_own"), lambda: upload("secretname"), lambda: _delete(ann)
    )
    assert (type(uploaded), deleted) == (Submission, None)
    assert "secretname" not in _everything()


@on_both_databases
@pytest.mark.parametrize("takes_part", [False, True], ids=["new", "participant"])
def test_upload_within_the_deletion_of_its_account_is_refused(
    takes_part: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_phases()
    ann = _make_owner("secretname")
    if takes_part:
        join("secretname")
    deleted, uploaded = within(
        monkeypatch, (deletion, "_leave_teams"), lambda: _delete(ann), lambda: upload("secretname")
    )
    assert (deleted, type(uploaded)) == (None, NotAuthenticatedError)
    assert "secretname" not in _everything()
    with db.reading() as session:
        assert session.scalars(select(Submission)).all() == []


def test_account_that_was_deleted_makes_no_team_and_renames_none() -> None:
    make_phases()
    ann, bob = _make_owner("ann"), _make_owner("bob")
    team_id = join("bob").team_id
    for user in (ann, bob):
        _delete(user)
    with pytest.raises(NotAuthenticatedError), db.transaction() as session:
        teams.create(session, competition(session), ann, "the anns")
    with pytest.raises(NotAuthenticatedError), db.transaction() as session:
        teams.rename(session, competition(session), team_id, bob, "the bobs")
    with pytest.raises(NotAuthenticatedError), db.transaction() as session:
        teams.admit(session, competition(session), ann)


@on_both_databases
def test_team_of_one_that_a_member_is_put_into_meanwhile_loses_the_name_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_phases()
    ann, owner = make_user("ann"), _make_owner("secretname")
    team_id = join("ann").team_id
    join("secretname")
    with db.transaction() as session:
        invitation = invitations.invite(session, competition(session), team_id, ann, "secretname")
        invitations.accept(session, competition(session), invitation.id, owner)

    def remove() -> None:
        with db.transaction() as session:
            teams.leave(session, competition(session), team_id, "secretname", ann)

    results = within(monkeypatch, (teams, "_new_solo_team"), remove, lambda: _delete(owner))
    assert results == [None, None]
    assert "secretname" not in _everything()


def _organize(*names: str) -> None:
    with db.transaction() as session:
        for name in names:
            organizers.add(session, None, competition(session), name)


@on_both_databases
def test_last_organizer_of_a_competition_cannot_delete_the_account() -> None:
    make_phases()
    ann, bob = _make_owner("ann"), _make_owner("bob")
    _organize("ann", "bob")
    _delete(ann)
    with pytest.raises(LastOrganizerError, match="last organizer of Demo; make somebody else one"):
        _delete(bob)
    make_user("cyd")
    _organize("cyd")
    _delete(bob)


@on_both_databases
def test_of_two_organizers_who_delete_their_accounts_at_once_one_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_phases()
    owners = [_make_owner(name) for name in ("ann", "bob")]
    _organize("ann", "bob")
    results = within(
        monkeypatch, (deletion, "_anonymise"), lambda: _delete(owners[0]), lambda: _delete(owners[1])
    )
    assert [type(one) for one in results] == [type(None), LastOrganizerError]
    with db.reading() as session:
        assert len(session.scalars(select(Organizer)).all()) == 1
