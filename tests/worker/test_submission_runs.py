"""Runs of two shards that are recorded at the same time: none is lost, and nobody waits for ever."""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from core import db, queue, runs, shards, submissions
from core.errors import PlatformError
from core.lifecycle import SubmissionState, Verdict
from core.limits import PhaseLimits
from core.models import Phase, Run, Shard
from core.storage import storage
from submissions_sandbox.architectures import Architecture
from tests.support.competition import make_phase, make_submission, read_submission
from worker import submission_runs
from worker.isolation import FreshSandboxes
from worker.lease import Lease
from worker.runner import FinishedRun, RunOutcome, SubmissionRunner
from worker.submission_runs import ShardRuns

pytestmark = pytest.mark.usefixtures("installation")


class _Evaluator:
    def evaluate(self, weights: bytes) -> bytes:
        return b"evaluation of " + weights


class _Runner:
    """Runs nothing: gives the outcome that the test wants, when all shards are there."""

    sandbox = "none"

    def __init__(self, outcome: RunOutcome, together: threading.Barrier) -> None:
        self._outcome, self._together = outcome, together

    def run_each(self, seeds: Iterable[int]) -> Iterator[FinishedRun]:
        for seed in seeds:
            self._together.wait(20)
            yield FinishedRun(seed, self._outcome)


def _leases(submission_id: UUID) -> list[Lease]:
    with db.reading() as session:
        ids = session.scalars(
            select(Shard.id).where(Shard.submission_id == submission_id).order_by(Shard.start)
        ).all()
    leases = [Lease.take(shard_id) for shard_id in ids]
    return [lease for lease in leases if lease is not None]


def _run_together(outcomes: list[RunOutcome]) -> UUID:
    submission = make_submission(make_phase(n_models=len(outcomes), runs_per_shard=1))
    loaded = read_submission(submission.id)
    together = threading.Barrier(len(outcomes))
    errors: list[BaseException] = []

    def work(lease: Lease, outcome: RunOutcome) -> None:
        at_work = ShardRuns(lease, loaded, _Runner(outcome, together), _Evaluator())  # type: ignore[arg-type]
        try:
            submission_runs.run_all(at_work, [lease.shard.start])
        except BaseException as error:
            errors.append(error)

    leases = _leases(submission.id)
    with db.transaction() as session:
        submissions.begin(session, submission.id)
    threads = [threading.Thread(target=work, args=pair) for pair in zip(leases, outcomes, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    return submission.id


def _outcome(verdict: Verdict) -> RunOutcome:
    weights = b"weights" if verdict is Verdict.OK else None
    return RunOutcome(verdict, weights, seconds=1.0, log="", message="")


def test_runs_recorded_together_all_count_and_scoring_is_asked_for_once(sent: list[queue.Message]) -> None:
    submission_id = _run_together([_outcome(Verdict.OK)] * 6)
    assert read_submission(submission_id).state is SubmissionState.SCORING
    with db.reading() as session:
        assert {run.sandbox for run in runs.list_runs(session, submission_id)} == {"none"}
    assert [message.queue for message in sent].count(queue.SCORING_QUEUE) == 1


@pytest.mark.parametrize("attempt", range(5))
def test_failure_recorded_beside_other_runs_deadlocks_nobody(sent: list[queue.Message], attempt: int) -> None:
    outcomes = [_outcome(Verdict.OK)] * 3 + [_outcome(Verdict.TIMEOUT)] + [_outcome(Verdict.OK)] * 2
    submission_id = _run_together(outcomes)
    assert read_submission(submission_id).verdict is Verdict.TIMEOUT


def test_run_of_a_submission_that_has_ended_is_not_recorded(sent: list[queue.Message]) -> None:
    submission = make_submission(make_phase())
    lease = _leases(submission.id)[0]
    with db.transaction() as session:
        shards.end_all(session, submission.id)
        submissions.give_up(session, submission.id)
    outcome = _outcome(Verdict.OK)
    at_work = ShardRuns(
        lease, read_submission(submission.id), _Runner(outcome, threading.Barrier(1)), _Evaluator()
    )  # type: ignore[arg-type]
    submission_runs.run_all(at_work, [0, 1])
    with db.reading() as session:
        assert runs.count_runs(session, submission.id) == 0


class _Overlapping:
    """Gives the outcome of each run, ten seconds long by the clock of the test, after asking for the next."""

    sandbox = "none"

    def __init__(self, clock: list[float], verdicts: list[Verdict]) -> None:
        self.seeds: list[int] = []
        self._clock, self._verdicts = clock, verdicts

    def run_each(self, seeds: Iterable[int]) -> Iterator[FinishedRun]:
        before: FinishedRun | None = None
        for seed in seeds:
            self.seeds.append(seed)
            if before is not None:
                yield before
            self._clock[0] += 10.0
            outcome = replace(_outcome(self._verdicts[len(self.seeds) - 1]), seconds=10.0)
            before = FinishedRun(seed, outcome)
            if outcome.verdict is not Verdict.OK:
                break
        if before is not None:
            yield before


def _run_overlapping(
    monkeypatch: pytest.MonkeyPatch, verdicts: list[Verdict], **limits: float
) -> tuple[UUID, _Overlapping]:
    clock = [0.0]
    monkeypatch.setattr(submission_runs, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    submission = make_submission(make_phase(n_models=8, runs_per_shard=8, limits=PhaseLimits(**limits)))
    (lease,) = _leases(submission.id)
    with db.transaction() as session:
        submissions.begin(session, submission.id)
    runner = _Overlapping(clock, verdicts)
    at_work = ShardRuns(lease, read_submission(submission.id), runner, _Evaluator())  # type: ignore[arg-type]
    submission_runs.run_all(at_work, list(range(8)))
    return submission.id, runner


def _stored(submission_id: UUID) -> list[tuple[int, Verdict]]:
    with db.reading() as session:
        return [(run.run_index, run.verdict) for run in runs.list_runs(session, submission_id)]


def test_each_outcome_is_stored_under_the_index_of_its_seed(
    monkeypatch: pytest.MonkeyPatch, sent: list[queue.Message]
) -> None:
    submission_id, runner = _run_overlapping(monkeypatch, [Verdict.OK] * 8)
    assert _stored(submission_id) == [(index, Verdict.OK) for index in range(8)]
    secret = read_submission(submission_id).phase.secret
    assert runner.seeds == [runs.run_seed(secret, submission_id, index) for index in range(8)]


def test_failed_run_is_named_and_nothing_is_asked_for_after_it(
    monkeypatch: pytest.MonkeyPatch, sent: list[queue.Message]
) -> None:
    verdicts = [Verdict.OK, Verdict.OK, Verdict.OUT_OF_MEMORY]
    submission_id, _ = _run_overlapping(monkeypatch, verdicts)
    assert _stored(submission_id) == list(enumerate(verdicts))
    assert (read_submission(submission_id).message or "").startswith("Run 2:")


def test_total_time_counts_the_run_whose_weights_are_on_their_way(
    monkeypatch: pytest.MonkeyPatch, sent: list[queue.Message]
) -> None:
    submission_id, runner = _run_overlapping(monkeypatch, [Verdict.OK] * 8, total_timeout_s=25.0)
    assert len(runner.seeds) == 3
    assert _stored(submission_id) == [*enumerate([Verdict.OK] * 3), (3, Verdict.TIMEOUT)]


def test_lost_sandbox_is_a_platform_error_and_what_is_stored_stays(
    monkeypatch: pytest.MonkeyPatch, sent: list[queue.Message]
) -> None:
    with pytest.raises(PlatformError):
        _run_overlapping(monkeypatch, [Verdict.OK, Verdict.OK, Verdict.PLATFORM_ERROR])
    with db.reading() as session:
        stored = session.scalars(select(Run.run_index).order_by(Run.run_index)).all()
    assert stored == [0, 1]


@pytest.mark.parametrize(
    ("isolation", "runner"), [("process", SubmissionRunner), ("container", FreshSandboxes)]
)
def test_phase_decides_what_is_fresh_for_every_run(
    monkeypatch: pytest.MonkeyPatch, isolation: str, runner: type
) -> None:
    phase = make_phase(limits={"isolation": isolation})
    part = storage().put(b"a part")
    with db.transaction() as session:
        ready = session.get_one(Phase, phase.id)
        ready.architecture = Architecture(width=4).to_dict()
        ready.original_sha256 = ready.participant_part_sha256 = part
        ready.retraining_s = 300.0
    submission = read_submission(make_submission(phase).id)
    opened: list[Any] = []
    channel = SimpleNamespace(close=lambda: None)
    sandbox = SimpleNamespace(name="none", open=lambda limits: opened.append(limits) or channel)
    monkeypatch.setattr(submission_runs, "find_sandbox", lambda *_, **__: sandbox)
    monkeypatch.setattr(SubmissionRunner, "start", lambda _: None)
    with submission_runs._open_runner(submission, check=lambda: None) as chosen:
        assert type(chosen) is runner
    # The others open when a run is asked for. The limit is a fifth of a retraining.
    assert [limits.run_s for limits in opened] == ([60.0] if isolation == "process" else [])
