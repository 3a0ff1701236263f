"""When the platform has failed at a shard too often: what it belongs to ends, with the blame on Lethe."""

from uuid import UUID

import structlog

from core import competitions, db, submissions
from core.models import Shard
from core.settings import get_settings

log = structlog.get_logger(__name__)


def give_up_if_hopeless(shard_id: UUID) -> None:
    """End the submission or the preparation that a shard belongs to, if it failed too often in a row."""
    with db.transaction() as session:
        shard = session.get_one(Shard, shard_id)
        if shard.done or shard.failures < get_settings().max_failures:
            return
        log.error("shard_given_up", shard_id=str(shard_id), failures=shard.failures)
        if shard.submission_id is not None:
            submissions.give_up(session, shard.submission_id)
        else:
            problem = f"{shard.work} failed {shard.failures} times in a row; the worker's log says why"
            competitions.mark_broken(session, shard.phase_id, problem)
