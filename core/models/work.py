"""Work and who does it: shards under leases, worker hosts, and the reference models that came of it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.lifecycle import NodeState, Work
from core.models.base import Base, ScoringVersion, Sha256, utc_now


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


class Shard(Base):
    """A piece of work, a range of runs for one, that one worker at a time holds under a lease.

    Only rescoring names its version here; all other scoring is under the version that the phase has.
    `taken_at` is when it was last given to a worker, who renews the lease for as long as it works on it.
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
    taken_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


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
