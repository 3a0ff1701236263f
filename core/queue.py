"""The Celery application and the outbox: messages carry ids only, and leave after the commit."""

from dataclasses import dataclass
from uuid import UUID

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from sqlalchemy.orm import Session

from core.settings import get_settings

log = structlog.get_logger(__name__)

RUNS_QUEUE = "runs"
SCORING_QUEUE = "scoring"

WORK_ON_SHARD = "worker.work_on_shard"
SCORE_SUBMISSION = "worker.score_submission"
SCORE_BASELINES = "worker.score_baselines"

_QUEUE_OF_TASK = {
    WORK_ON_SHARD: RUNS_QUEUE,
    SCORE_SUBMISSION: SCORING_QUEUE,
    SCORE_BASELINES: SCORING_QUEUE,
}

_OUTBOX = "lethe_outbox"
_LONGEST_TASK_S = 24 * 3600


@dataclass(frozen=True)
class Message:
    """One task, by name, for the row with this id."""

    task: str
    row_id: UUID


def make_app(broker_url: str) -> Celery:
    """Return the Celery application for a broker; api and worker make the same one."""
    app = Celery("lethe", broker=broker_url)
    app.conf.update(
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        # Redis gives a task to a second worker when the first has not acknowledged it for this long.
        broker_transport_options={
            "visibility_timeout": _LONGEST_TASK_S,
            "socket_connect_timeout": 2,
            "socket_timeout": 30,
            # An upload must not wait for a broker that is down.
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0,
        },
        task_publish_retry=False,
        task_default_queue=RUNS_QUEUE,
        task_routes={task: {"queue": name} for task, name in _QUEUE_OF_TASK.items()},
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    return app


app = make_app(get_settings().resolved_broker_url())


def enqueue(session: Session, task: str, row_id: UUID) -> None:
    """Put a message into the session's outbox; `core.db.transaction` sends it after the commit."""
    session.info.setdefault(_OUTBOX, []).append(Message(task, row_id))


def length(name: str) -> int:
    """Return how many messages wait in a queue; one that nobody has used yet is empty.

    Raises:
        OperationalError: the broker does not answer.
    """
    with app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0)
        found: int = connection.default_channel.queue_declare(name, durable=True, passive=False).message_count
        return found


def send_outbox(session: Session) -> None:
    """Send what the committed session enqueued. What the broker does not take, the sweeper sends later."""
    for message in session.info.pop(_OUTBOX, []):
        if not send(message):
            break  # nobody should wait for a dead broker once per shard


def send(message: Message) -> bool:
    """Send one message; return whether the broker took it."""
    try:
        app.send_task(message.task, args=[str(message.row_id)], retry=False)
    except (OperationalError, OSError) as error:
        log.warning("enqueue_failed", task=message.task, row_id=str(message.row_id), error=str(error))
        return False
    return True
