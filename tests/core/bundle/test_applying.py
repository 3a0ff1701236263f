"""Competitions and phases that are deleted while somebody enters them: one of both goes first."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from core import audit, db, invitations, passwords, teams
from core.bundle import applying
from core.deletion import delete_account
from core.errors import DeletionRefusedError, NotFoundError
from core.models import Competition, Participant, Phase, Submission, User
from tests.support.rules import competition, join, make_phases, make_user, upload, within

pytestmark = [pytest.mark.usefixtures("installation", "sent")]


def _delete_competition(phase: Phase) -> None:
    actor = make_user("olga")
    with db.transaction() as session:
        applying.delete_competition(session, phase.competition_id, actor=actor)


def _delete_phase(phase: Phase) -> None:
    actor = make_user("olga")
    with db.transaction() as session:
        applying.delete_phase(session, phase.id, actor=actor)


_deletes = pytest.mark.parametrize(
    "delete", [_delete_competition, _delete_phase], ids=["competition", "phase"]
)


@_deletes
def test_upload_within_a_deletion_is_told_that_the_phase_is_gone(
    delete: Callable[[Phase], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = make_phases({}, {})[0]
    make_user("ann")
    deleted, uploaded = within(
        monkeypatch, (applying, "_remove_phases"), lambda: delete(phase), lambda: upload("ann")
    )
    assert (deleted, type(uploaded)) == (None, NotFoundError)


@_deletes
def test_deletion_within_a_first_upload_is_refused(
    delete: Callable[[Phase], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = make_phases({}, {})[0]
    make_user("ann")
    uploaded, deleted = within(monkeypatch, (teams, "admit"), lambda: upload("ann"), lambda: delete(phase))
    assert (type(uploaded), type(deleted)) == (Submission, DeletionRefusedError)


def test_who_joins_within_the_deletion_of_a_competition_is_told_that_it_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    phase = make_phases()[0]
    make_user("ann")
    deleted, joined = within(
        monkeypatch, (audit, "record"), lambda: _delete_competition(phase), lambda: join("ann")
    )
    assert (deleted, type(joined)) == (None, NotFoundError)


def test_competition_that_is_deleted_while_somebody_joins_takes_them_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    phase = make_phases()[0]
    make_user("ann")
    results = within(
        monkeypatch, (teams, "_new_solo_team"), lambda: join("ann"), lambda: _delete_competition(phase)
    )
    assert (type(results[0]), results[1]) == (Participant, None)
    with db.reading() as session:
        assert session.scalars(select(Competition)).all() == session.scalars(select(Participant)).all() == []


def test_account_that_goes_while_its_competition_does_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    phase = make_phases()[0]
    team_id, bob = join("ann").team_id, join("bob").user_id
    with db.transaction() as session:
        session.get_one(User, bob).password_hash = passwords.hash_of("a few quiet words")
        invitations.invite(session, competition(session), team_id, make_user("ann"), "bob")
    owner = make_user("bob")
    results = within(
        monkeypatch,
        (applying, "_all_of"),
        lambda: _delete_competition(phase),
        lambda: delete_account(owner, password="a few quiet words"),
    )
    assert results[0] is None
    assert results[1] is None or isinstance(results[1], NotFoundError)
