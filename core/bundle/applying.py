"""Changing and deleting competitions: what `core.bundle.changes` allows, in one transaction, written down."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import DeclarativeBase, Session

from core import audit, competitions, shards
from core.bundle import columns
from core.bundle.changes import Changes, compare
from core.bundle.spec import CompetitionSpec, PhaseSpec
from core.errors import ChangesRefusedError, DeletionRefusedError, OutdatedChangesError
from core.lifecycle import PhaseState
from core.models import (
    Announcement,
    Baseline,
    Competition,
    Invitation,
    Organizer,
    Participant,
    Phase,
    Shard,
    Submission,
    Team,
    TeamQuota,
    User,
    Webhook,
    WebhookDelivery,
    Work,
)

_OF_MODELS: dict[str, Any] = {
    "participant_part_sha256": None,
    "secret_part_sha256": None,
    "manifest_sha256": None,
    "original_sha256": None,
    "original_evaluation_sha256": None,
    "reference_key": None,
    "retraining_s": None,
    "problem": "",
    "state": PhaseState.PREPARING,
}
"""What a phase has whose preparation has not begun."""


def create(session: Session, spec: CompetitionSpec, actor: User | None) -> Competition:
    """Create a competition whose datasets are stored; its first organizer is the actor, if it is no operator.

    Raises:
        InvalidCompetitionError: a competition with this slug exists.
    """
    competition = competitions.create(session, spec)
    if actor is not None:
        session.add(Organizer(competition_id=competition.id, user_id=actor.id))
    audit.record(
        session,
        actor=actor,
        action="competition.create",
        competition_id=competition.id,
        target=spec.slug,
        after=_described(competition),
    )
    return competition


def preview(session: Session, slug: str, wanted: CompetitionSpec) -> Changes:
    """Return what a definition, whose datasets are stored, would change.

    Raises:
        NotFoundError: there is no such competition.
    """
    return compare(session, competitions.find_competition(session, slug), wanted)


def apply(
    session: Session, competition_id: UUID, wanted: CompetitionSpec, *, digest: str, actor: User
) -> Changes:
    """Make the changes that were shown, all or none.

    Args:
        session: the transaction.
        competition_id: which competition.
        wanted: its new definition, whose datasets are stored.
        digest: that of the changes as they were shown.
        actor: who wants it so.

    Raises:
        OutdatedChangesError: the definition now changes something else than was shown.
        ChangesRefusedError: some change may not be made.
    """
    competition = _lock(session, competition_id)
    changes = compare(session, competition, wanted)
    if changes.digest != digest:
        raise OutdatedChangesError("The competition has changed since these changes were shown; look again.")
    if changes.refused:
        told = "; ".join(f"{one.path}: {one.decision.refused_because}" for one in changes.refused)
        raise ChangesRefusedError(f"Nothing was changed: {told}.")
    for name, value in columns.of_competition(wanted).items():
        setattr(competition, name, value)
    _change_phases(session, competition, wanted)
    if changes.changes:
        audit.record(
            session,
            actor=actor,
            action="competition.change",
            competition_id=competition.id,
            target=competition.slug,
            before={change.path: change.before for change in changes.changes},
            after={change.path: change.after for change in changes.changes},
        )
    return changes


def delete_phase(session: Session, phase_id: UUID, *, actor: User) -> None:
    """Delete a phase without submissions.

    Raises:
        DeletionRefusedError: it has submissions, or it is the only one.
    """
    phase = session.get_one(Phase, phase_id)
    competition = _lock(session, phase.competition_id)
    if len(competition.phases) == 1:
        raise DeletionRefusedError("It is the only phase; delete the competition instead.")
    audit.record(
        session,
        actor=actor,
        action="phase.delete",
        competition_id=competition.id,
        target=f"{competition.slug}/{phase.slug}",
        before=columns.phase_spec_of(phase).model_dump(mode="json"),
    )
    _remove_phases(session, [phase])
    session.expire(competition, ["phases"])
    _number(competition.phases)


def delete_competition(session: Session, competition_id: UUID, *, actor: User) -> None:
    """Delete a competition without submissions: its phases, teams, organizers and announcements.

    Raises:
        DeletionRefusedError: it has submissions.
    """
    competition = _lock(session, competition_id)
    described = _described(competition)
    _remove_phases(session, competition.phases)
    here = competition.id
    # After its phases, as uploads do: now those who enter it wait, and then find it gone. Then its teams.
    session.execute(select(Competition.id).where(Competition.id == here).with_for_update())
    teams = select(Team.id).where(Team.competition_id == here)
    session.execute(teams.order_by(Team.id).with_for_update())
    webhooks = select(Webhook.id).where(Webhook.competition_id == here)
    session.execute(delete(Invitation).where(Invitation.team_id.in_(teams)))
    session.execute(delete(WebhookDelivery).where(WebhookDelivery.webhook_id.in_(webhooks)))
    for table in (Participant, Team, Webhook, Announcement, Organizer):
        session.execute(_all_of(table, here))
    audit.record(
        session,
        actor=actor,
        action="competition.delete",
        competition_id=here,
        target=competition.slug,
        before=described,
    )
    session.execute(delete(Competition).where(Competition.id == here))


def _lock(session: Session, competition_id: UUID) -> Competition:
    """Return a competition, all of whose phases nobody else changes until the end of the transaction."""
    # Not against what refers to the competition: an upload that holds a phase may let its sender enter.
    locked = select(Competition).where(Competition.id == competition_id).with_for_update(key_share=True)
    competition = session.scalars(locked.execution_options(populate_existing=True)).one()
    session.expire(competition, ["phases"])
    for phase in competition.phases:
        competitions.lock(session, phase.id)
    return competition


def _change_phases(session: Session, competition: Competition, wanted: CompetitionSpec) -> None:
    before = {phase.slug: phase for phase in competition.phases}
    gone = [phase for slug, phase in before.items() if slug not in {one.slug for one in wanted.phases}]
    _remove_phases(session, gone)
    session.expire(competition, ["phases"])
    for position, spec in enumerate(wanted.phases):
        phase = before.get(spec.slug)
        if phase is None:
            phase = columns.new_phase(spec, position)
            phase.competition_id = competition.id
            session.add(phase)
            session.flush()
            shards.add(session, Shard(work=Work.PREPARATION, phase_id=phase.id, start=0, stop=1))
        else:
            phase.position = position
            _change_phase(session, phase, spec)
    session.flush()


def _change_phase(session: Session, phase: Phase, spec: PhaseSpec) -> None:
    planned = columns.plan_of(phase)
    for name, value in columns.of_phase(spec).items():
        setattr(phase, name, value)
    if columns.of_plan(spec) == planned:
        return  # its columns may say more by now than what was written
    changed_models = {**columns.of_plan(spec), "scoring_version": ""} != {**planned, "scoring_version": ""}
    for name, value in columns.of_plan(spec).items():
        if changed_models or name == "scoring_version":
            setattr(phase, name, value)
    if changed_models:
        _prepare_anew(session, phase)


def _prepare_anew(session: Session, phase: Phase) -> None:
    for name, value in _OF_MODELS.items():
        setattr(phase, name, value)
    session.execute(update(Shard).where(Shard.phase_id == phase.id, Shard.done.is_(False)).values(done=True))
    session.flush()
    shards.add(session, Shard(work=Work.PREPARATION, phase_id=phase.id, start=0, stop=1))


def _remove_phases(session: Session, phases: Iterable[Phase]) -> None:
    ids = [phase.id for phase in phases]
    # Against uploads that are under way too: they hold a lock on their phase until they are stored.
    session.execute(select(Phase.id).where(Phase.id.in_(ids)).with_for_update())
    count = session.scalar(select(func.count()).where(Submission.phase_id.in_(ids))) or 0
    if count:
        have = "is a submission" if count == 1 else f"are {count} submissions"
        raise DeletionRefusedError(
            f"There {have}; what was submitted is kept. Set `end`, or `published: false`."
        )
    for table in (Shard, Baseline, TeamQuota):
        session.execute(delete(table).where(table.phase_id.in_(ids)))
    session.execute(delete(Phase).where(Phase.id.in_(ids)))


def _all_of(table: type[DeclarativeBase], competition_id: UUID) -> Any:
    return delete(table).where(table.__table__.c.competition_id == competition_id)


def _number(phases: Iterable[Phase]) -> None:
    for position, phase in enumerate(phases):
        phase.position = position


def _described(competition: Competition) -> dict[str, Any]:
    return {"title": competition.title, "phases": [phase.slug for phase in competition.phases]}
