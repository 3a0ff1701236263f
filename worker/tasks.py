"""The Celery task: the edge where a message becomes work, and where every error ends."""

from collections.abc import Callable
from uuid import UUID

import structlog

from core import db, queue, shards
from core.errors import LeaseLostError, SandboxUnavailableError
from core.models import Work
from worker import node, preparation, references, scores, submission_runs
from worker.giving_up import give_up_if_hopeless
from worker.lease import Lease

log = structlog.get_logger(__name__)

app = queue.app

_DO: dict[Work, Callable[[Lease], None]] = {
    Work.PREPARATION: preparation.prepare_phase,
    Work.REFERENCES: references.train_references,
    Work.BASELINES: scores.score_baselines,
    Work.RUNS: submission_runs.run_shard,
    Work.SCORING: scores.score_submission,
    Work.RESCORING: scores.rescore,
}


@app.task(name=queue.WORK_ON_SHARD)  # type: ignore[untyped-decorator]
def work_on_shard(shard_id: str) -> None:
    """Do the work of a free shard and leave it done; leave it free again after a platform error."""
    try:
        lease = Lease.take(UUID(shard_id))
        if lease is not None:
            _work_under(lease)
    except LeaseLostError as error:
        log.warning("lease_lost", shard_id=shard_id, error=str(error))
    except Exception:  # the edge: nothing may end the worker; the lease lapses, and the sweeper sends again
        log.exception("task_failed", shard_id=shard_id)


def _work_under(lease: Lease) -> None:
    bound = log.bind(shard_id=str(lease.shard.id), work=lease.shard.work)
    try:
        with lease:
            _DO[lease.shard.work](lease)
        bound.info("shard_done")
    except LeaseLostError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever it was, the platform failed at this shard
        bound.exception("shard_failed")
        with db.transaction() as session:
            shards.release_failed(session, lease.shard.id, holder=lease.holder)
        if isinstance(error, SandboxUnavailableError):
            node.refuse(error)
        give_up_if_hopeless(lease.shard.id, error)
