"""The Celery task: the edge where a message becomes work, and where every error ends."""

import os
import subprocess
import sys
from collections.abc import Callable
from uuid import UUID

import structlog

from core import db, queue, shards
from core.errors import HostUnfitError, LeaseLostError
from core.models import Work
from core.settings import get_settings
from worker import gpus, node, preparation, references, scores, submission_runs
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

_SHARD_PROCESS = [sys.executable, "-m", "worker", "shard"]


@app.task(name=queue.WORK_ON_SHARD)  # type: ignore[untyped-decorator]
def work_on_shard(shard_id: str) -> None:
    """Do the work of a free shard and leave it done; leave it free again after a platform error.

    A worker with GPUs does it in a process of its own that has one of them: as that ends, with the evaluator
    and the sandbox that it started, the driver takes all memory back.
    """
    try:
        if get_settings().sandbox_gpus:
            _work_on_gpu(shard_id)
        else:
            work(UUID(shard_id))
    except HostUnfitError as error:
        log.error("no_gpu", shard_id=shard_id, error=str(error))
        node.refuse(error)
    except Exception:  # the edge: nothing may end the worker; the lease lapses, and the sweeper sends again
        log.exception("task_failed", shard_id=shard_id)


def work(shard_id: UUID) -> None:
    """Do the work of a free shard in this process; see `work_on_shard`."""
    try:
        lease = Lease.take(shard_id)
        if lease is not None:
            _work_under(lease)
    except LeaseLostError as error:
        log.warning("lease_lost", shard_id=str(shard_id), error=str(error))


def _work_on_gpu(shard_id: str) -> None:
    with gpus.lend() as loan:
        command = [*_SHARD_PROCESS, shard_id]
        environment = {**os.environ, **loan.environment()}
        # It inherits the lock: the GPU is lent until both processes have ended.
        ended = subprocess.run(command, env=environment, pass_fds=[loan.lock.fileno()], check=False)
    if ended.returncode:
        log.error("shard_process_died", shard_id=shard_id, status=ended.returncode)


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
        if isinstance(error, HostUnfitError):
            node.refuse(error)
        give_up_if_hopeless(lease.shard.id, error)
