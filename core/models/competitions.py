"""Competitions and their phases: what the rules are, and what has been decided."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.lifecycle import BoardRule, BoardVisibility, PhaseState
from core.models.accounts import User
from core.models.base import Base, Name, ScoringVersion, Sha256, Title, utc_now


class Competition(Base):
    """A competition and its phases.

    One that is not `published` is seen by its organizers alone. `pages` are {title, content} in Markdown;
    `winners` are {team, place, prize, note}, as announced. With `approves_participants` an organizer lets
    each of them in. Teams change until `team_deadline`.
    """

    __tablename__ = "competition"

    slug: Mapped[str] = mapped_column(Name, unique=True)
    title: Mapped[str] = mapped_column(Title)
    description: Mapped[str] = mapped_column(Text, default="")
    published: Mapped[bool] = mapped_column(default=True)
    terms: Mapped[str] = mapped_column(Text, default="")
    pages: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    image_sha256: Mapped[str | None] = mapped_column(Sha256)
    image_type: Mapped[str] = mapped_column(String(32), default="")
    approves_participants: Mapped[bool] = mapped_column(default=False)
    max_team_size: Mapped[int] = mapped_column(default=5)
    team_deadline: Mapped[datetime | None]
    winners: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    phases: Mapped[list["Phase"]] = relationship(back_populates="competition", order_by="Phase.position")

    @property
    def shown_winners(self) -> list[dict[str, Any]]:
        """The winners, for as long as results of a phase are published."""
        return self.winners if any(phase.published_at for phase in self.phases) else []


class Organizer(Base):
    """Somebody who runs a competition."""

    __tablename__ = "organizer"
    __table_args__ = (UniqueConstraint("competition_id", "user_id"),)

    competition_id: Mapped[UUID] = mapped_column(ForeignKey("competition.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    user: Mapped[User] = relationship()


class Announcement(Base):
    """What organizers told all participants; shown on the competition's page, and mailed."""

    __tablename__ = "announcement"

    competition_id: Mapped[UUID] = mapped_column(ForeignKey("competition.id"), index=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"))
    subject: Mapped[str] = mapped_column(Title)
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Phase(Base):
    """One leaderboard: its data, models, limits, secret, and the version of the metric that ranks it.

    `rescoring_version` is what a rescoring leads to, while it is under way or after it failed; its problem
    says why. `score_decimals`: how far participants see scores; None: wholly. `retraining_s`: what one
    retraining takes on the phase's hardware, once measured. `quotas`: see `core.quotas`. `as_written` is what
    its bundle says otherwise than the columns: what it calls the task and the leaderboard, and architecture
    and recipe before the preparation completed them.

    With `uploads` participants submit here; with `auto_migrate` the phase takes what the teams selected in
    the phase before it, at most `max_selected` each, at `migrated_at`. `opened_noted_at` and
    `closed_noted_at` are the opening and closing times that the platform has noted, as they were then.
    `image` is the id of the sandbox image that workers must have proved; None: any. Once `published_at` its
    results are the file `results_sha256`.
    """

    __tablename__ = "phase"
    __table_args__ = (UniqueConstraint("competition_id", "slug"),)

    competition_id: Mapped[UUID] = mapped_column(ForeignKey("competition.id"))
    slug: Mapped[str] = mapped_column(Name)
    title: Mapped[str] = mapped_column(Title)
    description: Mapped[str] = mapped_column(Text, default="")
    position: Mapped[int]
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime | None]
    n_models: Mapped[int]
    runs_per_shard: Mapped[int]
    dataset: Mapped[dict[str, Any]]
    architecture: Mapped[dict[str, Any]]
    recipe: Mapped[dict[str, Any]]
    as_written: Mapped[dict[str, Any]] = mapped_column(default=dict)
    limits: Mapped[dict[str, Any]]
    quotas: Mapped[dict[str, Any]] = mapped_column(default=dict)
    uploads: Mapped[bool] = mapped_column(default=True)
    auto_migrate: Mapped[bool] = mapped_column(default=False)
    max_selected: Mapped[int] = mapped_column(default=1)
    migrated_at: Mapped[datetime | None]
    opened_noted_at: Mapped[datetime | None]
    closed_noted_at: Mapped[datetime | None]
    image: Mapped[str | None] = mapped_column(String(200))
    board_rule: Mapped[BoardRule] = mapped_column(default=BoardRule.BEST)
    board_visibility: Mapped[BoardVisibility] = mapped_column(default=BoardVisibility.PUBLIC)
    published_at: Mapped[datetime | None]
    results_sha256: Mapped[str | None] = mapped_column(Sha256)
    show_logs: Mapped[bool]
    score_decimals: Mapped[int | None]
    secret: Mapped[bytes] = mapped_column(LargeBinary(32))
    scoring_version: Mapped[str] = mapped_column(ScoringVersion)
    rescoring_version: Mapped[str | None] = mapped_column(ScoringVersion)
    rescoring_problem: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[PhaseState] = mapped_column(default=PhaseState.PREPARING)
    problem: Mapped[str] = mapped_column(Text, default="")
    participant_part_sha256: Mapped[str | None] = mapped_column(Sha256)
    secret_part_sha256: Mapped[str | None] = mapped_column(Sha256)
    manifest_sha256: Mapped[str | None] = mapped_column(Sha256)
    original_sha256: Mapped[str | None] = mapped_column(Sha256)
    original_evaluation_sha256: Mapped[str | None] = mapped_column(Sha256)
    reference_key: Mapped[str | None] = mapped_column(Sha256)
    keep_reference_weights: Mapped[bool] = mapped_column(default=False)
    retraining_s: Mapped[float | None]
    competition: Mapped[Competition] = relationship(back_populates="phases")
