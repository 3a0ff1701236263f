"""The shapes of what organizers and admins ask for, and of the answers."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import Answer, Numbers
from core.lifecycle import ParticipantState, SubmissionState, Verdict, Work
from core.models import Announcement, Organizer, Participant
from core.submission_search import Found
from core.workload import Piece

# No database holds the character 0.
Text = Annotated[str, Field(min_length=1, max_length=20_000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
OptionalText = Annotated[str, Field(max_length=20_000, pattern=r"^[^\x00]*$")]
_IN_LINE = r"[^\x00-\x1f\x7f]*"
Line = Annotated[str, Field(max_length=200, pattern=rf"^{_IN_LINE}[^\x00-\x20\x7f]{_IN_LINE}$")]


class Request(BaseModel):
    """What every request has in common: nothing in it is passed over."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Reason(Request):
    """Why an organizer does something that hurts; those concerned may read it."""

    reason: Text


class OptionalReason(Request):
    """Why an organizer does something, if they care to say."""

    reason: OptionalText = ""


class NamedUser(Request):
    """Somebody, by their name."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]


class ParticipantAnswer(Answer):
    """Somebody's part in a competition, for its organizers."""

    id: UUID
    user_id: UUID
    name: str
    team_id: UUID
    team: str
    state: ParticipantState
    reason: str = Field(description="What the organizer gave who banned them.")
    created_at: datetime

    @classmethod
    def of(cls, part: Participant) -> Self:
        """Describe a stored participant."""
        return cls(
            id=part.id,
            user_id=part.user_id,
            name=part.user.name,
            team_id=part.team_id,
            team=part.team.name,
            state=part.state,
            reason=part.reason,
            created_at=part.created_at,
        )


class ParticipantList(Answer):
    """Participants, who came last first."""

    participants: list[ParticipantAnswer]


class OrganizerAnswer(Answer):
    """Somebody who runs a competition."""

    user_id: UUID
    name: str
    created_at: datetime

    @classmethod
    def of(cls, organizer: Organizer) -> Self:
        """Describe a stored organizer."""
        return cls(user_id=organizer.user_id, name=organizer.user.name, created_at=organizer.created_at)


class OrganizerList(Answer):
    """Who runs a competition."""

    organizers: list[OrganizerAnswer]


class UserAnswer(Answer):
    """An account, for admins."""

    id: UUID
    name: str
    email: str | None = Field(description="Null until the owner has confirmed one.")
    is_admin: bool
    created_at: datetime


class UserList(Answer):
    """Accounts, newest first."""

    users: list[UserAnswer]


class FoundSubmission(Answer):
    """A submission, for organizers: all that is known of it but what it printed."""

    id: UUID
    phase: str
    team_id: UUID
    team: str
    user: str
    filename: str
    state: SubmissionState
    verdict: Verdict | None
    message: str
    score: Numbers | None = Field(description="Rounded as the phase says, as everywhere.")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    selected_at: datetime | None
    origin_id: UUID | None = Field(
        description="The submission of an earlier phase that it was migrated from."
    )
    rerun_of_id: UUID | None
    superseded_at: datetime | None = Field(description="When its rerun took its place.")
    disqualified_at: datetime | None
    disqualified_reason: str

    @classmethod
    def of(cls, found: Found) -> Self:
        """Describe a submission that was found."""
        one = found.submission
        return cls(
            **{name: getattr(one, name) for name in _SAME},
            phase=one.phase.slug,
            team=one.team.name,
            user=one.user.name,
            score=None if found.score is None else Numbers.of(one.phase, found.score),
        )


_SAME = set(FoundSubmission.model_fields) - {"phase", "team", "user", "score"}


class FoundSubmissions(Answer):
    """Submissions, newest first."""

    submissions: list[FoundSubmission]


class PieceAnswer(Answer):
    """A piece of work that is not done."""

    id: UUID
    work: Work
    competition: str
    phase: str
    submission_id: UUID | None = Field(description="Null for work on the phase's own models.")
    team: str | None
    start: int = Field(description="The first of its runs or models.")
    stop: int = Field(description="The one after the last.")
    state: Literal["running", "waiting"]
    worker: str | None = Field(description="The host that has it, or had it.")
    since: datetime = Field(description="When that host took it, or since when it waits.")
    failures: int = Field(description="How often in a row the platform failed at it.")
    reason: str = Field(description="Why it waits; empty if it does not.")

    @classmethod
    def of(cls, piece: Piece) -> Self:
        """Describe a piece of work."""
        shard, submission = piece.shard, piece.submission
        return cls(
            id=shard.id,
            work=shard.work,
            competition=piece.phase.competition.slug,
            phase=piece.phase.slug,
            submission_id=shard.submission_id,
            team=None if submission is None else submission.team.name,
            start=shard.start,
            stop=shard.stop,
            state=piece.state,
            worker=piece.worker,
            since=piece.since,
            failures=shard.failures,
            reason=piece.reason,
        )


class Queue(Answer):
    """What is not done yet, what was asked for first at first."""

    pieces: list[PieceAnswer]


class AuditEventAnswer(Answer):
    """One action, as it was written down."""

    id: UUID
    at: datetime
    actor_id: UUID | None = Field(description="Null: the platform itself.")
    actor_name: str
    competition_id: UUID | None
    action: str
    target: str
    reason: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditList(Answer):
    """Actions, newest first."""

    events: list[AuditEventAnswer]


class NewAnnouncement(Request):
    """What organizers tell everybody who takes part."""

    subject: Line
    body: Text


class AnnouncementAnswer(Answer):
    """What organizers told everybody who takes part."""

    id: UUID
    subject: str
    body: str
    created_at: datetime

    @classmethod
    def of(cls, announcement: Announcement) -> Self:
        """Describe a stored announcement."""
        return cls.model_validate(announcement)


class AnnouncementList(Answer):
    """Announcements, newest first."""

    announcements: list[AnnouncementAnswer]
