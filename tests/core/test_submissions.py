"""The walk of a submission through its states, and what never happens twice."""

import threading
from io import BytesIO
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from core import accounts, db, queue, runs, submissions, teams
from core.bundle import applying
from core.errors import (
    IllegalTransitionError,
    InvalidSubmissionError,
    NotAuthenticatedError,
    NotFoundError,
    PhaseClosedError,
    UploadTooLargeError,
)
from core.intake import Upload
from core.lifecycle import SubmissionState, Verdict, check_transition
from core.models import Participant, Phase, Run, Score, Shard, Submission, User, Work, utc_now
from core.storage import storage
from core.submissions import RunResult
from tests.support.competition import HONEST, make_phase, make_submission, numbers, read_submission
from tests.support.rules import make_user

pytestmark = pytest.mark.usefixtures("installation")

OK = RunResult(Verdict.OK, seconds=1.0, evaluation_sha256="0" * 64)


def _record(submission_id: UUID, run_index: int, result: RunResult = OK) -> None:
    with db.transaction() as session:
        submissions.begin(session, submission_id)
        submissions.record_run(session, submission_id, run_index, result)


def test_accept_stores_source_and_queues_every_run_after_the_commit(sent: list[queue.Message]) -> None:
    submission = make_submission(make_phase(runs_per_shard=3))
    assert submission.state is SubmissionState.QUEUED
    assert storage().get(submission.source_sha256) == HONEST
    with db.reading() as session:
        parts = session.execute(select(Shard.start, Shard.stop).where(Shard.submission_id == submission.id))
        assert sorted(tuple(part) for part in parts) == [(0, 3), (3, 4)]
    assert [message.queue for message in sent][-2:] == [queue.RUNS_QUEUE] * 2


def test_accept_rolled_back_sends_nothing(sent: list[queue.Message]) -> None:
    phase = make_phase()
    sent.clear()
    with pytest.raises(RuntimeError), db.transaction() as session:
        owner = accounts.create_user(session, "ann").user
        submissions.accept(session, session.get_one(Phase, phase.id), owner, Upload("a.py", BytesIO(HONEST)))
        raise RuntimeError
    assert sent == []
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Submission)) == 0


def test_accept_with_broker_down_keeps_the_submission() -> None:
    submission = make_submission(make_phase())
    assert read_submission(submission.id).state is SubmissionState.QUEUED
    with db.reading() as session:
        sent_at = session.scalars(select(Shard.sent_at).where(Shard.submission_id == submission.id)).all()
    assert sent_at == [None], "the sweeper must send it as soon as the broker is back"


def test_accept_same_bytes_is_the_same_submission(sent: list[queue.Message]) -> None:
    phase = make_phase()
    first = make_submission(phase)
    sent.clear()
    assert make_submission(phase).id == first.id
    assert sent == []
    assert make_submission(phase, user="bob").id != first.id


def test_accept_same_bytes_after_platform_error_counts_anew() -> None:
    phase = make_phase()
    first = make_submission(phase)
    with db.transaction() as session:
        submissions.give_up(session, first.id)
    assert read_submission(first.id).verdict is Verdict.PLATFORM_ERROR
    assert make_submission(phase).id != first.id


def test_accept_same_bytes_at_once_is_one_submission(sent: list[queue.Message]) -> None:
    phase = make_phase()
    with db.transaction() as session:
        owner = accounts.create_user(session, "ann").user
    start = threading.Barrier(4)

    def upload() -> None:
        start.wait()
        with db.transaction() as session:
            submissions.accept(
                session, session.get_one(Phase, phase.id), owner, Upload("a.py", BytesIO(HONEST))
            )

    threads = [threading.Thread(target=upload) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Submission)) == 1


@pytest.mark.parametrize(
    ("changes", "upload", "error"),
    [
        ({}, Upload("a.txt", BytesIO(HONEST)), InvalidSubmissionError),
        ({}, Upload("a.py", BytesIO(b"x = 1")), InvalidSubmissionError),
        ({"limits": {"upload_bytes": 10}}, Upload("a.py", BytesIO(HONEST)), UploadTooLargeError),
        ({"end": "2001-01-01T00:00:00Z"}, Upload("a.py", BytesIO(HONEST)), PhaseClosedError),
        ({"start": "2199-01-01T00:00:00Z"}, Upload("a.py", BytesIO(HONEST)), PhaseClosedError),
        ({"ready": False}, Upload("a.py", BytesIO(HONEST)), PhaseClosedError),
    ],
)
def test_accept_refuses(changes: dict[str, object], upload: Upload, error: type[Exception]) -> None:
    phase = make_phase(**changes)  # type: ignore[arg-type]
    with pytest.raises(error), db.transaction() as session:
        owner = accounts.create_user(session, "ann").user
        submissions.accept(session, session.get_one(Phase, phase.id), owner, upload)


def test_last_run_enqueues_scoring_once_and_score_finishes(sent: list[queue.Message]) -> None:
    submission = make_submission(make_phase())
    for run_index in (0, 1, 2):
        _record(submission.id, run_index)
    assert read_submission(submission.id).state is SubmissionState.RUNNING
    sent.clear()
    _record(submission.id, 3)
    (message,) = sent
    assert message.queue == queue.SCORING_QUEUE
    with db.reading() as session:
        left = session.scalars(
            select(Shard).where(Shard.submission_id == submission.id, Shard.done.is_(False))
        )
        assert [(shard.id, shard.work) for shard in left] == [(message.shard_id, Work.SCORING)]
    for _ in range(2):
        with db.transaction() as session:
            submissions.record_score(session, submission.id, Score(**numbers(0.1)))
    finished = read_submission(submission.id)
    assert (finished.state, finished.verdict) == (SubmissionState.FINISHED, Verdict.OK)
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Score)) == 1
        assert all(session.scalars(select(Shard.done).where(Shard.submission_id == submission.id)))


def test_record_run_twice_stores_it_once() -> None:
    submission = make_submission(make_phase())
    _record(submission.id, 0)
    _record(submission.id, 0, RunResult(Verdict.TIMEOUT, seconds=9.0, message="too slow"))
    with db.reading() as session:
        (run,) = session.scalars(select(Run)).all()
    assert run.verdict is Verdict.OK
    assert read_submission(submission.id).state is SubmissionState.RUNNING


def test_failed_run_fails_the_submission_names_the_run_and_ends_its_shards() -> None:
    submission = make_submission(make_phase(runs_per_shard=2))
    _record(submission.id, 2, RunResult(Verdict.TIMEOUT, seconds=9.0, message="it took over 9 s"))
    failed = read_submission(submission.id)
    assert (failed.state, failed.verdict) == (SubmissionState.FAILED, Verdict.TIMEOUT)
    assert failed.message == "Run 2: it took over 9 s"
    _record(submission.id, 3)
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Run)) == 1
        assert all(session.scalars(select(Shard.done)))
        assert not submissions.is_wanted(session, submission.id)


def test_record_run_hostile_text_is_stored_without_what_databases_refuse() -> None:
    submission = make_submission(make_phase(show_logs=True))
    hostile = "a\0b\ud800c" + "x" * 10_000
    _record(submission.id, 0, RunResult(Verdict.NONZERO_EXIT, seconds=1.0, message=hostile, log=hostile))
    failed = read_submission(submission.id)
    assert failed.message.startswith("Run 0: a\N{REPLACEMENT CHARACTER}b?cxxx")
    assert len(failed.message) == 4000
    with db.reading() as session:
        assert len(runs.list_runs(session, submission.id)[0].log) == len(hostile)


@pytest.mark.parametrize(("show_logs", "stored"), [(True, "a face"), (False, "")])
def test_record_run_keeps_a_log_only_where_the_phase_shows_it(show_logs: bool, stored: str) -> None:
    submission = make_submission(make_phase(show_logs=show_logs))
    _record(submission.id, 0, RunResult(Verdict.OK, seconds=1.0, evaluation_sha256="0" * 64, log="a face"))
    with db.reading() as session:
        assert runs.list_runs(session, submission.id, with_logs=True)[0].log == stored


def test_run_seed_depends_on_secret_submission_and_index() -> None:
    one, other = uuid4(), uuid4()
    seeds = {
        runs.run_seed(secret, submission, index)
        for secret in (b"a" * 32, b"b" * 32)
        for submission in (one, other)
        for index in range(8)
    }
    assert len(seeds) == 32
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert runs.run_seed(b"a" * 32, one, 3) == runs.run_seed(b"a" * 32, one, 3)


def test_check_transition_backwards_raises() -> None:
    with pytest.raises(IllegalTransitionError):
        check_transition(SubmissionState.FINISHED, SubmissionState.RUNNING)


def test_upload_to_a_phase_that_was_deleted_meanwhile_is_told_so() -> None:
    phase, user = make_phase(), make_user("ann")
    with db.transaction() as session:
        applying.delete_competition(session, phase.competition_id, actor=user)
    with pytest.raises(NotFoundError, match="deleted"), db.transaction() as session:
        submissions.accept(session, phase, user, Upload("a.py", BytesIO(HONEST)))


def test_account_that_was_deleted_meanwhile_submits_nothing_and_enters_nowhere() -> None:
    phase, user = make_phase(), make_user("ann")
    with db.transaction() as session:
        session.get_one(User, user.id).deleted_at = utc_now()
    with pytest.raises(NotAuthenticatedError, match="not there any more"), db.transaction() as session:
        submissions.accept(session, phase, user, Upload("a.py", BytesIO(HONEST)))
    with pytest.raises(NotAuthenticatedError), db.transaction() as session:
        teams.join(session, phase.competition, user, accepts_terms=True)
    with db.reading() as session:
        assert session.scalars(select(Participant)).all() == []
