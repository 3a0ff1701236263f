"""Rescoring: how a phase gets from one version of the metric to another, and what of it failed.

Every finished submission and the baselines are scored under the new version too, one shard each, from what
is stored. The phase changes its version in the transaction that stores the last of these scores: until then
the leaderboard ranks by the old version, from then on by the new one, and never by a mixture.

A submission that finishes meanwhile gets both scores: it finishes under the version that the phase has at
that moment, and the same transaction enqueues its score under the new one, for which the change waits. If
the phase changes while a submission is being scored under the old version, that score is kept, and the
submission finishes with one under the new version.

A score that fails for good stops only the change: no submission is touched, the other scores go on, and the
phase keeps its version and says what failed. Asking again then makes only what is missing.
"""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

import scoring
from core import audit, competitions, results, shards
from core.errors import RescoringRefusedError, UnknownScoringVersionError
from core.lifecycle import PhaseState, SubmissionState
from core.models import Baseline, Phase, Score, Shard, Submission, User, Work

_BASELINES = None
"""Stands among ids of submissions for the phase's own models, as in a shard."""


class Rescoring(NamedTuple):
    """How far a rescoring is; the baselines count as one score, and a `problem` says that it has failed."""

    scoring_version: str
    done: int
    total: int
    problem: str


def request(
    session: Session, phase_id: UUID, version: str | None = None, *, actor: User | None = None
) -> None:
    """Have a phase scored under another version, by default the newest, as `actor` wishes; old scores stay.

    Asking twice does no more than asking once; a phase that has all scores already changes at once.

    Raises:
        UnknownScoringVersionError: there is no such version.
        RescoringRefusedError: the phase is not ready, has that version, or is on its way to a third.
        ResultsPublishedError: its results are published.
    """
    version = scoring.SCORING_VERSION if version is None else version
    phase = competitions.lock(session, phase_id)
    results.check_unpublished(phase)
    _check(phase, version)
    before = {"scoring_version": phase.scoring_version, "rescoring_version": phase.rescoring_version}
    phase.rescoring_version, phase.rescoring_problem = version, ""
    audit.record(
        session,
        actor=actor,
        action="phase.rescore",
        competition_id=phase.competition_id,
        target=f"phase {phase.slug}",
        before=before,
        after={"scoring_version": phase.scoring_version, "rescoring_version": version},
    )
    go_on(session, phase)
    _change_if_complete(session, phase)


def go_on(session: Session, phase: Phase) -> None:
    """Enqueue what the rescoring of a phase, which is locked, still lacks and nobody is to make yet."""
    version = phase.rescoring_version
    if version is None or phase.rescoring_problem:
        return
    asked_for = select(Shard.submission_id).where(
        Shard.phase_id == phase.id,
        Shard.work == Work.RESCORING,
        Shard.scoring_version == version,
        Shard.done.is_(False),
    )
    for submission_id in _missing(session, phase, version).difference(session.scalars(asked_for)):
        shards.add(
            session,
            Shard(
                work=Work.RESCORING,
                phase_id=phase.id,
                submission_id=submission_id,
                scoring_version=version,
                start=0,
                stop=1,
            ),
        )


def record(session: Session, shard: Shard, scores: list[Score] | list[Baseline], *, holder: str) -> None:
    """Store what a shard of a rescoring was to make and end it; the last one changes the phase's version.

    Raises:
        LeaseLostError: somebody else took the shard over, or it was given up; nothing is stored.
    """
    phase = competitions.lock(session, shard.phase_id)
    shards.finish(session, shard.id, holder=holder)
    session.add_all(scores)
    _change_if_complete(session, phase)


def give_up(session: Session, shard: Shard, problem: str) -> None:
    """End a shard that failed too often, and say so on its phase; the first problem to come stays."""
    phase = competitions.lock(session, shard.phase_id)
    ended = update(Shard).where(Shard.id == shard.id, Shard.done.is_(False)).values(done=True)
    if session.execute(ended.returning(Shard.id)).first() is None:
        return  # it succeeded after all
    if phase.rescoring_version == shard.scoring_version and not phase.rescoring_problem:
        of = "the baselines" if shard.submission_id is _BASELINES else f"submission {shard.submission_id}"
        phase.rescoring_problem = f"{of}: {problem}"


def current(session: Session, phase: Phase) -> Rescoring | None:
    """Return the rescoring of a phase that is under way or has failed, if there is one."""
    version = phase.rescoring_version
    if version is None:
        return None
    finished = select(func.count()).where(
        Submission.phase_id == phase.id, Submission.state == SubmissionState.FINISHED
    )
    total = (session.scalar(finished) or 0) + 1
    done = total - len(_missing(session, phase, version))
    return Rescoring(version, done, total, phase.rescoring_problem)


def _check(phase: Phase, version: str) -> None:
    if version not in scoring.VERSIONS:
        known = ", ".join(f"`{one}`" for one in scoring.VERSIONS)
        raise UnknownScoringVersionError(f"There is no scoring version `{version}`, only {known}.")
    if phase.state is not PhaseState.READY:
        raise RescoringRefusedError(f"{phase.title} is {phase.state}: it has no scores yet.")
    if version == phase.scoring_version:
        raise RescoringRefusedError(f"{phase.title} is scored under `{version}` already.")
    if phase.rescoring_version not in {None, version} and not phase.rescoring_problem:
        raise RescoringRefusedError(
            f"{phase.title} is being rescored under `{phase.rescoring_version}`; wait until that has ended."
        )


def _missing(session: Session, phase: Phase, version: str) -> set[UUID | None]:
    """Return the finished submissions without a score under `version`, and whether the baselines lack it."""
    scored = select(Score.id).where(Score.submission_id == Submission.id, Score.scoring_version == version)
    unscored = select(Submission.id).where(
        Submission.phase_id == phase.id, Submission.state == SubmissionState.FINISHED, ~scored.exists()
    )
    baseline = select(Baseline.id).where(Baseline.phase_id == phase.id, Baseline.scoring_version == version)
    missing: set[UUID | None] = set(session.scalars(unscored))
    return missing if session.scalars(baseline).first() else missing | {_BASELINES}


def _change_if_complete(session: Session, phase: Phase) -> None:
    version = phase.rescoring_version
    if version is not None and not _missing(session, phase, version):
        phase.scoring_version, phase.rescoring_version, phase.rescoring_problem = version, None, ""
