"""A shard of a submission: one sandbox, one evaluator, run after run, each stored as soon as it is there."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from core import db, programs, runs, shards, submissions
from core.errors import PlatformError
from core.lifecycle import Verdict
from core.limits import limits_of
from core.models import Submission
from core.settings import get_settings
from core.storage import storage
from core.submissions import RunResult
from submissions_sandbox.architectures import Architecture
from worker.evaluator import EvaluatorProcess, OverflowingModelError, kept_evaluator
from worker.isolation import FreshSandboxes, Runner, open_runner
from worker.lease import Lease
from worker.preparation import load_bundle
from worker.runner import RunOutcome, SubmissionInput
from worker.sandboxes import Limits, find_sandbox


def run_shard(lease: Lease) -> None:
    """Do the runs of a shard that are not stored yet; stop early when no more are wanted."""
    shard = lease.shard
    assert shard.submission_id is not None
    load_bundle.cache_clear()  # a process that talks to a sandbox holds no test set
    with db.transaction() as session:
        if not submissions.begin(session, shard.submission_id):
            return
        submission = submissions.find(session, shard.submission_id)
        stored = {run.run_index for run in runs.list_runs(session, submission.id)}
    missing = [index for index in range(shard.start, shard.stop) if index not in stored]
    if missing:
        with (
            kept_evaluator(submission.phase) as evaluator,
            _open_runner(submission, check=lease.check) as runner,
        ):
            run_all(ShardRuns(lease, submission, runner, evaluator), missing)
    with db.transaction() as session:
        if submissions.is_wanted(session, submission.id):
            shards.finish(session, shard.id, holder=lease.holder)


@dataclass(frozen=True)
class ShardRuns:
    """What the runs of a shard share: who holds it, what is run, where, and who measures it."""

    lease: Lease
    submission: Submission
    runner: Runner
    evaluator: EvaluatorProcess


@contextmanager
def _open_runner(submission: Submission, *, check: Callable[[], None]) -> Iterator[Runner]:
    """Give sandboxes what every run starts from, as the phase isolates its runs."""
    phase = submission.phase
    assert phase.original_sha256 is not None
    assert phase.participant_part_sha256 is not None
    store = storage()
    given = SubmissionInput(
        architecture=Architecture.from_dict(phase.architecture),
        original=store.get(phase.original_sha256),
        participant_data=store.get(phase.participant_part_sha256),
        source=programs.read(submission.filename, store.get(submission.source_sha256)).to_bytes(),
    )
    asked = limits_of(phase)
    assert asked.run_timeout_s is not None
    limits = Limits(
        run_s=asked.run_timeout_s,
        memory_bytes=asked.memory_bytes,
        processes=asked.processes,
        scratch_bytes=asked.scratch_bytes,
        log_bytes=asked.log_bytes,
        device=asked.device,
    )
    settings = get_settings()
    sandbox = find_sandbox(settings.sandbox, image=settings.sandbox_image, owner=settings.installation())
    if asked.isolation == "container":
        yield FreshSandboxes(sandbox, given, limits, check=check)
    else:
        with open_runner(sandbox, given, limits, check=check) as runner:
            yield runner


def run_all(shard: ShardRuns, missing: list[int]) -> None:
    """Run in the sandbox while the evaluator measures the run before."""
    with ThreadPoolExecutor(max_workers=1) as recorder:
        _Recording(shard, recorder).run_all(missing)


class _Recording:
    """The runs of a shard on their way from the sandbox to the database."""

    def __init__(self, shard: ShardRuns, recorder: ThreadPoolExecutor) -> None:
        self._shard = shard
        self._recorder = recorder
        self._newest: Future[bool] | None = None
        self._indices: dict[int, int] = {}  # of the runs that were asked for, by their seeds
        self._over_time: int | None = None  # the run for which no time is left

    def run_all(self, missing: list[int]) -> None:
        """Run and record until none is missing, one fails, or no more are wanted."""
        for finished in self._shard.runner.run_each(self._seeds(missing)):
            if finished.outcome.verdict is Verdict.PLATFORM_ERROR:
                raise PlatformError(finished.outcome.message)
            self._submit(self._indices[finished.seed], finished.outcome)
        if self._over_time is not None:
            message = "the total time limit was reached"
            over = RunOutcome(Verdict.TIMEOUT, weights=None, seconds=0.0, log="", message=message)
            self._submit(self._over_time, over)
        if self._newest is not None:
            self._newest.result()

    def _seeds(self, missing: list[int]) -> Iterator[int]:
        """Yield the seed of each run, once the run before has ended, for as long as runs are wanted."""
        phase, submission = self._shard.submission.phase, self._shard.submission
        unstored_s = 0.0
        for run_index in missing:
            self._shard.lease.check()
            if self._newest is not None and not self._newest.result():
                return
            with db.reading() as session:
                spent_s = runs.seconds_spent(session, submission.id) + unstored_s
            if spent_s > limits_of(phase).total_timeout_s:
                self._over_time = run_index
                return
            seed = runs.run_seed(phase.secret, submission.id, run_index)
            self._indices[seed] = run_index
            started = time.monotonic()
            yield seed
            unstored_s = time.monotonic() - started

    def _submit(self, run_index: int, outcome: RunOutcome) -> None:
        self._newest = self._recorder.submit(_record, self._shard, run_index, outcome)


def _record(shard: ShardRuns, run_index: int, outcome: RunOutcome) -> bool:
    """Measure and store a run; return whether further runs are wanted."""
    result = _evaluate(shard, outcome)
    with db.transaction() as session:
        # The submission is locked before its shards, here as everywhere: no two workers wait for each other.
        if not submissions.begin(session, shard.submission.id):
            return False
        shards.note_progress(session, shard.lease.shard.id, holder=shard.lease.holder)
        submissions.record_run(session, shard.submission.id, run_index, result)
        return submissions.is_wanted(session, shard.submission.id)


def _evaluate(shard: ShardRuns, outcome: RunOutcome) -> RunResult:
    ended = RunResult(
        outcome.verdict,
        outcome.seconds,
        sandbox=shard.runner.sandbox,
        message=outcome.message,
        log=outcome.log,
    )
    if outcome.weights is None:
        return ended
    try:
        evaluation = shard.evaluator.evaluate(outcome.weights)
    except OverflowingModelError:
        message = "the model that came back computes NaN or infinity"
        return replace(ended, verdict=Verdict.INVALID_OUTPUT, message=message)
    return replace(ended, evaluation_sha256=storage().put(evaluation))
