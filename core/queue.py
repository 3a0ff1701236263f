"""The Celery application and the outbox: messages carry ids only, and leave after the commit."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from core.errors import BrokerError
from core.settings import get_settings

log = structlog.get_logger(__name__)

RUNS_QUEUE = "runs"
CUDA_QUEUE = "runs-cuda"
SCORING_QUEUE = "scoring"
QUEUES = (RUNS_QUEUE, CUDA_QUEUE, SCORING_QUEUE)
WORK_ON_SHARD = "worker.work_on_shard"

_BROKER_ERRORS = (OperationalError, OSError, RedisError)
_OUTBOX = "lethe_outbox"
_LONGEST_TASK_S = 24 * 3600


@dataclass(frozen=True)
class Message:
    """Asks whoever listens to a queue to work on a shard."""

    queue: str
    shard_id: UUID


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
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    return app


def queues_of(gpus: Sequence[str]) -> tuple[str, ...]:
    """Return the queues that a worker with these GPUs listens to: a GPU waits for nothing else."""
    return (CUDA_QUEUE,) if gpus else (RUNS_QUEUE, SCORING_QUEUE)


app = make_app(get_settings().resolved_broker_url())


def enqueue(session: Session, message: Message) -> None:
    """Put a message into the session's outbox; `core.db.transaction` sends it after the commit."""
    session.info.setdefault(_OUTBOX, []).append(message)


def length(name: str) -> int:
    """Return how many messages wait in a queue; one that nobody has used yet is empty.

    Raises:
        BrokerError: the broker does not answer.
    """
    try:
        with app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0)
            found: int = connection.default_channel.queue_declare(name, durable=True).message_count
            return found
    except _BROKER_ERRORS as error:
        raise BrokerError(f"the broker does not answer: {error}") from error


def send_outbox(session: Session) -> list[UUID]:
    """Send what the committed session enqueued; return the shards whose message the broker did not take."""
    messages = session.info.pop(_OUTBOX, [])
    for position, message in enumerate(messages):
        if not send(message):
            # Nobody should wait for a dead broker once per shard.
            return [unsent.shard_id for unsent in messages[position:]]
    return []


def send(message: Message) -> bool:
    """Send one message; return whether the broker took it."""
    try:
        app.send_task(WORK_ON_SHARD, args=[str(message.shard_id)], queue=message.queue, retry=False)
    except _BROKER_ERRORS as error:
        log.warning("enqueue_failed", shard_id=str(message.shard_id), error=str(error))
        return False
    return True
