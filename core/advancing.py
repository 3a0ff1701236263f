"""Migration of submissions: what the teams selected in one phase is run again in the next, exactly once.

A team that selected nothing sends the submission that ranks best. Only finished submissions go on, that are
neither baselines nor disqualified nor run again since. What a team has in the next phase already, byte for
byte, is not taken a second time.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from core import audit, competitions, events, repeats, results, standings, submission_search, submissions
from core.errors import MigrationRefusedError
from core.lifecycle import ParticipantState, PhaseState, SubmissionState
from core.models import Participant, Phase, Score, Submission, Team, User, utc_now


def due() -> Select[UUID]:
    """Return the query for the phases that wait for what the phase before them sends."""
    waiting = select(Phase.id).where(
        Phase.auto_migrate.is_(True), Phase.migrated_at.is_(None), Phase.state == PhaseState.READY
    )
    return waiting.order_by(Phase.competition_id, Phase.position)


def migrate_when_due(session: Session, phase_id: UUID, now: datetime) -> list[Submission]:
    """Take what the teams selected, once, when the phase before has ended and nothing of it is under way.

    Returns:
        What was taken; nothing, if it is too early, or done.
    """
    before = _phase_before(session, session.get_one(Phase, phase_id))
    if before is None:
        return []
    # The earlier phase is locked first. Uploads that came in time are there now: they held it.
    before = competitions.lock(session, before.id)
    phase = competitions.lock(session, phase_id)
    if (
        phase.migrated_at is not None
        or phase.published_at is not None
        or not competitions.has_closed(before, now)
        or submission_search.count_under_way(session, before.id)
    ):
        return []
    phase.migrated_at = now
    return _take(session, phase, _chosen_by_teams(session, before, phase), actor=None)


def migrate(
    session: Session, phase: Phase, submission_ids: Sequence[UUID] | None, *, actor: User
) -> list[Submission]:
    """Take submissions into a phase as an organizer wishes, at any time; return those that are new there.

    Args:
        session: the transaction.
        phase: the phase that they go to.
        submission_ids: of an earlier phase of the competition; None: what would migrate by itself now, from
            the phase just before.
        actor: the organizer.

    Raises:
        MigrationRefusedError: the phase is not ready, there is none before it, or one of the submissions may
            not go on; then none of them does.
        ResultsPublishedError: the results of the phase are published.
    """
    before = _phase_before(session, phase)
    if before is None:
        raise MigrationRefusedError(f"{phase.title} is the first phase; there is none to migrate from.")
    before = competitions.lock(session, before.id)
    phase = competitions.lock(session, phase.id)
    results.check_unpublished(phase)
    if phase.state is not PhaseState.READY:
        raise MigrationRefusedError(f"{phase.title} is {phase.state}; submissions cannot run there yet.")
    if submission_ids is None:
        chosen = _chosen_by_teams(session, before, phase)
    else:
        _lock_teams(session, phase.competition_id)
        chosen = _named(session, phase, submission_ids)
    return _take(session, phase, chosen, actor=actor)


def _phase_before(session: Session, phase: Phase) -> Phase | None:
    earlier = select(Phase).where(
        Phase.competition_id == phase.competition_id, Phase.position < phase.position
    )
    return session.scalars(earlier.order_by(Phase.position.desc()).limit(1)).first()


def _lock_teams(session: Session, competition_id: UUID) -> None:
    """Let no team of the competition merge before this transaction has ended."""
    teams = select(Team.id).where(Team.competition_id == competition_id).order_by(Team.id)
    session.execute(teams.with_for_update())


def _chosen_by_teams(session: Session, before: Phase, phase: Phase) -> list[Submission]:
    """Return what each team sends: the first that it selected, or the one that ranks best."""
    _lock_teams(session, phase.competition_id)
    # Of a team that nobody is left of, nothing goes on.
    takes_part = exists().where(
        Participant.team_id == Submission.team_id, Participant.state == ParticipantState.APPROVED
    )
    query = (
        select(Submission)
        .join(Score, Score.submission_id == Submission.id)
        .where(
            Submission.phase_id == before.id,
            Score.scoring_version == before.scoring_version,
            takes_part,
            *standings.counts(),
        )
        .order_by(*standings.within_team(before))
    )
    of_team: dict[UUID, list[Submission]] = defaultdict(list)
    for submission in session.scalars(query.execution_options(populate_existing=True)):
        of_team[submission.team_id].append(submission)
    return [one for ranked in of_team.values() for one in _sent_by(ranked, phase.max_selected)]


def _sent_by(ranked: list[Submission], most: int) -> list[Submission]:
    """Return what a team sends of its submissions, of which the first ranks best."""
    selected = [(one.selected_at, one) for one in ranked if one.selected_at is not None]
    selected.sort(key=lambda pair: pair[0])
    return [one for _, one in selected[:most]] or ranked[:1]


def _named(session: Session, phase: Phase, submission_ids: Sequence[UUID]) -> list[Submission]:
    query = (
        select(Submission)
        .join(Submission.phase)
        .where(
            Submission.id.in_(submission_ids),
            Phase.competition_id == phase.competition_id,
            Phase.position < phase.position,
            *standings.counts(),
        )
    )
    found = list(session.scalars(query.execution_options(populate_existing=True)))
    missing = sorted(set(submission_ids) - {one.id for one in found})
    if missing:
        raise MigrationRefusedError(
            f"To {phase.title} go submissions of earlier phases that have finished, and are neither "
            f"disqualified nor run again since. These cannot: {', '.join(map(str, missing))}."
        )
    return found


def _take(
    session: Session, phase: Phase, chosen: Iterable[Submission], *, actor: User | None
) -> list[Submission]:
    """Queue the runs of submissions in a phase, the earlier submission first, so that it still wins ties."""
    taken: list[Submission] = []
    now = utc_now()
    for origin in sorted(chosen, key=lambda one: (one.created_at, one.id)):
        copy = _copy_into(session, phase, origin)
        if copy is not None:
            copy.created_at = now + len(taken) * timedelta(microseconds=1)
            submissions.add(session, copy)
            taken.append(copy)
    _tell(session, phase, taken, actor=actor)
    return taken


def _copy_into(session: Session, phase: Phase, origin: Submission) -> Submission | None:
    """Return a submission of the same bytes by the same team; None if the phase has it already."""
    same = select(Submission.id).where(Submission.phase_id == phase.id, Submission.origin_id == origin.id)
    if session.scalar(same) or repeats.find_same(session, phase, origin.team, origin.source_sha256):
        return None
    return Submission(
        phase=phase,
        team_id=origin.team_id,
        user_id=origin.user_id,
        origin_id=origin.id,
        filename=origin.filename,
        source_sha256=origin.source_sha256,
        size_bytes=origin.size_bytes,
        warnings=origin.warnings,
        state=SubmissionState.UPLOADED,
    )


def _tell(session: Session, phase: Phase, taken: list[Submission], *, actor: User | None) -> None:
    audit.record(
        session,
        actor=actor,
        action="phase.migrate",
        competition_id=phase.competition_id,
        target=f"phase {phase.slug}",
        after={"submissions": [one.id for one in taken]},
    )
    events.emit(
        session, phase.competition_id, "phase.migrated", {"phase": phase.slug, "submissions": len(taken)}
    )
