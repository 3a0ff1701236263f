"""One worker host: proves its sandbox, frees what its earlier processes held, then takes work.

`python -m worker` runs the Celery worker, `python -m worker sweeper` the sweeper, `python -m worker courier`
the courier, and `python -m worker selftest` prints what the self-test of the sandbox finds, as JSON. A worker
with GPUs starts `python -m worker shard ID` for each of its shards.
"""

import json
import os
import signal
import sys
import threading
from uuid import UUID

import structlog
from celery.signals import worker_process_init, worker_ready

from core import db, logs, queue, shards
from core.lifecycle import NodeState
from core.processes import die_with_parent
from core.settings import get_settings

log = structlog.get_logger(__name__)


def main(arguments: list[str]) -> int:
    """Run a worker, sweeper or courier until it is told to stop, or a self-test; return the exit status."""
    if arguments == ["selftest"]:
        return _run_selftest()
    logs.configure()
    if arguments in (["sweeper"], ["courier"]):
        return _run_loop(arguments[0])
    if arguments[:1] == ["shard"] and len(arguments) == 2:
        return _run_shard(UUID(arguments[1]))
    if arguments:
        sys.stderr.write("usage: python -m worker [sweeper | courier | selftest]\n")
        return 2
    return _run_worker()


def _run_worker() -> int:
    # One thread a process, set before torch is imported: the slots share the machine's cores.
    os.environ["OMP_NUM_THREADS"] = "1"
    from worker import node, tasks
    from worker.sandboxes.docker import DockerSandbox

    settings, environment = get_settings(), dict(os.environ)
    sandbox = node.wait_for_sandbox()
    # The pool's processes inherit the choice instead of proving the sandbox again.
    os.environ["LETHE_SANDBOX"] = sandbox.name
    if isinstance(sandbox, DockerSandbox):
        os.environ["LETHE_SANDBOX_IMAGE"] = sandbox.image
    get_settings.cache_clear()
    with db.transaction() as session:
        freed = shards.release_node(session, settings.node_name)
    db.engine().dispose()
    log.info("worker_starts", sandbox=sandbox.name, freed_shards=freed, slots=settings.slots())
    worker_process_init.connect(_die_with_parent)
    worker_ready.connect(node.beat_regularly)
    tasks.app.worker_main(
        [
            "worker",
            "--loglevel=WARNING",
            f"--hostname=lethe@{settings.node_name}",
            f"--concurrency={settings.slots()}",
            f"--queues={','.join(queue.queues_of(settings.sandbox_gpus))}",
        ]
    )
    if node.beat() is NodeState.REFUSING:
        log.error("host_unfit", consequence="this host proves its sandbox anew")
        os.execve(sys.executable, sys.orig_argv, environment)  # noqa: S606  # itself
    return 0


def _die_with_parent(**_: object) -> None:
    """End a pool process with its parent; it would otherwise go on under a lease that was given away."""
    die_with_parent()


def _run_selftest() -> int:
    os.environ["OMP_NUM_THREADS"] = "1"
    logs.configure(sys.stderr)
    from worker import node
    from worker.sandboxes import SelfTest, UnprovenError

    selftest: SelfTest | None
    problem = ""
    try:
        selftest = node.find_proven_sandbox().selftest
    except UnprovenError as error:
        selftest, problem = error.selftest, str(error)
    document = {"holds": not problem, "problem": problem}
    if selftest is not None:
        document |= selftest.to_dict()
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    return 0 if not problem else 1


def _run_shard(shard_id: UUID) -> int:
    die_with_parent()
    from worker import tasks
    from worker.evaluator import end_kept_evaluator

    try:
        tasks.work(shard_id)
    finally:
        end_kept_evaluator()
    return 0


def _run_loop(name: str) -> int:
    from worker import courier, sweeper

    stop = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: stop.set())
    {"sweeper": sweeper.run, "courier": courier.run}[name](stop)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
