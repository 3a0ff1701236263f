"""The tables: who competes in what, what was submitted, what each run gave, and who works on it now."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import (
    JSON,
    DateTime,
    Dialect,
    Enum,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from core.lifecycle import NodeState, PhaseState, SubmissionState, Verdict


class Work(StrEnum):
    """What a shard asks a worker to do."""

    PREPARATION = "preparation"
    REFERENCES = "references"
    BASELINES = "baselines"
    RUNS = "runs"
    SCORING = "scoring"
    RESCORING = "rescoring"


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time in every database; SQLite alone would forget the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Turn an aware time into UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Give a stored time its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc_now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


def _words(enum: type[StrEnum]) -> Enum:
    return Enum(enum, native_enum=False, length=32, values_callable=lambda e: [word.value for word in e])


class Base(DeclarativeBase):
    """Common types and naming, so that migrations name every constraint the same way."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[dict[str, Any]]: JSON,
        SubmissionState: _words(SubmissionState),
        PhaseState: _words(PhaseState),
        NodeState: _words(NodeState),
        Verdict: _words(Verdict),
        Work: _words(Work),
    }

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, sort_order=-1)


Sha256 = String(64)
ScoringVersion = String(64)
REPLICATES = "<f4"
"""How NumPy names the type of stored replicates: float32, little-endian."""


class User(Base):
    """Somebody who may submit; the token itself is never stored."""

    __tablename__ = "user"

    name: Mapped[str] = mapped_column(String(64), unique=True)
    token_sha256: Mapped[str] = mapped_column(Sha256, unique=True)
    is_organizer: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Competition(Base):
    """A competition and its phases."""

    __tablename__ = "competition"

    slug: Mapped[str] = mapped_column(String(64), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    phases: Mapped[list["Phase"]] = relationship(back_populates="competition", order_by="Phase.position")


class Phase(Base):
    """One leaderboard: its data, models, limits, secret, and the version of the metric that ranks it.

    `rescoring_version` is what a rescoring leads to, while it is under way or after it failed; its problem
    says why. `score_decimals`: how far participants see scores; None: wholly. `retraining_s`: what one
    retraining takes on the phase's hardware, once measured.
    """

    __tablename__ = "phase"
    __table_args__ = (UniqueConstraint("competition_id", "slug"),)

    competition_id: Mapped[UUID] = mapped_column(ForeignKey("competition.id"))
    slug: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(200))
    position: Mapped[int]
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime | None]
    n_models: Mapped[int]
    runs_per_shard: Mapped[int]
    dataset: Mapped[dict[str, Any]]
    architecture: Mapped[dict[str, Any]]
    recipe: Mapped[dict[str, Any]]
    limits: Mapped[dict[str, Any]]
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


class ReferenceModel(Base):
    """What one model, retrained without the forget set, gave in the evaluation.

    `reference_key` stands for all that it is made from. Submissions are measured against set 0; the
    independent set 1 gives the ceiling.
    """

    __tablename__ = "reference_model"
    __table_args__ = (UniqueConstraint("reference_key", "set_index", "model_index"),)

    reference_key: Mapped[str] = mapped_column(Sha256)
    set_index: Mapped[int]
    model_index: Mapped[int]
    evaluation_sha256: Mapped[str] = mapped_column(Sha256)
    weights_sha256: Mapped[str | None] = mapped_column(Sha256)
    seconds: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Submission(Base):
    """One uploaded `unlearning` function in one phase."""

    __tablename__ = "submission"
    __table_args__ = (Index(None, "phase_id", "user_id", "source_sha256"),)

    phase_id: Mapped[UUID] = mapped_column(ForeignKey("phase.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"))
    filename: Mapped[str] = mapped_column(String(200))
    source_sha256: Mapped[str] = mapped_column(Sha256)
    size_bytes: Mapped[int]
    state: Mapped[SubmissionState] = mapped_column(default=SubmissionState.UPLOADED)
    verdict: Mapped[Verdict | None]
    message: Mapped[str] = mapped_column(Text, default="")
    warnings: Mapped[list[str]] = mapped_column(JSON, default=list)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    phase: Mapped[Phase] = relationship()
    user: Mapped[User] = relationship()


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


class Shard(Base):
    """A piece of work, a range of runs for one, that one worker at a time holds under a lease.

    Only rescoring names its version here; all other scoring is under the version that the phase has.
    """

    __tablename__ = "shard"

    work: Mapped[Work]
    phase_id: Mapped[UUID] = mapped_column(ForeignKey("phase.id"), index=True)
    submission_id: Mapped[UUID | None] = mapped_column(ForeignKey("submission.id"), index=True)
    set_index: Mapped[int] = mapped_column(default=0)
    start: Mapped[int]
    stop: Mapped[int]
    scoring_version: Mapped[str | None] = mapped_column(ScoringVersion)
    done: Mapped[bool] = mapped_column(default=False, index=True)
    failures: Mapped[int] = mapped_column(default=0)
    lease_holder: Mapped[str | None] = mapped_column(String(200))
    lease_expires_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
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
    __table_args__ = (UniqueConstraint("submission_id", "scoring_version"),)

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


class Node(Base):
    """A worker host: its GPUs, the sandbox that it proved, or why it takes no work.

    `sandbox`, `image`, `mode` and `findings` are those of the last self-test; see `core.nodes`.
    """

    __tablename__ = "node"

    name: Mapped[str] = mapped_column(String(200), unique=True)
    state: Mapped[NodeState]
    problem: Mapped[str] = mapped_column(Text, default="")
    sandbox: Mapped[str] = mapped_column(String(64), default="")
    image: Mapped[str | None] = mapped_column(String(200))
    mode: Mapped[str] = mapped_column(String(64), default="")
    findings: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    slots: Mapped[int]
    gpus: Mapped[list[str]] = mapped_column(JSON, default=list)
    started_at: Mapped[datetime] = mapped_column(default=utc_now)
    seen_at: Mapped[datetime] = mapped_column(default=utc_now)
