"""Rescoring without scoring: shards asked for, taken, and recorded with scores out of thin air."""

from uuid import UUID

from sqlalchemy import select

from core import db, rescoring, shards
from core.models import Baseline, Phase, Score, Shard, Submission, Work
from tests.support.competition import make_phase, numbers

OLD, NEW, THIRD = "neurips2023-1", "test-2", "test-3"


def make_phase_with_baselines() -> Phase:
    """Create a phase that is ready and has its baselines."""
    made = make_phase()
    with db.transaction() as session:
        session.add_all(
            Baseline(phase_id=made.id, name=name, **numbers(0.2)) for name in ("ceiling", "floor")
        )
    return made


def request_rescoring(phase: Phase, version: str = NEW) -> None:
    """Ask for a rescoring."""
    with db.transaction() as session:
        rescoring.request(session, phase.id, version)


def read_phase(phase: Phase) -> Phase:
    """Return a phase as it stands now."""
    with db.reading() as session:
        return session.get_one(Phase, phase.id)


def asked_for(version: str = NEW) -> list[UUID | None]:
    """Return what the open shards are to score."""
    with db.reading() as session:
        query = select(Shard.submission_id).where(
            Shard.work == Work.RESCORING, Shard.scoring_version == version, Shard.done.is_(False)
        )
        return list(session.scalars(query))


def take_shard(submission_id: UUID | None, version: str = NEW) -> Shard:
    """Take the lease on the shard of a submission, or of the baselines, as `a:1`."""
    with db.transaction() as session:
        query = select(Shard.id).where(
            Shard.work == Work.RESCORING,
            Shard.submission_id == submission_id,
            Shard.scoring_version == version,
            Shard.done.is_(False),
        )
        shard = shards.take(session, session.scalars(query).one(), holder="a:1")
    assert shard is not None
    return shard


def record_rescored(submission_id: UUID | None, version: str = NEW) -> None:
    """Do what a worker does with the shard of a submission, or of the baselines."""
    shard = take_shard(submission_id, version)
    changed = numbers(0.3, scoring_version=version)
    scores: list[Score] | list[Baseline]
    if submission_id is None:
        scores = [Baseline(phase_id=shard.phase_id, name=name, **changed) for name in ("ceiling", "floor")]
    else:
        scores = [Score(submission_id=submission_id, **changed)]
    with db.transaction() as session:
        rescoring.record(session, shard, scores, holder="a:1")


def versions_of(submission: Submission) -> list[str]:
    """Return the versions under which a submission is scored."""
    with db.reading() as session:
        query = select(Score.scoring_version).where(Score.submission_id == submission.id)
        return sorted(session.scalars(query))
