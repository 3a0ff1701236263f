"""Teams: who is in which, how it is called and who leads it. Invitations and merging: `core.invitations`."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from core import access, audit, competitions, names, quotas
from core.errors import (
    NotAllowedError,
    NotFoundError,
    NotParticipantError,
    TeamRefusedError,
    TermsNotAcceptedError,
)
from core.lifecycle import ParticipantState
from core.models import Competition, Participant, Submission, Team, User, utc_now
from core.paging import Listed, Page, fetch


@dataclass(frozen=True)
class Roster:
    """A team and its members, the one who is longest in the competition first."""

    team: Team
    members: list[Participant]

    @property
    def captain(self) -> str:
        """The captain's name; empty where the captain may not take part any more."""
        return next((one.user.name for one in self.members if one.user_id == self.team.captain_id), "")


def admit(session: Session, competition: Competition, user: User) -> Participant:
    """Return the part of somebody who may submit; who never entered an open competition does so now.

    Raises:
        NotParticipantError: there are terms to accept first, an organizer has to approve, or there is a ban.
        NotAuthenticatedError, NotFoundError: the account, or the competition, was deleted meanwhile.
    """
    user = access.hold(session, user)
    return find_admitted(session, competition, user) or enter(session, competition, user)


def find_admitted(session: Session, competition: Competition, user: User) -> Participant | None:
    """Return the part of somebody who may submit, or None for one who may enter; see `admit`."""
    part = access.find_participant(session, user.id, competition.id)
    if part is None:
        if competition.terms or competition.approves_participants:
            raise NotParticipantError(f"Join {competition.title} first, and accept its terms.")
        return None
    if part.state is ParticipantState.PENDING:
        raise NotParticipantError(f"An organizer of {competition.title} has to let you in first.")
    if part.state is ParticipantState.BANNED:
        raise NotParticipantError(f"You may not take part in {competition.title}.")
    return part


def join(session: Session, competition: Competition, user: User, *, accepts_terms: bool) -> Participant:
    """Let somebody take part, at once or once an organizer has approved; who does already stays as they are.

    Raises:
        TermsNotAcceptedError: the competition has terms.
        NotAuthenticatedError, NotFoundError: the account, or the competition, was deleted meanwhile.
    """
    if competition.terms and not accepts_terms:
        raise TermsNotAcceptedError(f"Read the terms of {competition.title}, and accept them to take part.")
    return enter(session, competition, access.hold(session, user))


def enter(session: Session, competition: Competition, user: User) -> Participant:
    """Make somebody a participant, in a team of one, who is none yet, if the competition is still there."""
    earlier = access.find_participant(session, user.id, competition.id)
    if earlier is not None:
        return earlier
    competitions.keep(session, competition)
    state = ParticipantState.PENDING if competition.approves_participants else ParticipantState.APPROVED
    try:
        with session.begin_nested():
            team = _new_solo_team(session, competition.id, user)
            part = Participant(competition_id=competition.id, user_id=user.id, team=team, state=state)
            session.add(part)
    except IntegrityError:
        earlier = access.find_participant(session, user.id, competition.id)
        if earlier is None:
            raise
        return earlier
    return part


def _new_solo_team(session: Session, competition_id: UUID, user: User) -> Team:
    """Return a new team of one, called like its member, or almost so where another team took that name."""
    taken = select(Team.id).where(Team.competition_id == competition_id, Team.name_key == user.name_key)
    mark = "" if session.scalar(taken) is None else f"-{user.id.hex[:8]}-{utc_now():%y%m%d%H%M%S}"
    team = Team(
        competition_id=competition_id,
        name=user.name[: 64 - len(mark)] + mark,
        name_key=user.name_key[: 64 - len(mark)] + mark,
        captain_id=user.id,
        is_solo=True,
    )
    session.add(team)
    session.flush()
    return team


def lock(session: Session, team_id: UUID) -> Team:
    """Return a team that nobody else changes, or submits for; raise `NotFoundError` if there is none."""
    locked = select(Team).where(Team.id == team_id).with_for_update()
    team = session.scalar(locked.execution_options(populate_existing=True))
    if team is None:
        raise NotFoundError(f"There is no team {team_id}.")
    return team


def lock_owner(session: Session, submission_id: UUID) -> Team:
    """Return the team of a submission, locked; lock it before the submission."""
    return _lock_current(session, select(Submission.team_id).where(Submission.id == submission_id))


def lock_own(session: Session, part: Participant) -> Team:
    """Return the team that somebody is in, locked."""
    return _lock_current(session, select(Participant.team_id).where(Participant.id == part.id))


def _lock_current(session: Session, which: Select[UUID]) -> Team:
    """Return the team whose id a query finds, and still finds once the team is locked."""
    while (team_id := session.scalar(which)) is not None:
        team = lock(session, team_id)
        if session.scalar(which) == team_id:  # they did not merge while this waited
            return team
    raise NotFoundError("They take part no longer: their account was deleted.")


def lock_as_captain(session: Session, team_id: UUID, user: User, competition: Competition) -> Team:
    """Return a team, locked, that this user leads and may change now.

    Raises:
        NotAuthenticatedError: the account was deleted meanwhile.
        NotParticipantError: the user may not take part.
        NotAllowedError: somebody else is the captain.
        TeamRefusedError: the deadline for changes is over.
    """
    find_admitted(session, competition, access.hold(session, user))
    team = lock(session, team_id)
    if team.captain_id != user.id:
        raise NotAllowedError("Only the captain of the team may do this.")
    check_deadline(competition)
    return team


def check_deadline(competition: Competition) -> None:
    """Raise `TeamRefusedError` once teams may not change any more."""
    deadline = competition.team_deadline
    if deadline is not None and utc_now() >= deadline:
        raise TeamRefusedError(f"Teams could change until {deadline:%Y-%m-%d %H:%M:%S} UTC.")


def create(session: Session, competition: Competition, user: User, name: str) -> Team:
    """Make a team of what was somebody alone: give it a name. Others join it by invitation.

    Raises:
        NotParticipantError: the user may not take part.
        TeamRefusedError: the user is in a team already, the name will not do, or the deadline is over.
    """
    team = lock_own(session, admit(session, competition, user))
    if not team.is_solo or team.captain_id != user.id:
        raise TeamRefusedError(f"You are in {team.name}. Leave it first, or let its captain rename it.")
    return rename(session, competition, team.id, user, name)


def rename(session: Session, competition: Competition, team_id: UUID, user: User, name: str) -> Team:
    """Give a team another name.

    Raises:
        NotAllowedError: somebody else is the captain.
        TeamRefusedError: the name will not do, or the deadline is over.
    """
    team = lock_as_captain(session, team_id, user, competition)
    everybody = [part.user for part in members(session, [team.id])]
    name = names.check(session, team, name, members=everybody)
    try:
        with session.begin_nested():
            team.name, team.name_key, team.is_solo = name, names.key_of(name), False
    except IntegrityError as error:  # at the same instant another team took it
        raise TeamRefusedError(f"Another team is called `{name}`. Choose another name.") from error
    return team


def members(session: Session, team_ids: Sequence[UUID]) -> list[Participant]:
    """Return all who are in these teams, banned or not, the one who is longest in the competition first."""
    query = select(Participant).where(Participant.team_id.in_(team_ids)).options(joinedload(Participant.user))
    return list(session.scalars(query.order_by(Participant.created_at, Participant.id)))


def count_members(session: Session, team_id: UUID) -> int:
    """Return how many are in a team, banned or not: who may come back needs their place."""
    return session.scalar(select(func.count()).where(Participant.team_id == team_id)) or 0


def roster(session: Session, team: Team) -> Roster:
    """Return a team with its members who take part."""
    return Roster(team, _approved(members(session, [team.id])))


def list_teams(session: Session, competition: Competition, page: Page) -> Listed[Roster]:
    """Return the teams of a competition that somebody takes part in, newest first."""
    takes_part = exists().where(
        Participant.team_id == Team.id, Participant.state == ParticipantState.APPROVED
    )
    query = select(Team).where(Team.competition_id == competition.id, takes_part)
    listed = fetch(session, query, page, by=(Team.created_at, Team.id))
    everybody = _approved(members(session, [team.id for team in listed.rows]))
    rows = [Roster(team, [part for part in everybody if part.team_id == team.id]) for team in listed.rows]
    return Listed(rows, listed.next_cursor)


def _approved(parts: list[Participant]) -> list[Participant]:
    return [part for part in parts if part.state is ParticipantState.APPROVED]


def leave(session: Session, competition: Competition, team_id: UUID, leaver: str, actor: User) -> Participant:
    """Take somebody out of a team into one of their own; a captain hands over, see `settle_captain`.

    One may leave, and the captain may remove others, while the team has no submission that counts, so that
    nobody takes a fresh quota along. Organizers may remove anybody at any time; submissions stay.

    Raises:
        NotFoundError: nobody of that name is in the team.
        NotAllowedError: the actor is neither that member, nor the captain, nor an organizer.
        TeamRefusedError: the member is alone, the team has submitted, or the deadline is over.
    """
    team = lock(session, team_id)
    everybody = members(session, [team_id])
    part = next((one for one in everybody if one.user.name_key == leaver.casefold()), None)
    if part is None:
        raise NotFoundError(f"There is no `{leaver}` in this team.")
    if len(everybody) == 1:
        raise TeamRefusedError(f"{part.user.name} is alone in the team; nobody is left to be its captain.")
    organizes = access.is_organizer(session, actor, competition.id)
    if not organizes:
        if actor.id not in {part.user_id, team.captain_id}:
            raise NotAllowedError("Only the captain may remove others from the team.")
        check_deadline(competition)
        if _has_submitted(session, team_id):
            raise TeamRefusedError("The team has submissions that count; nobody can leave it any more.")
    part.team = _new_solo_team(session, competition.id, part.user)
    settle_captain(session, team, organizer=actor if organizes else None)
    if organizes:
        audit.record(
            session,
            actor=actor,
            action="team.remove_member",
            competition_id=competition.id,
            target=part.user.name,
            before={"team": team.name},
            after={"team": part.team.name},
        )
    session.flush()
    return part


def settle_captain(session: Session, team: Team, *, organizer: User | None = None) -> None:
    """Let a team be led by somebody who takes part, if anybody in it does; else by whoever is in it.

    A captain who may not stay hands over to the one who is longest in the competition. Call it with the team
    locked, when its members or what they may do have changed.

    Args:
        session: the transaction.
        team: the team, locked.
        organizer: who brought it about, if an organizer did: their deeds are in the audit log.
    """
    everybody = members(session, [team.id])
    fit = _approved(everybody) or everybody
    if not fit or team.captain_id in {one.user_id for one in fit}:
        return
    before = None if team.captain_id is None else session.get_one(User, team.captain_id).name
    team.captain_id = fit[0].user_id
    if organizer is not None:
        audit.record(
            session,
            actor=organizer,
            action="team.hand_over",
            competition_id=team.competition_id,
            target=team.name,
            before={"captain": before},
            after={"captain": fit[0].user.name},
        )


def _has_submitted(session: Session, team_id: UUID) -> bool:
    mine = select(Submission.id).where(Submission.team_id == team_id, *quotas.counted())
    return session.scalars(mine.limit(1)).first() is not None
