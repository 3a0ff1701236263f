"""The sweeper: sends again what got lost between database, broker and workers.

It needs no free worker slot and no working broker, so it is a loop of its own and not a Celery task.
"""

import threading

import structlog
from kombu.exceptions import OperationalError
from sqlalchemy.exc import SQLAlchemyError

from core import competitions, db, queue, shards, submissions
from core.settings import get_settings
from worker.giving_up import give_up_if_hopeless

log = structlog.get_logger(__name__)


def sweep() -> None:
    """Enqueue every shard, score and baseline that waits without a message on its way."""
    runs_queued, scoring_queued = queue.length(queue.RUNS_QUEUE), queue.length(queue.SCORING_QUEUE)
    with db.transaction() as session:
        sent = shards.send_waiting(session, queue_is_empty=runs_queued == 0)
        if scoring_queued == 0:
            for submission_id in submissions.waiting_for_score(session):
                queue.enqueue(session, queue.SCORE_SUBMISSION, submission_id)
            for phase_id in competitions.waiting_for_baselines(session):
                queue.enqueue(session, queue.SCORE_BASELINES, phase_id)
    for shard_id in sent:
        log.info("shard_sent_again", shard_id=str(shard_id))
        give_up_if_hopeless(shard_id)


def run(stop: threading.Event) -> None:
    """Sweep until `stop` is set; an unreachable database or broker is tried again the next time."""
    while not stop.wait(get_settings().sweep_interval_s):
        try:
            sweep()
        except (OperationalError, OSError, SQLAlchemyError) as error:
            log.warning("sweep_failed", error=str(error))
