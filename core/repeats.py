"""Uploads that are there already: known by their bytes, or by the key that their client gave them.

A key is its user's own, and stands for one upload for good.
"""

import hashlib
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from core.errors import IdempotencyKeyReusedError
from core.lifecycle import ENDED, SubmissionState, Verdict
from core.models import IdempotencyKey, Phase, Submission, Team, User

_REUSED = "This Idempotency-Key stands for another upload of yours. Use a new one for a new upload."


def find_same(session: Session, phase: Phase, team: Team, source_sha256: str) -> Submission | None:
    """Return what the team has in the phase of exactly these bytes, the rerun that counts where there is one.

    What the platform failed at, or was cancelled, is as if it were not there.
    """
    # A rerun has the time of what it repeats, and does not count yet while it is under way.
    waits = and_(Submission.rerun_of_id.is_not(None), Submission.state.not_in(ENDED))
    query = (
        select(Submission)
        .where(
            Submission.phase_id == phase.id,
            Submission.team_id == team.id,
            Submission.source_sha256 == source_sha256,
            Submission.superseded_at.is_(None),
            Submission.state != SubmissionState.CANCELLED,
            Submission.verdict.is_distinct_from(Verdict.PLATFORM_ERROR),
        )
        .order_by(waits, Submission.created_at, Submission.id)
        .options(joinedload(Submission.user))
    )
    return session.scalars(query).first()


def fingerprint(phase: Phase, source_sha256: str) -> str:
    """Return what tells one upload from another: where it goes, and its bytes, not the file's name."""
    return hashlib.sha256(f"{phase.id}:{source_sha256}".encode()).hexdigest()


def find(session: Session, user: User, key: str | None, sent: str) -> IdempotencyKey | None:
    """Return what a key stands for, or None for a new key or none at all.

    Raises:
        IdempotencyKeyReusedError: it stands for one whose fingerprint is not `sent`.
    """
    if key is None:
        return None
    query = select(IdempotencyKey).where(IdempotencyKey.user_id == user.id, IdempotencyKey.key == key)
    stored = session.scalar(query)
    if stored is not None and stored.fingerprint != sent:
        raise IdempotencyKeyReusedError(_REUSED)
    return stored


def is_known(session: Session, user_id: UUID, key: str) -> bool:
    """Return whether a key stands for an upload already."""
    query = select(IdempotencyKey.id).where(IdempotencyKey.user_id == user_id, IdempotencyKey.key == key)
    return session.scalar(query) is not None


def keep(session: Session, stored: IdempotencyKey) -> None:
    """Let a new key stand for an upload from now on.

    Raises:
        IdempotencyKeyReusedError: at the same instant it was used for another team's upload.
    """
    try:
        with session.begin_nested():
            session.add(stored)
    except IntegrityError as error:
        raise IdempotencyKeyReusedError(_REUSED) from error
