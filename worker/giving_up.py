"""When the platform has failed at a shard too often: what it belongs to ends, with the blame on Lethe."""

from uuid import UUID

import structlog

from core import competitions, db, rescoring, submissions
from core.errors import PlatformError
from core.models import Shard, Work
from core.settings import get_settings

log = structlog.get_logger(__name__)


def give_up_if_hopeless(shard_id: UUID, error: Exception | None = None) -> None:
    """End what a shard belongs to if it failed too often in a row: submission, preparation or rescoring.

    `error` is its last failure, where that is known; the text of a platform error is kept for the organizer.
    """
    with db.transaction() as session:
        shard = session.get_one(Shard, shard_id)
        if shard.done or shard.failures < get_settings().max_failures:
            return
        log.error("shard_given_up", shard_id=str(shard_id), failures=shard.failures)
        why = str(error) if isinstance(error, PlatformError) else "the worker's log says why"
        problem = f"{shard.work} failed {shard.failures} times in a row; {why}"
        if shard.work is Work.RESCORING:
            rescoring.give_up(session, shard, problem)
        elif shard.submission_id is not None:
            submissions.give_up(session, shard.submission_id)
        else:
            competitions.mark_broken(session, shard.phase_id, problem)
