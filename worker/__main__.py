"""One worker host: proves its sandbox, frees what its earlier processes held, then takes work.

`python -m worker` runs the Celery worker, `python -m worker sweeper` the sweeper.
"""

import os
import signal
import sys
import threading

import structlog
from celery.signals import worker_process_init

from core import db, logs, queue, shards
from core.errors import SandboxUnavailableError
from core.processes import NO_SANDBOX_STATUS, die_with_parent
from core.settings import get_settings

log = structlog.get_logger(__name__)


def main(arguments: list[str]) -> int:
    """Run a worker or the sweeper until it is told to stop; return the exit status."""
    logs.configure()
    if arguments == ["sweeper"]:
        return _run_sweeper()
    if arguments:
        sys.stderr.write("usage: python -m worker [sweeper]\n")
        return 2
    return _run_worker()


def _run_worker() -> int:
    # One thread a process, set before torch is imported: the slots share the machine's cores.
    os.environ["OMP_NUM_THREADS"] = "1"
    from worker import tasks
    from worker.sandboxes import choose
    from worker.sandboxes.docker import remove_orphans

    settings = get_settings()
    try:
        sandbox = choose(settings.sandbox, image=settings.sandbox_image, owner=settings.installation())
        if sandbox.name == "docker":
            remove_orphans(settings.installation())
    except SandboxUnavailableError as error:
        log.error("no_sandbox", error=str(error))
        return NO_SANDBOX_STATUS
    # The pool's processes inherit the choice instead of proving the sandbox again.
    os.environ["LETHE_SANDBOX"] = sandbox.name
    get_settings.cache_clear()
    with db.transaction() as session:
        freed = shards.release_node(session, settings.node_name)
    db.engine().dispose()
    log.info("worker_starts", sandbox=sandbox.name, freed_shards=freed, slots=settings.worker_slots)
    worker_process_init.connect(_die_with_parent)
    tasks.app.worker_main(
        [
            "worker",
            "--loglevel=WARNING",
            f"--hostname=lethe@{settings.node_name}",
            f"--concurrency={settings.worker_slots}",
            f"--queues={queue.RUNS_QUEUE},{queue.SCORING_QUEUE}",
        ]
    )
    return 0


def _die_with_parent(**_: object) -> None:
    """End a pool process with its parent; it would otherwise go on under a lease that was given away."""
    die_with_parent()


def _run_sweeper() -> int:
    from worker import sweeper

    stop = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: stop.set())
    sweeper.run(stop)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
