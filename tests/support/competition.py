"""A small competition with a phase that is ready, for tests that do not prepare one."""

from typing import Any
from uuid import UUID

from sqlalchemy import update

from core import competitions, db, submissions, users
from core.competitions import CompetitionSpec, PhaseSpec
from core.lifecycle import PhaseState
from core.models import Phase, Shard, Submission
from core.submissions import Upload

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
        owner = users.create_user(session, user).user
        phase = session.get_one(Phase, phase.id)
        return submissions.accept(session, phase, owner, Upload("submission.py", source)).submission


def numbers(final_score: float, **changes: float) -> dict[str, Any]:
    """Return the columns of a score or a baseline."""
    return {
        "scoring_version": "neurips2023-1",
        "final_score": final_score,
        "forgetting_quality": final_score,
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
