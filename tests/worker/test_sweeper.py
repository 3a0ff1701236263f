"""What the sweeper sends again, and when the platform gives up."""

import threading
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from core import db, queue, shards, submissions
from core.errors import LeaseLostError
from core.lifecycle import PhaseState, SubmissionState, Verdict
from core.models import Phase, Shard, Submission, Work, utc_now
from tests.support.competition import make_phase, make_submission, read_submission
from worker import submission_runs, sweeper, tasks
from worker.lease import Lease


@pytest.fixture(autouse=True)
def _empty_queues(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "length", lambda _: 0)


def _shard_of(submission: Submission) -> UUID:
    with db.reading() as session:
        found = session.scalars(select(Shard.id).where(Shard.submission_id == submission.id)).first()
    assert found is not None
    return found


def _forget_messages() -> None:
    with db.transaction() as session:
        for shard in session.scalars(select(Shard)):
            shard.sent_at = None


def test_sweep_sends_a_shard_whose_message_was_lost(sent: list[queue.Message]) -> None:
    shard_id = _shard_of(make_submission(make_phase()))
    sent.clear()
    sweeper.sweep()
    assert sent == []
    _forget_messages()
    sweeper.sweep()
    assert sent == [queue.Message(queue.RUNS_QUEUE, shard_id)]


@pytest.mark.parametrize(("device", "name"), [("cpu", queue.RUNS_QUEUE), ("cuda", queue.CUDA_QUEUE)])
def test_sweep_knows_by_an_empty_queue_that_a_message_was_lost(
    sent: list[queue.Message], device: str, name: str
) -> None:
    shard_id = _shard_of(make_submission(make_phase(limits={"device": device})))
    with db.transaction() as session:
        session.get_one(Shard, shard_id).sent_at = utc_now() - timedelta(minutes=1)
    sent.clear()
    sweeper.sweep()
    assert sent == [queue.Message(name, shard_id)]


@pytest.mark.parametrize("work", [Work.SCORING, Work.BASELINES])
def test_work_that_always_fails_ends_in_a_platform_error(
    sent: list[queue.Message], monkeypatch: pytest.MonkeyPatch, work: Work
) -> None:
    def explode(_: Lease) -> None:
        raise ValueError("a stored evaluation is damaged")

    monkeypatch.setitem(tasks._DO, work, explode)
    phase = make_phase()
    submission = make_submission(phase)
    with db.transaction() as session:
        shards.end_all(session, submission.id)
        session.get_one(Submission, submission.id).state = SubmissionState.SCORING
        session.get_one(Phase, phase.id).state = PhaseState.PREPARING
        owner = submission.id if work is Work.SCORING else None
        shards.add(session, Shard(work=work, phase_id=phase.id, submission_id=owner, start=0, stop=1))
    assert sent[-1].queue == queue.SCORING_QUEUE
    for _ in range(5):
        tasks.work_on_shard(str(sent[-1].shard_id))
        sweeper.sweep()
    if work is Work.SCORING:
        assert read_submission(submission.id).verdict is Verdict.PLATFORM_ERROR
    else:
        with db.reading() as session:
            assert session.get_one(Phase, phase.id).state is PhaseState.BROKEN
    count = len(sent)
    sweeper.sweep()
    assert len(sent) == count


def test_shard_that_fails_three_times_is_a_platform_error(
    sent: list[queue.Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(_: Lease) -> None:
        raise RuntimeError("the disk is gone")

    monkeypatch.setitem(tasks._DO, Work.RUNS, explode)
    submission = make_submission(make_phase())
    shard_id = _shard_of(submission)
    for _ in range(3):
        assert read_submission(submission.id).verdict is None
        tasks.work_on_shard(str(shard_id))
    failed = read_submission(submission.id)
    assert failed.verdict is Verdict.PLATFORM_ERROR
    assert "disk" not in failed.message


def test_lease_taken_over_is_noticed(sent: list[queue.Message], monkeypatch: pytest.MonkeyPatch) -> None:
    shard_id = _shard_of(make_submission(make_phase()))
    lease = Lease.take(shard_id)
    assert lease is not None
    assert Lease.take(shard_id) is None
    renewed = threading.Event()
    renew = shards.renew
    monkeypatch.setattr(shards, "renew", lambda *args, **kw: (renewed.set(), renew(*args, **kw)))
    monkeypatch.setattr("worker.lease._RENEWALS_PER_TTL", 6000)
    with db.transaction() as session:
        shards.release_node(session, "local")
    with lease, pytest.raises(LeaseLostError):
        assert renewed.wait(10)
        while True:
            lease.check()


def test_submission_runs_of_an_ended_submission_do_nothing(sent: list[queue.Message]) -> None:
    submission = make_submission(make_phase())
    shard_id = _shard_of(submission)
    with db.transaction() as session:
        held = shards.take(session, shard_id, holder="x:1")
        assert held is not None
        submissions.give_up(session, submission.id)
    lease = Lease(held, "x:1")
    submission_runs.run_shard(lease)
    assert read_submission(submission.id).verdict is Verdict.PLATFORM_ERROR


def test_task_whose_lease_is_lost_while_it_fails_ends_quietly(
    sent: list[queue.Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_and_explode(lease: Lease) -> None:
        with db.transaction() as session:
            shards.end_all(session, submission.id)
        raise RuntimeError("too late")

    submission = make_submission(make_phase())
    monkeypatch.setitem(tasks._DO, Work.RUNS, lose_and_explode)
    tasks.work_on_shard(str(_shard_of(submission)))
