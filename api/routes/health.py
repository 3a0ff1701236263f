"""Whether the process is alive, and whether it can do its work."""

from collections.abc import Callable

import anyio
import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import Response, status
from kombu.exceptions import KombuError
from obstore.exceptions import BaseError as ObstoreError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

import migrations
from api.routing import Router
from api.schemas import CheckResult, Health, Readiness
from core import db, nodes, queue
from core.errors import PlatformError
from core.storage import storage

log = structlog.get_logger(__name__)

router = Router(tags=["health"])

_TIMEOUT_S = 3.0
_WORKERS = "workers"
_REASONS = {  # anybody may read them
    "database": "The database does not answer.",
    "migrations": "The database has the schema of another version; `lethe migrate` brings it to this one.",
    "broker": "The broker does not answer; uploads are accepted and wait.",
    "storage": "The storage cannot be written.",
    _WORKERS: "No worker is known to take work, or some of it; uploads are accepted and wait. "
    "Admins see why at /organizers/workers.",
}
_FAILURES = (PlatformError, OSError, SQLAlchemyError, KombuError, ObstoreError)


@router.get("/healthz", summary="Is the process alive?")
async def alive() -> Health:
    """Answer at once; nothing outside the process is asked."""
    return Health()


@router.get(
    "/readyz",
    summary="Can the process do its work?",
    responses={status.HTTP_503_SERVICE_UNAVAILABLE: {"model": Readiness, "description": "A check fails"}},
)
async def ready(response: Response) -> Readiness:
    """Ask database, migrations, broker, storage and for workers at the same time, each for at most 3 seconds.

    That no worker takes work does not make this process unready: see docs/decisions/0011.
    """
    results: dict[str, CheckResult] = dict.fromkeys(_CHECKS, "failed")
    # Threads of their own: checks that hang must not use up those that serve requests.
    limiter = CapacityLimiter(len(_CHECKS))

    async def run(name: str) -> None:
        with anyio.move_on_after(_TIMEOUT_S):
            passed = await to_thread.run_sync(_passes, name, abandon_on_cancel=True, limiter=limiter)
            results[name] = "ok" if passed else "failed"

    async with anyio.create_task_group() as group:
        for name in _CHECKS:
            group.start_soon(run, name)
    answer = Readiness(
        ready=all(result == "ok" for name, result in results.items() if name != _WORKERS),
        checks=results,
        reasons={name: _REASONS[name] for name, result in results.items() if result != "ok"},
    )
    if not answer.ready:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return answer


def _passes(name: str) -> bool:
    try:
        return _CHECKS[name]()
    except _FAILURES as error:
        log.warning("readiness_check_failed", check=name, error=str(error))
        return False


def _check_database() -> bool:
    with db.reading() as session:
        return bool(session.scalar(text("SELECT 1")))


def _check_migrations() -> bool:
    return migrations.is_current(db.engine().execution_options(lethe_reading=True))


def _check_broker() -> bool:
    with queue.app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, interval_max=0)
    return True


def _check_storage() -> bool:
    probe = b"lethe readiness probe"
    return storage().get(storage().put(probe)) == probe


def _check_workers() -> bool:
    with db.reading() as session:
        return nodes.any_takes_work(session) and not nodes.list_unserved(session)


_CHECKS: dict[str, Callable[[], bool]] = {
    "database": _check_database,
    "migrations": _check_migrations,
    "broker": _check_broker,
    "storage": _check_storage,
    _WORKERS: _check_workers,
}
