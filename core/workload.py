"""The work that is not done: what runs where, since when, and what waits for how long and why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from core import nodes, paging
from core.models import Phase, Shard, Submission, Work, utc_now
from core.paging import Listed, Page

NO_WORKER = "No worker that takes work has the device, or the sandbox image, that the phase asks for."
LOST = "The worker that had it was not heard of in time; the sweeper gives it to another."
FAILED = "It failed and is tried again."
BUSY = "All workers that could do it are busy, or its message is on its way."


@dataclass(frozen=True)
class Piece:
    """One shard that is not done.

    Attributes:
        shard: what is to be done, with its failures in a row.
        phase: of which phase, with its competition.
        submission: of which submission, with its team; None for the phase's own models.
        state: whether a worker has it.
        worker: the host that has it, or had it.
        since: when that host took it, or since when it waits.
        reason: why it waits; empty if it does not.
    """

    shard: Shard
    phase: Phase
    submission: Submission | None
    state: Literal["running", "waiting"]
    worker: str | None
    since: datetime
    reason: str


def list_pieces(session: Session, competition_id: UUID | None, page: Page) -> Listed[Piece]:
    """Return the work of one competition, or of all, that is not done, what was asked for first at first."""
    query = select(Shard).where(Shard.done.is_(False))
    if competition_id is not None:
        of_competition = select(Phase.id).where(Phase.competition_id == competition_id)
        query = query.where(Shard.phase_id.in_(of_competition))
    listed = paging.fetch(session, query, page, by=(Shard.created_at, Shard.id), newest_first=False)
    phases = _phases(session, {shard.phase_id for shard in listed.rows})
    owners = _submissions(session, {shard.submission_id for shard in listed.rows if shard.submission_id})
    # An image is asked for by runs alone.
    unserved = {(one.competition, one.phase, one.image) for one in nodes.list_unserved(session)}
    pieces = []
    for shard in listed.rows:
        phase = phases[shard.phase_id]
        image = phase.image if shard.work is Work.RUNS else None
        nobody = (phase.competition.slug, phase.slug, image) in unserved
        owner = None if shard.submission_id is None else owners[shard.submission_id]
        pieces.append(_piece(shard, phase, owner, nobody=nobody))
    return Listed(pieces, listed.next_cursor)


def _piece(shard: Shard, phase: Phase, submission: Submission | None, *, nobody: bool) -> Piece:
    worker = None if shard.lease_holder is None else shard.lease_holder.rsplit(":", 2)[0]
    held = shard.lease_expires_at is not None and shard.lease_expires_at > utc_now()
    if worker is not None and held:
        since = shard.taken_at or shard.created_at
        return Piece(shard, phase, submission, "running", worker, since, "")
    reason = BUSY
    if nobody:
        reason = NO_WORKER
    elif worker is not None:
        reason = LOST
    elif shard.failures:
        reason = FAILED
    return Piece(shard, phase, submission, "waiting", worker, shard.created_at, reason)


def _phases(session: Session, ids: set[UUID]) -> dict[UUID, Phase]:
    query = select(Phase).where(Phase.id.in_(ids)).options(joinedload(Phase.competition))
    return {phase.id: phase for phase in session.scalars(query)}


def _submissions(session: Session, ids: set[UUID]) -> dict[UUID, Submission]:
    query = select(Submission).where(Submission.id.in_(ids)).options(joinedload(Submission.team))
    return {submission.id: submission for submission in session.scalars(query)}
