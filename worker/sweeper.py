"""The sweeper: turns the clock of the phases, and sends again what got lost on its way to the workers.

It needs no free worker slot and no working broker, so it is a loop of its own and not a Celery task.
"""

import threading

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core import db, phases, queue, shards
from core.errors import BrokerError
from core.models import utc_now
from core.settings import get_settings
from worker.giving_up import give_up_if_hopeless

log = structlog.get_logger(__name__)


def sweep() -> None:
    """Do what is due in the phases, and enqueue every shard that waits without a message on its way."""
    with db.transaction() as session:
        phases.advance(session, utc_now())
    empty = frozenset(name for name in queue.QUEUES if queue.length(name) == 0)
    with db.transaction() as session:
        sent = shards.send_waiting(session, empty_queues=empty)
    for shard_id in sent:
        log.info("shard_sent_again", shard_id=str(shard_id))
        give_up_if_hopeless(shard_id)


def run(stop: threading.Event) -> None:
    """Sweep until `stop` is set; an unreachable database or broker is tried again the next time."""
    while not stop.wait(get_settings().sweep_interval_s):
        try:
            sweep()
        except (BrokerError, SQLAlchemyError) as error:
            log.warning("sweep_failed", error=str(error))
