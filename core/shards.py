"""Leases on shards: the database, not the broker, says who works on what."""

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, or_, select, update
from sqlalchemy.orm import Session

from core import queue
from core.errors import LeaseLostError
from core.models import Competition, Node, Phase, Shard, Work, utc_now
from core.settings import get_settings

_RESEND_AFTER = timedelta(seconds=15)
_RESEND_EVEN_IF_QUEUED_AFTER = timedelta(minutes=5)

_COUNTS_ONLY = (Work.BASELINES, Work.SCORING, Work.RESCORING)
_ON_CUDA = select(Phase.id).where(Phase.limits["device"].as_string() == "cuda")
_QUEUE: ColumnElement[str] = case(
    (Shard.work.in_(_COUNTS_ONLY), queue.SCORING_QUEUE),
    (Shard.phase_id.in_(_ON_CUDA), queue.CUDA_QUEUE),
    else_=queue.RUNS_QUEUE,
)
"""The queue of a shard: what trains or runs models goes where the phase's device is."""

_IMAGE: ColumnElement[str | None] = case((Shard.work == Work.RUNS, Phase.image))
"""The sandbox image that a shard asks for: only what runs submissions does."""


@dataclass(frozen=True)
class Range:
    """Run or model indices from `start` up to, not including, `stop`."""

    start: int
    stop: int


class Waiting(NamedTuple):
    """Shards of one phase that are not done, and the queue through which they reach a worker.

    With an `image`, only workers take them that have proved their sandbox with it.
    """

    queue: str
    competition: str
    phase: str
    shards: int
    image: str | None = None


def split(total: int, *, size: int) -> list[Range]:
    """Return the ranges of at most `size` that cover 0 … total-1 in order."""
    return [Range(start, min(start + size, total)) for start in range(0, total, size)]


def add(session: Session, shard: Shard) -> None:
    """Insert a shard and enqueue it."""
    shard.sent_at = utc_now()
    session.add(shard)
    session.flush()
    name = session.scalars(select(_QUEUE).where(Shard.id == shard.id)).one()
    queue.enqueue(session, queue.Message(name, shard.id))


def take(session: Session, shard_id: UUID, *, holder: str) -> Shard | None:
    """Give `holder` the lease, or return None when there is nothing to take.

    A shard that is done or held by a live worker is not taken: a message delivered twice does nothing.
    Nor is one that belongs on another device, or in another image: the sweeper sends it again.
    """
    now, own = utc_now(), queue.queues_of(get_settings().sandbox_gpus)
    taken = session.execute(
        update(Shard)
        .where(Shard.id == shard_id, Shard.done.is_(False), _is_free(), _goes_to(*own), _has_image())
        .values(lease_holder=holder, lease_expires_at=now + _ttl(), taken_at=now)
        .returning(Shard.id)
    ).scalar_one_or_none()
    return None if taken is None else session.get_one(Shard, shard_id)


def check_held(session: Session, shard_id: UUID, *, holder: str) -> None:
    """Raise `LeaseLostError` if somebody else took the shard over, or nobody wants it any more."""
    held = select(Shard.id).where(Shard.id == shard_id, Shard.lease_holder == holder, Shard.done.is_(False))
    if session.scalar(held) is None:
        raise _lost(shard_id, holder)


def renew(session: Session, shard_id: UUID, *, holder: str) -> None:
    """Extend the lease of `holder`.

    Raises:
        LeaseLostError: somebody else took the shard over, or it is done.
    """
    _change_held(session, shard_id, holder, lease_expires_at=utc_now() + _ttl())


def note_progress(session: Session, shard_id: UUID, *, holder: str) -> None:
    """Extend the lease and forget earlier failures: only a shard that gets nowhere is given up."""
    _change_held(session, shard_id, holder, lease_expires_at=utc_now() + _ttl(), failures=0)


def finish(session: Session, shard_id: UUID, *, holder: str) -> None:
    """Mark the shard done and drop the lease."""
    _change_held(session, shard_id, holder, done=True, lease_holder=None, lease_expires_at=None)


def release_failed(session: Session, shard_id: UUID, *, holder: str) -> None:
    """Give the lease back after a platform error, for the sweeper to send the shard again.

    Raises:
        LeaseLostError: somebody else took the shard over, or it is done.
    """
    freed = {"lease_holder": None, "lease_expires_at": None, "sent_at": None}
    _change_held(session, shard_id, holder, failures=Shard.failures + 1, **freed)


def release_node(session: Session, node: str) -> int:
    """Free every shard held by earlier processes of a worker host that starts anew; return how many.

    Stopping a host, however roughly, is not the shard's failure.
    """
    held = update(Shard).where(Shard.lease_holder.startswith(f"{node}:", autoescape=True))
    freed = session.execute(
        held.values(lease_holder=None, lease_expires_at=None, sent_at=None).returning(Shard.id)
    )
    return len(freed.all())


def end_all(session: Session, submission_id: UUID) -> None:
    """Mark every shard of a submission done: nothing of it is to be run any more."""
    session.execute(
        update(Shard)
        .where(Shard.submission_id == submission_id)
        .values(done=True, lease_holder=None, lease_expires_at=None)
    )


def send_waiting(session: Session, *, empty_queues: frozenset[str]) -> list[UUID]:
    """Enqueue again the free shards whose message must be lost; return their ids.

    While its queue holds messages a waiting shard is most likely among them, so it is sent again only
    after some minutes; with an empty queue its message is gone.
    """
    now = utc_now()
    sent: list[UUID] = []
    for name in queue.QUEUES:
        patience = _RESEND_AFTER if name in empty_queues else _RESEND_EVEN_IF_QUEUED_AFTER
        lost = or_(Shard.sent_at.is_(None), Shard.sent_at < now - patience, Shard.lease_expires_at < now)
        waiting = session.scalars(
            select(Shard)
            .where(_goes_to(name), Shard.done.is_(False), _is_free(), lost)
            .order_by(Shard.created_at, Shard.start)
            .with_for_update(skip_locked=True)
        )
        for shard in waiting.all():
            shard.sent_at = now
            shard.failures += shard.lease_holder is not None
            shard.lease_holder = shard.lease_expires_at = None
            queue.enqueue(session, queue.Message(name, shard.id))
            sent.append(shard.id)
    return sent


def count_open(session: Session, *, phase_id: UUID, work: Work) -> int:
    """Return how many shards of this kind the phase still waits for."""
    open_shards = select(func.count()).where(
        Shard.phase_id == phase_id, Shard.work == work, Shard.done.is_(False)
    )
    return session.scalar(open_shards) or 0


def list_open(session: Session) -> list[Waiting]:
    """Return what is not done yet, by queue and phase."""
    open_shards = (
        select(_QUEUE.label("queue"), Competition.slug, Phase.slug, func.count(), _IMAGE.label("asked"))
        .join(Phase, Shard.phase_id == Phase.id)
        .join(Competition, Phase.competition_id == Competition.id)
        .where(Shard.done.is_(False))
        .group_by("queue", Competition.slug, Phase.slug, "asked")
        .order_by("queue", Competition.slug, Phase.slug, "asked")
    )
    return [Waiting(*row) for row in session.execute(open_shards)]


def _is_free() -> ColumnElement[bool]:
    return or_(Shard.lease_holder.is_(None), Shard.lease_expires_at < utc_now())


def _has_image() -> ColumnElement[bool]:
    """Return whether this worker host proved its sandbox with the image that a shard asks for."""
    proved = select(Node.image).where(Node.name == get_settings().node_name).scalar_subquery()
    fitting = select(Phase.id).where(or_(Phase.image.is_(None), Phase.image == proved))
    return or_(Shard.work != Work.RUNS, Shard.phase_id.in_(fitting))


def _goes_to(*queues: str) -> ColumnElement[bool]:
    return _QUEUE.in_(queues)


def _ttl() -> timedelta:
    return timedelta(seconds=get_settings().lease_ttl_s)


def _change_held(session: Session, shard_id: UUID, holder: str, **values: object) -> None:
    changed = session.execute(
        update(Shard)
        .where(Shard.id == shard_id, Shard.lease_holder == holder, Shard.done.is_(False))
        .values(**values)
        .returning(Shard.id)
    )
    if changed.one_or_none() is None:
        raise _lost(shard_id, holder)


def _lost(shard_id: UUID, holder: str) -> LeaseLostError:
    return LeaseLostError(f"shard {shard_id} is no longer held by {holder}")
