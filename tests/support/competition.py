"""A small competition with a phase that is ready, for tests that do not prepare one."""

from io import BytesIO
from typing import Any
from uuid import UUID

from sqlalchemy import update

from core import accounts, competitions, db, submissions
from core.competitions import CompetitionSpec, PhaseSpec
from core.intake import Upload
from core.lifecycle import PhaseState, Verdict
from core.models import Phase, Score, Shard, Submission
from core.submissions import RunResult

HONEST = b"def unlearning(net, retain, forget, val):\n    return net\n"


def make_phase(*, ready: bool = True, **changes: object) -> Phase:
    """Create the competition `demo` with one phase `check`; `changes` are keys of the phase's spec."""
    spec = PhaseSpec.model_validate(
        {"slug": "check", "name": "Check", "n_models": 4, "dataset": {"kind": "synthetic"}} | changes
    )
    with db.transaction() as session:
        made = CompetitionSpec(version=2, slug="demo", title="Demo", phases=[spec])
        phase = competitions.create(session, made).phases[0]
        if ready:
            phase.state = PhaseState.READY
            session.execute(update(Shard).where(Shard.phase_id == phase.id).values(done=True))
    return phase


def make_submission(phase: Phase, *, user: str = "ann", source: bytes = HONEST) -> Submission:
    """Upload a submission to a phase that is ready."""
    with db.transaction() as session:
        owner = accounts.create_user(session, user).user
        phase = session.get_one(Phase, phase.id)
        return submissions.accept(session, phase, owner, Upload("submission.py", BytesIO(source))).submission


def make_scoring(phase: Phase, *, user: str = "ann", number: float = 0.0, seconds: float = 1.0) -> Submission:
    """Upload a submission, told from others by its number, and record all of its runs."""
    submission = make_submission(phase, user=user, source=HONEST + f"# {number}\n".encode())
    for run_index in range(phase.n_models):
        with db.transaction() as session:
            submissions.begin(session, submission.id)
            result = RunResult(Verdict.OK, seconds=seconds + run_index, evaluation_sha256="0" * 64)
            submissions.record_run(session, submission.id, run_index, result)
    return submission


def make_finished(
    phase: Phase, final_score: float, *, user: str = "ann", seconds: float = 1.0, **changes: Any
) -> Submission:
    """Upload a submission, record its runs, and score it."""
    submission = make_scoring(phase, user=user, number=final_score, seconds=seconds)
    with db.transaction() as session:
        submissions.record_score(session, submission.id, Score(**numbers(final_score, **changes)))
    return read_submission(submission.id)


def numbers(final_score: float, **changes: Any) -> dict[str, Any]:
    """Return the columns of a score or a baseline."""
    return {
        "scoring_version": "neurips2023-1",
        "final_score": final_score,
        "final_score_low": 0.9 * final_score,
        "final_score_high": 1.1 * final_score,
        "forgetting_quality": final_score,
        "forgetting_quality_low": 0.95 * final_score,
        "forgetting_quality_high": 1.05 * final_score,
        "retain_ratio": 1.0,
        "test_ratio": 1.0,
        "retain_accuracy": 0.9,
        "test_accuracy": 0.4,
        "n_models": 4,
    } | changes


def read_submission(submission_id: UUID) -> Submission:
    """Return a submission as it stands now."""
    with db.reading() as session:
        return submissions.find(session, submission_id)
