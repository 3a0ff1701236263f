"""Who asks, and what they are in a competition: participant, member of a team, organizer, admin."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from core.errors import NotAuthenticatedError
from core.lifecycle import ParticipantState
from core.models import Organizer, Participant, User


class Scope(StrEnum):
    """What a token may be used for; one that may do more does not thereby do less."""

    READ = "read"
    SUBMIT = "submit"
    ORGANIZE = "organize"
    ADMIN = "admin"


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True)
class Principal:
    """Somebody who has proved who they are.

    Attributes:
        user: the account.
        scopes: what the proof may be used for.
        session_id: the browser session, where it was a cookie; None for a token.
        token_id: the access token, where it was one.
        use_is_noted: whether the token's use was written down a moment ago.
    """

    user: User
    scopes: frozenset[Scope]
    session_id: UUID | None = None
    token_id: UUID | None = None
    use_is_noted: bool = True


def hold(session: Session, user: User) -> User:
    """Return an account that nobody deletes until the end of the transaction; hold it before its teams.

    Raises:
        NotAuthenticatedError: it was deleted since somebody proved to be its owner.
    """
    held = select(User).where(User.id == user.id).with_for_update(read=True)
    found = session.scalars(held.execution_options(populate_existing=True)).one()
    if found.deleted_at is not None:
        raise NotAuthenticatedError("This account is not there any more.")
    return found


def is_organizer(session: Session, user: User, competition_id: UUID) -> bool:
    """Return whether the user runs the competition; an admin runs them all."""
    runs_it = select(Organizer.id).where(
        Organizer.user_id == user.id, Organizer.competition_id == competition_id
    )
    return user.is_admin or session.scalar(runs_it) is not None


def find_participant(session: Session, user_id: UUID, competition_id: UUID) -> Participant | None:
    """Return somebody's part in a competition, with the team, whatever its state; None if there is none."""
    query = select(Participant).where(
        Participant.user_id == user_id, Participant.competition_id == competition_id
    )
    return session.scalar(query.options(joinedload(Participant.team)))


def own_team(user_id: UUID | None, competition_id: UUID) -> Select[UUID]:
    """Return the query for the id of the team whose things are somebody's to see: none for who is banned."""
    return select(Participant.team_id).where(
        Participant.user_id == user_id,
        Participant.competition_id == competition_id,
        Participant.state != ParticipantState.BANNED,
    )


def is_member(session: Session, user_id: UUID, team_id: UUID) -> bool:
    """Return whether the user is in the team and not banned."""
    query = select(Participant.id).where(
        Participant.user_id == user_id,
        Participant.team_id == team_id,
        Participant.state != ParticipantState.BANNED,
    )
    return session.scalar(query) is not None
