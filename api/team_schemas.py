"""The shapes of requests and answers about teams, their members, invitations and quotas."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import Answer, SubmissionAnswer
from core.lifecycle import ParticipantState
from core.models import Invitation, Participant
from core.quotas import Allowance, Usage
from core.teams import Roster


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class JoinRequest(_Request):
    """Somebody wants to take part."""

    accept_terms: bool = Field(default=False, description="Must be true where the competition has terms.")


class TeamRequest(_Request):
    """What a team is to be called."""

    name: str = Field(max_length=200)


class InvitationRequest(_Request):
    """Whose team is invited."""

    participant: str = Field(max_length=200, description="The name of anybody in that team.")


class TeamAnswer(Answer):
    """A team, as everybody sees it."""

    id: UUID
    name: str
    captain: str = Field(description="Empty while the captain may not take part.")
    members: list[str] = Field(description="Who is longest in the competition stands first.")
    size: int
    created_at: datetime

    @classmethod
    def of(cls, roster: Roster) -> Self:
        """Describe a team and its members."""
        names = [part.user.name for part in roster.members]
        return cls(
            id=roster.team.id,
            name=roster.team.name,
            captain=roster.captain,
            members=names,
            size=len(names),
            created_at=roster.team.created_at,
        )


class TeamList(Answer):
    """Teams of a competition, newest first."""

    teams: list[TeamAnswer]


class ParticipantAnswer(Answer):
    """Somebody's part in a competition, as they see it themselves."""

    competition: str
    name: str
    state: ParticipantState
    reason: str = Field(description="What an organizer gave for the state.")
    team: TeamAnswer

    @classmethod
    def of(cls, competition: str, part: Participant, roster: Roster) -> Self:
        """Describe a stored participant."""
        return cls(
            competition=competition,
            name=part.user.name,
            state=part.state,
            reason=part.reason,
            team=TeamAnswer.of(roster),
        )


class InvitationAnswer(Answer):
    """One team asks another to become part of it."""

    id: UUID
    team_id: UUID
    team: str = Field(description="The name of the team that asks.")
    invited: str = Field(description="The name of the team that is asked.")
    created_at: datetime

    @classmethod
    def of(cls, invitation: Invitation) -> Self:
        """Describe a stored invitation."""
        return cls(
            id=invitation.id,
            team_id=invitation.team_id,
            team=invitation.team.name,
            invited=invitation.invited.name,
            created_at=invitation.created_at,
        )


class InvitationList(Answer):
    """Open invitations, the oldest first."""

    invitations: list[InvitationAnswer]


class AllowanceAnswer(Answer):
    """One quota of a team in a phase."""

    limit: int | None = Field(description="Null: any number.")
    used: int
    left: int | None = Field(description="Null: any number.")
    resets_at: datetime | None = Field(description="When `used` begins at 0 again; null: not by the clock.")

    @classmethod
    def of(cls, allowance: Allowance) -> Self:
        """Describe one quota."""
        return cls.model_validate(allowance)


class UsageAnswer(Answer):
    """What a team has used of its quotas in a phase."""

    per_day: AllowanceAnswer = Field(description="Of one day, from 00:00 to 24:00 UTC.")
    total: AllowanceAnswer
    concurrent: AllowanceAnswer = Field(description="Submissions that have not ended.")

    @classmethod
    def of(cls, usage: Usage) -> Self:
        """Describe what is used."""
        return cls.model_validate(usage)


class SelectionAnswer(Answer):
    """How many submissions of a team are selected in a phase, and how many may be."""

    selected: int
    most: int = Field(description="0 where nothing is selected.")


class OwnSubmissions(Answer):
    """The submissions of one's team in a phase, newest first, and what more it may do there."""

    submissions: list[SubmissionAnswer]
    usage: UsageAnswer
    selection: SelectionAnswer
