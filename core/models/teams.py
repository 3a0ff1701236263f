"""Who takes part in a competition, in which team. Everybody has one: who is alone is a team of one."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.lifecycle import ParticipantState
from core.models.accounts import User
from core.models.base import Base, Name, utc_now


class Team(Base):
    """Who submits, and is ranked, together. One that merged into another is kept, empty.

    `name_key` is the case-folded name, unique in the competition. The captain invites, and is a member.
    """

    __tablename__ = "team"
    __table_args__ = (UniqueConstraint("competition_id", "name_key"),)

    competition_id: Mapped[UUID] = mapped_column(ForeignKey("competition.id"))
    name: Mapped[str] = mapped_column(Name)
    name_key: Mapped[str] = mapped_column(Name)
    captain_id: Mapped[UUID | None] = mapped_column(ForeignKey("user.id"))
    is_solo: Mapped[bool] = mapped_column(default=False)
    merged_into_id: Mapped[UUID | None] = mapped_column(ForeignKey("team.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Participant(Base):
    """Somebody's part in a competition; `reason` is what an organizer gave for the state."""

    __tablename__ = "participant"
    __table_args__ = (UniqueConstraint("competition_id", "user_id"),)

    competition_id: Mapped[UUID] = mapped_column(ForeignKey("competition.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"), index=True)
    team_id: Mapped[UUID] = mapped_column(ForeignKey("team.id"), index=True)
    state: Mapped[ParticipantState]
    reason: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    user: Mapped[User] = relationship()
    team: Mapped[Team] = relationship()


class Invitation(Base):
    """A team asks another, most often of one, to become part of it; open until `ended_at`."""

    __tablename__ = "invitation"

    team_id: Mapped[UUID] = mapped_column(ForeignKey("team.id"), index=True)
    invited_id: Mapped[UUID] = mapped_column(ForeignKey("team.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    ended_at: Mapped[datetime | None]
    accepted: Mapped[bool] = mapped_column(default=False)
    team: Mapped[Team] = relationship(foreign_keys=team_id)
    invited: Mapped[Team] = relationship(foreign_keys=invited_id)


class TeamQuota(Base):
    """What organizers allow one team in one phase instead of its quotas; None: as the phase says."""

    __tablename__ = "team_quota"
    __table_args__ = (UniqueConstraint("phase_id", "team_id"),)

    phase_id: Mapped[UUID] = mapped_column(ForeignKey("phase.id"))
    team_id: Mapped[UUID] = mapped_column(ForeignKey("team.id"), index=True)
    per_day: Mapped[int | None]
    total: Mapped[int | None]
    concurrent: Mapped[int | None]
