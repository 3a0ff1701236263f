"""Whom organizers let into a competition, and whom they shut out."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from core import audit, mail, paging, teams
from core.errors import AdmissionRefusedError, NotFoundError
from core.lifecycle import ParticipantState
from core.models import Competition, Participant, Team, User
from core.paging import Listed, Page


@dataclass(frozen=True)
class ParticipantFilter:
    """Which participants are wanted: in a state, with these letters in their name, and in their team's."""

    state: ParticipantState | None = None
    name: str = ""
    team: str = ""


def list_participants(
    session: Session, competition_id: UUID, wanted: ParticipantFilter, page: Page
) -> Listed[Participant]:
    """Return participants with their accounts and teams, who came last first."""
    query = select(Participant).where(Participant.competition_id == competition_id)
    if wanted.state is not None:
        query = query.where(Participant.state == wanted.state)
    if wanted.name:
        named = User.name_key.contains(wanted.name.casefold(), autoescape=True)
        query = query.join(Participant.user).where(named)
    if wanted.team:
        named = Team.name_key.contains(wanted.team.casefold(), autoescape=True)
        query = query.join(Participant.team).where(named)
    query = query.options(joinedload(Participant.user), joinedload(Participant.team))
    return paging.fetch(session, query, page, by=(Participant.created_at, Participant.id))


def approve(session: Session, actor: User, competition: Competition, participant_id: UUID) -> Participant:
    """Let somebody in who asked to take part, and tell them so.

    Raises:
        NotFoundError: nobody with this id takes part in the competition.
        AdmissionRefusedError: they do not wait to be let in.
    """
    part = _lock(session, competition.id, participant_id)
    _move(session, actor, part, ParticipantState.APPROVED, action="participant.approve")
    if part.user.email is not None:
        body = f"You take part in {competition.title} from now on. Good luck!"
        mail.write(session, part.user.email, f"{competition.title}: you are in", body)
    return part


def ban(
    session: Session, actor: User, competition_id: UUID, participant_id: UUID, *, reason: str
) -> Participant:
    """Shut somebody out, and let another member lead their team.

    What they submitted stays, and ranks, until it is disqualified.

    Raises:
        NotFoundError: nobody with this id takes part in the competition.
        AdmissionRefusedError: they are banned already.
    """
    part = _lock(session, competition_id, participant_id)
    _move(session, actor, part, ParticipantState.BANNED, action="participant.ban", reason=reason)
    return part


def unban(session: Session, actor: User, competition_id: UUID, participant_id: UUID) -> Participant:
    """Let somebody in again who was banned, whether or not they had been let in before.

    The captaincy does not come back, unless nobody else in the team takes part.

    Raises:
        NotFoundError: nobody with this id takes part in the competition.
        AdmissionRefusedError: they are not banned.
    """
    part = _lock(session, competition_id, participant_id)
    _move(session, actor, part, ParticipantState.APPROVED, action="participant.unban")
    return part


_FROM = {
    "participant.approve": {ParticipantState.PENDING},
    "participant.ban": {ParticipantState.PENDING, ParticipantState.APPROVED},
    "participant.unban": {ParticipantState.BANNED},
}


def _move(
    session: Session,
    actor: User,
    part: Participant,
    state: ParticipantState,
    *,
    action: str,
    reason: str = "",
) -> None:
    if part.state not in _FROM[action]:
        raise AdmissionRefusedError(f"{part.user.name} is {part.state} now.")
    before = {"state": part.state, "reason": part.reason}
    part.state, part.reason = state, reason
    audit.record(
        session,
        actor=actor,
        action=action,
        competition_id=part.competition_id,
        target=part.user.name,
        reason=reason,
        before=before,
        after={"state": state, "reason": reason},
    )
    teams.settle_captain(session, part.team, organizer=actor)


def _lock(session: Session, competition_id: UUID, participant_id: UUID) -> Participant:
    """Return somebody's part, locked, and before it their team: nobody else in it changes meanwhile."""
    query = select(Participant).where(
        Participant.id == participant_id, Participant.competition_id == competition_id
    )
    seen = session.scalar(query)
    if seen is None:
        raise NotFoundError(f"There is no participant {participant_id}.")
    teams.lock_own(session, seen)
    return session.scalars(
        query.with_for_update(of=Participant)
        .options(joinedload(Participant.user), joinedload(Participant.team))
        .execution_options(populate_existing=True)
    ).one()
