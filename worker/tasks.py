"""The Celery tasks: the edge where messages become work, and where every error ends."""

from collections.abc import Callable
from uuid import UUID

import structlog

from core import db, queue, shards
from core.errors import LeaseLostError
from core.models import Work
from worker import preparation, scores, submission_runs
from worker.giving_up import give_up_if_hopeless
from worker.lease import Lease

log = structlog.get_logger(__name__)

app = queue.app

_DO: dict[Work, Callable[[Lease], None]] = {
    Work.PREPARATION: preparation.prepare_phase,
    Work.REFERENCES: preparation.train_references,
    Work.RUNS: submission_runs.run_shard,
}


@app.task(name=queue.WORK_ON_SHARD)  # type: ignore[untyped-decorator]
def work_on_shard(shard_id: str) -> None:
    """Do the work of a free shard and leave it done; leave it free again after a platform error."""
    lease = Lease.take(UUID(shard_id))
    if lease is None:
        return
    bound = log.bind(shard_id=shard_id, work=lease.shard.work)
    try:
        with lease:
            _DO[lease.shard.work](lease)
        bound.info("shard_done")
    except LeaseLostError as error:
        bound.warning("lease_lost", error=str(error))
    except Exception:  # noqa: BLE001  # the edge: nothing may end the worker
        bound.exception("shard_failed")
        with db.transaction() as session:
            shards.release_failed(session, lease.shard.id, holder=lease.holder)
        give_up_if_hopeless(lease.shard.id)


@app.task(name=queue.SCORE_SUBMISSION)  # type: ignore[untyped-decorator]
def score_submission(submission_id: str) -> None:
    """Score a submission in the state scoring and leave it finished."""
    try:
        scores.score_submission(UUID(submission_id))
    except Exception:  # the edge: nothing may end the worker
        log.exception("scoring_failed", submission_id=submission_id)


@app.task(name=queue.SCORE_BASELINES)  # type: ignore[untyped-decorator]
def score_baselines(phase_id: str) -> None:
    """Score the references and the original model of a prepared phase and leave the phase ready."""
    try:
        scores.score_baselines(UUID(phase_id))
    except Exception:  # the edge: nothing may end the worker
        log.exception("baselines_failed", phase_id=phase_id)
