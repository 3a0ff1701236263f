"""Reruns, disqualification and cancellation: what counts afterwards, and what stays as it was."""

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import select

from core import baselines, db, reruns, shards, submissions
from core.errors import CancellationRefusedError, IllegalTransitionError, LeaseLostError, RerunRefusedError
from core.leaderboard import leaderboard
from core.lifecycle import PhaseState, SubmissionState, Verdict
from core.models import AuditEvent, Organizer, Phase, Shard, Submission, User
from tests.support.rules import at_once, fetch, finish, finished, make_phases, make_user, run, upload

pytestmark = pytest.mark.usefixtures("home", "sent")
on_both_databases = pytest.mark.usefixtures("installation")


def _rerun(submission_id: UUID) -> Submission:
    olga = make_user("olga")
    with db.transaction() as session:
        return reruns.rerun(session, submission_id, actor=olga, reason="the GPU was faulty")


def _cancel(submission_id: UUID, name: str = "ann") -> None:
    user = make_user(name)
    with db.transaction() as session:
        submissions.cancel(session, submission_id, actor=user)


def _cancel_as_organizer(submission_id: UUID) -> None:
    with db.transaction() as session:
        admin = session.get_one(User, make_user("olga").id)
        admin.is_admin = True
        submissions.cancel(session, submission_id, actor=admin)


def _audited() -> list[str]:
    with db.reading() as session:
        return list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.at)))


@on_both_databases
def test_rerun_takes_the_place_of_the_old_one_when_it_has_finished() -> None:
    make_phases()
    old = finished("ann", score=0.9)
    with db.transaction() as session:
        session.get_one(Submission, old.id).selected_at = old.created_at
    again = _rerun(old.id)
    assert (again.team_id, again.user_id, again.rerun_of_id) == (old.team_id, old.user_id, old.id)
    assert fetch(old.id).superseded_at is None
    assert upload("ann").id == old.id, "until then the old one is the answer for these bytes"
    finish(again.id)
    assert fetch(old.id).superseded_at is not None
    assert fetch(old.id).selected_at is None
    assert fetch(again.id).selected_at == old.created_at
    assert upload("ann").id == again.id
    assert _audited() == ["submission.rerun"]


def test_rerun_that_fails_by_its_own_fault_counts_too() -> None:
    make_phases()
    old = finished("ann")
    again = _rerun(old.id)
    run(again.id, Verdict.TIMEOUT)
    assert fetch(old.id).superseded_at is not None


@pytest.mark.parametrize("end", [lambda one: run(one, Verdict.PLATFORM_ERROR), _cancel_as_organizer])
def test_rerun_that_the_platform_failed_at_or_was_cancelled_changes_nothing(
    end: Callable[[UUID], None],
) -> None:
    make_phases()
    old = finished("ann")
    end(_rerun(old.id).id)
    assert fetch(old.id).superseded_at is None
    assert upload("ann").id == old.id
    _rerun(old.id)


def test_team_cannot_keep_a_rerun_from_taking_place() -> None:
    make_phases()
    again = _rerun(finished("ann").id)
    with pytest.raises(CancellationRefusedError, match="only they"):
        _cancel(again.id)
    assert fetch(again.id).state is SubmissionState.QUEUED


def test_rerun_of_a_platform_error_is_the_answer_for_its_bytes_at_once() -> None:
    make_phases({"quotas": {"total": 1}})
    old = upload("ann")
    run(old.id, Verdict.PLATFORM_ERROR)
    again = _rerun(old.id)
    assert upload("ann").id == again.id


def test_disqualification_moves_along_and_can_be_taken_back() -> None:
    make_phases()
    old, olga = finished("ann"), make_user("olga")
    with db.transaction() as session:
        reruns.disqualify(session, old.id, actor=olga, reason="It reads the test set.")
    again = _rerun(old.id)
    finish(again.id)
    assert fetch(again.id).disqualified_reason == "It reads the test set."
    with db.transaction() as session:
        reruns.restore(session, again.id, actor=olga, reason="It does not.")
        reruns.restore(session, again.id, actor=olga)
    assert fetch(again.id).disqualified_at is None
    assert _audited() == ["submission.disqualify", "submission.rerun", "submission.restore"]


@on_both_databases
def test_rerun_of_a_baseline_is_the_baseline_and_never_ranks() -> None:
    make_phases()
    old, olga = finished("ann", score=0.9), make_user("olga")
    with db.transaction() as session:
        baselines.mark(session, old.id, name="fine-tuning", actor=olga)
    again = _rerun(old.id)
    finish(again.id)
    with db.reading() as session:
        found = leaderboard(session, session.get_one(Phase, old.phase_id))
    assert found.rows == []
    assert [(row.name, row.submission_id) for row in found.baselines] == [("fine-tuning", again.id)]


def test_rerun_is_refused_while_it_makes_no_sense() -> None:
    make_phases()
    old = upload("ann")
    with pytest.raises(RerunRefusedError, match="The submission is queued"):
        _rerun(old.id)
    finish(old.id)
    with db.transaction() as session:
        session.get_one(Phase, old.phase_id).state = PhaseState.BROKEN
    with pytest.raises(RerunRefusedError, match="P0 is broken"):
        _rerun(old.id)
    with db.transaction() as session:
        session.get_one(Phase, old.phase_id).state = PhaseState.READY
    again = _rerun(old.id)
    with pytest.raises(RerunRefusedError, match="being run again already"):
        _rerun(old.id)
    finish(again.id)
    with pytest.raises(RerunRefusedError, match="run the one that took its place"):
        _rerun(old.id)
    _rerun(again.id)


@on_both_databases
def test_two_organizers_at_once_run_it_again_once() -> None:
    make_phases()
    old = finished("ann")
    make_user("olga")
    results = at_once(lambda: _rerun(old.id), lambda: _rerun(old.id))
    assert sorted(type(one).__name__ for one in results) == ["RerunRefusedError", "Submission"]


def test_cancelled_submission_ends_its_shards_and_its_worker_loses_the_lease() -> None:
    make_phases()
    submission = upload("ann")
    with db.transaction() as session:
        shard_id = session.scalars(select(Shard.id).where(Shard.submission_id == submission.id)).one()
        assert shards.take(session, shard_id, holder="w") is not None
        submissions.begin(session, submission.id)
    _cancel(submission.id)
    cancelled = fetch(submission.id)
    assert (cancelled.state, cancelled.verdict) == (SubmissionState.CANCELLED, None)
    assert cancelled.ended_at is not None
    with db.transaction() as session:
        assert not submissions.is_wanted(session, submission.id)
        assert not submissions.begin(session, submission.id)
        with pytest.raises(LeaseLostError):
            shards.renew(session, shard_id, holder="w")


def test_what_is_scored_or_has_ended_cannot_be_cancelled() -> None:
    make_phases()
    submission = upload("ann")
    run(submission.id)
    with pytest.raises(CancellationRefusedError, match="too late: the submission is scoring"):
        _cancel(submission.id)
    finish(submission.id)
    with pytest.raises(CancellationRefusedError, match="too late: the submission is finished"):
        _cancel(submission.id)


def test_cancellation_by_an_organizer_is_written_down_and_by_its_team_is_not() -> None:
    make_phases()
    mine, other = upload("ann", 1), upload("ann", 2)
    _cancel(mine.id)
    assert _audited() == []
    olga = make_user("olga")
    with db.transaction() as session:
        phase = session.get_one(Phase, mine.phase_id)
        session.add(Organizer(competition_id=phase.competition_id, user_id=olga.id))
    _cancel(other.id, "olga")
    assert _audited() == ["submission.cancel"]


@on_both_databases
def test_cancelling_while_the_last_run_ends_is_one_or_the_other() -> None:
    make_phases()
    submission = upload("ann")
    results = at_once(lambda: _cancel(submission.id), lambda: run(submission.id))
    state = fetch(submission.id).state
    assert not [one for one in results if isinstance(one, IllegalTransitionError)]
    assert state in {SubmissionState.CANCELLED, SubmissionState.SCORING}
    assert isinstance(results[0], CancellationRefusedError) is (state is SubmissionState.SCORING)
