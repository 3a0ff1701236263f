"""Taking part in a competition: who enters it, and the teams that they form."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import access
from core.errors import NotParticipantError
from core.lifecycle import ParticipantState
from core.models import Competition, Participant, Team, User


def admit(session: Session, competition: Competition, user: User) -> Participant:
    """Return the part of somebody who may submit; who never entered an open competition does so now.

    Raises:
        NotParticipantError: there are terms to accept first, an organizer has to approve, or there is a ban.
    """
    part = access.find_participant(session, user.id, competition.id)
    if part is None:
        if competition.terms or competition.approves_participants:
            raise NotParticipantError(f"Join {competition.title} first, and accept its terms.")
        part = enter(session, competition, user)
    if part.state is ParticipantState.PENDING:
        raise NotParticipantError(f"An organizer of {competition.title} has to let you in first.")
    if part.state is ParticipantState.BANNED:
        raise NotParticipantError(f"You may not take part in {competition.title}.")
    return part


def enter(session: Session, competition: Competition, user: User) -> Participant:
    """Make somebody a participant, in a team of one; who is one already stays as they are."""
    state = ParticipantState.PENDING if competition.approves_participants else ParticipantState.APPROVED
    try:
        with session.begin_nested():
            team = Team(
                competition_id=competition.id,
                name=user.name,
                name_key=user.name_key,
                captain_id=user.id,
                is_solo=True,
            )
            session.add(team)
            session.flush()
            part = Participant(competition_id=competition.id, user_id=user.id, team=team, state=state)
            session.add(part)
    except IntegrityError:
        earlier = access.find_participant(session, user.id, competition.id)
        if earlier is None:
            raise
        return earlier
    return part


def lock(session: Session, team_id: object) -> Team:
    """Return a team that nobody else changes, or submits for, until the end of the transaction."""
    locked = select(Team).where(Team.id == team_id).with_for_update()
    return session.scalars(locked.execution_options(populate_existing=True)).one()
