"""Submissions, their runs and scores, and what the phase's own models score."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.lifecycle import SubmissionState, Verdict
from core.models.accounts import User
from core.models.base import Base, Name, ScoringVersion, Sha256, Title, utc_now
from core.models.competitions import Phase
from core.models.teams import Team


class Submission(Base):
    """One uploaded `unlearning` function in one phase; its team competes with it.

    `origin_id` is the submission of an earlier phase that it was migrated from, `rerun_of_id` the one that an
    organizer had run again. That one is `superseded_at` the time when its rerun has ended: only the rerun
    counts from then on. Superseded and disqualified submissions do not rank, nor does one that an organizer
    gave a `baseline_name`: it stands beside the ranking. `mean_run_seconds` is the mean over the runs, once
    they are complete.
    """

    __tablename__ = "submission"
    __table_args__ = (
        Index(None, "phase_id", "team_id", "source_sha256"),
        Index(None, "phase_id", "state"),
        UniqueConstraint("phase_id", "origin_id"),
        UniqueConstraint("phase_id", "baseline_name"),
    )

    phase_id: Mapped[UUID] = mapped_column(ForeignKey("phase.id"))
    team_id: Mapped[UUID] = mapped_column(ForeignKey("team.id"), index=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"), index=True)
    origin_id: Mapped[UUID | None] = mapped_column(ForeignKey("submission.id"))
    rerun_of_id: Mapped[UUID | None] = mapped_column(ForeignKey("submission.id"), index=True)
    filename: Mapped[str] = mapped_column(Title)
    source_sha256: Mapped[str] = mapped_column(Sha256)
    size_bytes: Mapped[int]
    state: Mapped[SubmissionState] = mapped_column(default=SubmissionState.UPLOADED)
    verdict: Mapped[Verdict | None]
    message: Mapped[str] = mapped_column(Text, default="")
    warnings: Mapped[list[str]] = mapped_column(default=list)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    mean_run_seconds: Mapped[float | None]
    selected_at: Mapped[datetime | None]
    superseded_at: Mapped[datetime | None]
    disqualified_at: Mapped[datetime | None]
    disqualified_reason: Mapped[str] = mapped_column(Text, default="")
    baseline_name: Mapped[str | None] = mapped_column(Name)
    phase: Mapped[Phase] = relationship()
    user: Mapped[User] = relationship()
    team: Mapped[Team] = relationship()


class Run(Base):
    """One execution of a submission under one seed; stored once, when it has ended."""

    __tablename__ = "run"
    __table_args__ = (UniqueConstraint("submission_id", "run_index"),)

    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submission.id"))
    run_index: Mapped[int]
    verdict: Mapped[Verdict]
    message: Mapped[str] = mapped_column(Text, default="")
    log: Mapped[str] = mapped_column(Text, default="", deferred=True)
    evaluation_sha256: Mapped[str | None] = mapped_column(Sha256)
    sandbox: Mapped[str | None] = mapped_column(String(200))
    seconds: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class _Numbers:
    """The columns that a score and a baseline share; `_low` and `_high` are the ends of 95 % intervals."""

    scoring_version: Mapped[str] = mapped_column(ScoringVersion)
    final_score: Mapped[float]
    final_score_low: Mapped[float | None]
    final_score_high: Mapped[float | None]
    forgetting_quality: Mapped[float]
    forgetting_quality_low: Mapped[float | None]
    forgetting_quality_high: Mapped[float | None]
    retain_ratio: Mapped[float]
    test_ratio: Mapped[float]
    retain_accuracy: Mapped[float]
    test_accuracy: Mapped[float]
    n_models: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Score(_Numbers, Base):
    """What a finished submission earned under one version of the metric.

    `replicates` are its bootstrapped final scores, of the type `REPLICATES`; those of all submissions of a
    phase under one version pair. `artifact_sha256` is what it was computed from.
    """

    __tablename__ = "score"
    __table_args__ = (
        UniqueConstraint("submission_id", "scoring_version"),
        # Holds all that ranking asks of a score: the rows themselves are a page of the database each.
        Index(None, "submission_id", "scoring_version", "final_score"),
    )

    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submission.id"))
    replicates: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    artifact_sha256: Mapped[str | None] = mapped_column(Sha256)
    report_sha256: Mapped[str | None] = mapped_column(Sha256)


class Baseline(_Numbers, Base):
    """What the phase's own models score: `ceiling` (references) and `floor` (the original model)."""

    __tablename__ = "baseline"
    __table_args__ = (UniqueConstraint("phase_id", "name", "scoring_version"),)

    phase_id: Mapped[UUID] = mapped_column(ForeignKey("phase.id"))
    name: Mapped[str] = mapped_column(String(32))


class IdempotencyKey(Base):
    """What a client called an upload, so that it can be repeated; `fingerprint` is of what was sent.

    `created` says whether the upload made the submission, or found it there.
    """

    __tablename__ = "idempotency_key"
    __table_args__ = (UniqueConstraint("user_id", "key"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"))
    key: Mapped[str] = mapped_column(String(255))
    fingerprint: Mapped[str] = mapped_column(Sha256)
    created: Mapped[bool]
    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submission.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
