"""The clock of phases: opening and closing to the second, noted once; migration exactly once."""

import threading
from datetime import datetime, timedelta, timezone
from io import BytesIO
from uuid import UUID

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from core import advancing, competitions, db, phases, reruns, submissions
from core.bundle.spec import PhaseSpec
from core.errors import MigrationRefusedError, PhaseClosedError
from core.intake import Upload
from core.lifecycle import BoardRule, ParticipantState, PhaseState, SubmissionState, Verdict
from core.models import AuditEvent, Participant, Phase, Submission, utc_now
from tests.support.competition import HONEST
from tests.support.rules import (
    CLOSES,
    OPENS,
    at_once,
    fetch,
    finish,
    finished,
    make_phases,
    make_user,
    run,
    upload,
)

pytestmark = pytest.mark.usefixtures("home", "sent")
on_both_databases = pytest.mark.usefixtures("installation")

FIRST = {"start": OPENS, "end": CLOSES}
SECOND = {"start": CLOSES, "uploads": False, "auto_migrate_to_this_phase": True}
DURING, AFTER = OPENS + timedelta(days=1), CLOSES + timedelta(seconds=1)


def _advance(now: datetime) -> None:
    with db.transaction() as session:
        phases.advance(session, now)


def _actions() -> list[tuple[str, str]]:
    with db.reading() as session:
        found = session.scalars(
            select(AuditEvent).where(AuditEvent.actor_id.is_(None)).order_by(AuditEvent.at)
        )
        return [(one.action, one.target) for one in found]


def _migrated(phase: str = "p1") -> list[UUID]:
    """Return where the submissions of a phase came from, in the order in which they count as submitted."""
    with db.reading() as session:
        query = select(Submission.origin_id).join(Phase).where(Phase.slug == phase)
        return [one for one in session.scalars(query.order_by(Submission.created_at)) if one is not None]


def _select(*chosen: Submission) -> None:
    with db.transaction() as session:
        for one in chosen:
            session.get_one(Submission, one.id).selected_at = utc_now()


def _change(slug: str, **changes: object) -> None:
    with db.transaction() as session:
        phase = competitions.find_phase(session, "demo", slug)
        for name, value in changes.items():
            setattr(phase, name, value)


@given(
    offset=st.integers(-14 * 60, 14 * 60),
    # The hours around the changes of daylight saving in Europe, and any others.
    start=st.sampled_from([datetime(2023, 3, 26, 0, 30), datetime(2023, 10, 29, 0, 30)])
    | st.datetimes(datetime(2001, 1, 1), datetime(2100, 1, 1)),
    seconds=st.integers(1, 200_000),
    beside=st.sampled_from([-1, 0, 1]) | st.integers(-(10**10), 10**10),
    at_end=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_phase_is_open_from_its_start_up_to_its_end_by_the_microsecond(
    offset: int, start: datetime, seconds: int, beside: int, *, at_end: bool
) -> None:
    opens = start.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=offset)))
    written = {"slug": "a", "name": "A", "n_models": 3, "dataset": {"kind": "synthetic"}}
    closes = opens + timedelta(seconds=seconds)
    spec = PhaseSpec.model_validate(written | {"start": opens.isoformat(), "end": closes.isoformat()})
    phase = Phase(title="A", opens_at=spec.start, closes_at=spec.end, uploads=True, state=PhaseState.READY)
    now = (closes if at_end else opens) + timedelta(microseconds=beside)
    with time_machine.travel(now, tick=False):
        if opens <= now < closes:
            competitions.check_open(phase)
        else:
            with pytest.raises(PhaseClosedError, match="opens at" if now < opens else "closed at"):
                competitions.check_open(phase)


def test_phase_without_uploads_says_why() -> None:
    make_phases(FIRST, SECOND)
    with (
        time_machine.travel(AFTER),
        pytest.raises(PhaseClosedError, match="P1 takes no uploads"),
    ):
        upload("ann", phase="p1")


@on_both_databases
def test_opening_and_closing_are_noted_once_each() -> None:
    make_phases(FIRST)
    for now in (OPENS - timedelta(microseconds=1), OPENS, DURING, CLOSES, AFTER, DURING, AFTER):
        _advance(now)
    assert _actions() == [("phase.opened", "phase p0"), ("phase.closed", "phase p0")]


def test_clock_that_is_set_back_reopens_nothing_and_an_organizer_does() -> None:
    make_phases(FIRST)
    _advance(CLOSES)
    with time_machine.travel(CLOSES - timedelta(hours=1)):
        with pytest.raises(PhaseClosedError, match="closed at"):
            upload("ann")
        _change("p0", closes_at=CLOSES + timedelta(days=1))
        upload("ann")
    _advance(CLOSES + timedelta(days=1))
    assert [action for action, _ in _actions()] == ["phase.opened", "phase.closed", "phase.closed"]


@on_both_databases
def test_selected_submissions_migrate_once_when_all_have_ended() -> None:
    make_phases(FIRST, SECOND | {"max_selected": 2})
    with time_machine.travel(DURING):
        chosen = [finished("ann", number, score=0.1 * number) for number in (1, 2, 3)]
        _select(chosen[1], chosen[0])
        best, _ = [finished("bob", number, score=0.1 * number) for number in (2, 1)]
        late = upload("cyd")
        run(upload("dan").id, Verdict.TIMEOUT)
    _advance(AFTER)
    assert _migrated() == [], "one is under way"
    finish(late.id)
    for now in (AFTER, AFTER + timedelta(days=1), DURING, AFTER):
        _advance(now)
    assert _migrated() == [chosen[0].id, chosen[1].id, best.id, late.id], "in the order of the originals"
    with db.reading() as session:
        copies = session.scalars(select(Submission).where(Submission.origin_id.is_not(None))).all()
        assert {one.state for one in copies} == {SubmissionState.QUEUED}
        assert {one.source_sha256 for one in copies} == {
            one.source_sha256 for one in (*chosen[:2], best, late)
        }
    assert [one for one in _actions() if one[0] == "phase.migrate"] == [("phase.migrate", "phase p1")]


def test_migration_waits_for_the_end_and_for_a_phase_that_is_ready() -> None:
    make_phases(FIRST, SECOND)
    with time_machine.travel(DURING):
        finished("ann")
    _advance(CLOSES - timedelta(microseconds=1))
    _change("p1", state=PhaseState.PREPARING)
    _advance(AFTER)
    assert _migrated() == []
    _change("p1", state=PhaseState.READY)
    _advance(AFTER)
    assert len(_migrated()) == 1


def test_what_is_disqualified_superseded_or_of_the_banned_does_not_migrate() -> None:
    make_phases(FIRST, SECOND)
    olga = make_user("olga")
    with time_machine.travel(DURING):
        bad, second = finished("ann", 1, score=0.9), finished("ann", 2, score=0.1)
        old = finished("bob")
        banned = finished("cyd")
        with db.transaction() as session:
            reruns.disqualify(session, bad.id, actor=olga, reason="copied")
            again = reruns.rerun(session, old.id, actor=olga)
            cyd = session.scalars(select(Participant).where(Participant.user_id == banned.user_id)).one()
            cyd.state = ParticipantState.BANNED
        finish(again.id)
    _advance(AFTER)
    assert set(_migrated()) == {second.id, again.id}


def test_of_a_board_of_last_submissions_the_last_migrates() -> None:
    make_phases(FIRST, SECOND)
    _change("p0", board_rule=BoardRule.LAST)
    with time_machine.travel(DURING):
        finished("ann", 1, score=0.9)
        last = finished("ann", 2, score=0.1)
    _advance(AFTER)
    assert _migrated() == [last.id]


def test_only_the_first_selected_go_where_fewer_are_taken() -> None:
    make_phases(FIRST, SECOND)
    with time_machine.travel(DURING):
        one, two = finished("ann", 1), finished("ann", 2, score=0.9)
        _select(one)
        _select(two)
    _advance(AFTER)
    assert _migrated() == [one.id]


@on_both_databases
def test_two_sweepers_at_once_migrate_once() -> None:
    make_phases(FIRST, SECOND)
    with time_machine.travel(DURING):
        origins = [finished("ann"), upload("bob")]
    _advance(AFTER)
    finish(origins[1].id)
    results = at_once(*(lambda: _advance(AFTER) for _ in range(4)))
    assert results == [None] * 4
    assert _migrated() == [one.id for one in origins]
    assert sorted(action for action, _ in _actions()) == sorted(
        ["phase.opened", "phase.closed", "phase.opened", "phase.migrate"]
    )


@on_both_databases
def test_crash_in_the_middle_leaves_nothing_and_the_next_round_does_all() -> None:
    make_phases(FIRST, SECOND)
    with time_machine.travel(DURING):
        origins = [finished(name) for name in ("ann", "bob", "cyd")]
    inserted: list[Submission] = []

    def crash(_mapper: object, _connection: object, submission: Submission) -> None:
        inserted.append(submission)
        if len(inserted) == 2:
            raise KeyboardInterrupt

    event.listen(Submission, "after_insert", crash)
    try:
        with pytest.raises(KeyboardInterrupt):
            _advance(AFTER)
    finally:
        event.remove(Submission, "after_insert", crash)
    assert (_migrated(), _actions()) == ([], [])
    _advance(AFTER)
    assert _migrated() == [one.id for one in origins]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.postgres
def test_upload_that_came_in_time_is_seen_by_the_migration(installation: object) -> None:
    """Its transaction is still open when the phase ends: the migration waits, and finds it under way."""
    make_phases(FIRST, SECOND)
    ann = make_user("ann")
    sweeper = threading.Thread(target=_advance, args=(AFTER,))
    with time_machine.travel(DURING, tick=False), db.transaction() as session:
        phase = competitions.find_phase(session, "demo", "p0")
        late = submissions.accept(session, phase, ann, Upload("a.py", BytesIO(HONEST))).submission
        sweeper.start()
        sweeper.join(0.3)
        assert sweeper.is_alive()
    sweeper.join()
    assert _migrated() == []
    finish(late.id)
    _advance(AFTER)
    assert _migrated() == [late.id]


def test_organizer_migrates_all_or_chosen_ones_and_nothing_twice() -> None:
    make_phases(FIRST, {"start": OPENS}, {"start": OPENS})
    olga = make_user("olga")

    def migrate(phase: str, *ids: UUID) -> list[UUID | None]:
        with db.transaction() as session:
            to = competitions.find_phase(session, "demo", phase)
            taken = advancing.migrate(session, to, list(ids) or None, actor=olga)
            return [one.origin_id for one in taken]

    with time_machine.travel(DURING):
        one, two = finished("ann", 1, score=0.9), finished("ann", 2)
        failed = upload("bob")
        run(failed.id, Verdict.TIMEOUT)
        assert migrate("p1") == [one.id]
        assert migrate("p1") == []
        assert migrate("p1", one.id, two.id) == [two.id]
        assert migrate("p2", one.id) == [one.id], "from any earlier phase"
        for ids in ((failed.id,), (two.id, failed.id), (olga.id,)):
            with pytest.raises(MigrationRefusedError, match=str(ids[-1])):
                migrate("p2", *ids)
        with pytest.raises(MigrationRefusedError, match="first phase"):
            migrate("p0")
        _change("p2", state=PhaseState.PREPARING)
        with pytest.raises(MigrationRefusedError, match="P2 is preparing"):
            migrate("p2")
    assert _migrated("p2") == [one.id]


def test_bytes_that_are_in_the_phase_already_are_not_taken_again() -> None:
    make_phases(FIRST, {"start": OPENS, "auto_migrate_to_this_phase": True})
    with time_machine.travel(DURING):
        finished("ann")
        finished("ann", phase="p1")
    _advance(AFTER)
    assert _migrated() == []


def test_migrated_submission_runs_like_any_other() -> None:
    make_phases(FIRST, SECOND)
    with time_machine.travel(DURING):
        finished("ann")
    _advance(AFTER)
    with db.reading() as session:
        copy = session.scalars(select(Submission.id).where(Submission.origin_id.is_not(None))).one()
    finish(copy)
    assert fetch(copy).state is SubmissionState.FINISHED
