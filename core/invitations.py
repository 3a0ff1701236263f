"""Invitations: one team asks another to become part of it. Accepting merges them for good.

All members and all submissions of the invited team move. Teams may merge only if together they are not too
many, and if what they have submitted is no more than one team could have: merging multiplies no quota.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select, update
from sqlalchemy.orm import Session, joinedload

from core import quotas, teams
from core.errors import NotFoundError, TeamRefusedError
from core.lifecycle import ParticipantState
from core.models import Competition, Invitation, Participant, Phase, Submission, Team, User, utc_now


def invite(session: Session, competition: Competition, team_id: UUID, captain: User, name: str) -> Invitation:
    """Ask the team of a participant to become part of this one; asking twice is asking once.

    Raises:
        NotAllowedError: the user is not the captain.
        NotFoundError: there is no participant of this name.
        TeamRefusedError: it is the same team, they are too many, or the deadline is over.
    """
    team = teams.lock_as_captain(session, team_id, captain, competition)
    wanted = name.replace("\0", " ").casefold()  # PostgreSQL takes no such text, and nobody has a space
    invited = session.scalar(
        select(Participant)
        .join(Participant.user)
        .where(
            Participant.competition_id == competition.id,
            Participant.state == ParticipantState.APPROVED,
            User.name_key == wanted,
        )
    )
    if invited is None:
        raise NotFoundError(f"Nobody called `{name}` takes part in {competition.title}.")
    if invited.team_id == team_id:
        raise TeamRefusedError(f"`{name}` is in the team already.")
    _check_size(session, competition, (team_id, invited.team_id))
    same = _open().where(Invitation.team_id == team_id, Invitation.invited_id == invited.team_id)
    earlier = session.scalar(same)
    if earlier is not None:
        return earlier
    invitation = Invitation(team=team, invited_id=invited.team_id)
    session.add(invitation)
    session.flush()
    return invitation


def list_received(session: Session, competition: Competition, user: User) -> list[Invitation]:
    """Return the open invitations that this user, as a captain, may accept or decline; the oldest first."""
    return list(session.scalars(_open().where(Invitation.invited_id.in_(_led(competition, user)))))


def list_sent(session: Session, team_id: UUID) -> list[Invitation]:
    """Return the open invitations of a team, the oldest first."""
    return list(session.scalars(_open().where(Invitation.team_id == team_id)))


def accept(session: Session, competition: Competition, invitation_id: UUID, captain: User) -> Team:
    """Make the invited team part of the one that asked; return that.

    Raises:
        NotFoundError: there is no such invitation to a team that this user leads.
        NotParticipantError: the user may not take part.
        TeamRefusedError: they are too many, the deadline is over, or together they have submitted more than
            one team could have by now.
    """
    mine = Invitation.invited_id.in_(_led(competition, captain))
    invitation = _find(session, invitation_id, mine)
    teams.find_admitted(session, competition, captain)
    teams.check_deadline(competition)
    # In the order of their ids: two captains who accept each other's invitation do not wait for each other.
    ids = sorted((invitation.team_id, invitation.invited_id))
    locked = {team_id: teams.lock(session, team_id) for team_id in ids}
    # What was read before may have ended, or have another captain now.
    invitation = _lock(session, invitation_id, mine)
    team, invited = locked[invitation.team_id], locked[invitation.invited_id]
    _check_size(session, competition, ids)
    _check_quotas(session, competition, team, invited)
    _merge(session, team, invited)
    invitation.accepted = True
    return team


def decline(session: Session, competition: Competition, invitation_id: UUID, captain: User) -> None:
    """End an invitation to a team of this captain; raise `NotFoundError` if there is no such one."""
    mine = Invitation.invited_id.in_(_led(competition, captain))
    _lock(session, invitation_id, mine).ended_at = utc_now()


def withdraw(session: Session, competition: Competition, invitation_id: UUID, captain: User) -> None:
    """End an invitation by a team of this captain; raise `NotFoundError` if there is no such one."""
    mine = Invitation.team_id.in_(_led(competition, captain))
    _lock(session, invitation_id, mine).ended_at = utc_now()


def _open() -> Select[Invitation]:
    both = (joinedload(Invitation.team), joinedload(Invitation.invited))
    query = select(Invitation).where(Invitation.ended_at.is_(None)).options(*both)
    return query.order_by(Invitation.created_at, Invitation.id)


def _led(competition: Competition, captain: User) -> Select[UUID]:
    return select(Team.id).where(Team.competition_id == competition.id, Team.captain_id == captain.id)


def _find(session: Session, invitation_id: UUID, whose: ColumnElement[bool]) -> Invitation:
    query = _open().where(Invitation.id == invitation_id, whose)
    return _found(session.scalar(query), invitation_id)


def _lock(session: Session, invitation_id: UUID, whose: ColumnElement[bool]) -> Invitation:
    """Return an open invitation that nobody else ends; its teams, if they are needed, are locked before."""
    query = _open().where(Invitation.id == invitation_id, whose).with_for_update(of=Invitation)
    return _found(session.scalar(query.execution_options(populate_existing=True)), invitation_id)


def _found(invitation: Invitation | None, invitation_id: UUID) -> Invitation:
    if invitation is None:
        raise NotFoundError(f"There is no open invitation {invitation_id} for you to decide on.")
    return invitation


def _check_size(session: Session, competition: Competition, team_ids: Sequence[UUID]) -> None:
    size = sum(teams.count_members(session, team_id) for team_id in team_ids)
    if size > competition.max_team_size:
        raise TeamRefusedError(
            f"The team would have {size} members; at most {competition.max_team_size} are allowed."
        )


def _check_quotas(session: Session, competition: Competition, team: Team, invited: Team) -> None:
    now = utc_now()
    for phase in session.scalars(select(Phase).where(Phase.competition_id == competition.id)):
        most = quotas.most_by_now(phase, quotas.quotas_of(session, phase, team.id), now=now)
        both = select(func.count()).where(
            Submission.phase_id == phase.id,
            Submission.team_id.in_((team.id, invited.id)),
            *quotas.counted(),
        )
        together = session.scalar(both) or 0
        if most is not None and together > most:
            raise TeamRefusedError(
                f"Together the teams have {together} submissions that count in {phase.title}; one team could "
                f"have made {most} by now. They cannot merge until then."
            )


def _merge(session: Session, team: Team, invited: Team) -> None:
    for table in (Participant, Submission):
        session.execute(update(table).where(table.team_id == invited.id).values(team_id=team.id))
    # Its name is free again. An only member's must not outlast the account, which leads here no more.
    invited.name_key = str(invited.id)
    if invited.is_solo:
        invited.name = invited.name_key
    invited.captain_id, invited.merged_into_id, invited.is_solo = None, team.id, False
    team.is_solo = False
    teams.settle_captain(session, team)
    moot = or_(
        Invitation.team_id == invited.id,
        Invitation.invited_id == invited.id,
    )
    session.execute(update(Invitation).where(moot, Invitation.ended_at.is_(None)).values(ended_at=utc_now()))
