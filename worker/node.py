"""This worker host in the database: proves its sandbox, says what came of it, and that it is still there."""

import os
import signal
import time
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core import db, nodes
from core.errors import HostUnfitError
from core.lifecycle import NodeState
from core.settings import get_settings
from worker import gpus
from worker.sandboxes import Proven, Sandbox, UnprovenError, choose
from worker.sandboxes.docker import DockerSandbox, remove_orphans
from worker.sandboxes.selftest import SelfTest, find_gpu

log = structlog.get_logger(__name__)

_BEATS_BETWEEN_PROOFS = 6


def find_proven_sandbox() -> Proven:
    """Prove the sandbox that the settings ask for.

    Raises:
        UnprovenError: none holds here; the message says why, and what to install.
    """
    settings = get_settings()
    wanted = settings.sandbox
    if settings.sandbox_gpus:
        if wanted == "bubblewrap":
            raise UnprovenError("only Docker gives GPUs to a sandbox; set LETHE_SANDBOX=docker", None)
        wanted = "docker"
    return choose(wanted, image=settings.sandbox_image, owner=settings.installation())


def wait_for_sandbox() -> Sandbox:
    """Return a sandbox that has passed its self-test, with all GPUs free; until then, say what is wrong."""
    settings = get_settings()
    with db.transaction() as session:
        nodes.begin(session, settings.node_name, slots=settings.slots(), gpus=settings.sandbox_gpus)
    while True:
        try:
            proven = find_proven_sandbox()
            if isinstance(proven.sandbox, DockerSandbox):
                remove_orphans(settings.installation())
                for gpu in gpus.prove():
                    gpus.find_with_torch(gpu)
                    find_gpu(proven.sandbox.with_gpus(gpu.uuid))
        except HostUnfitError as error:
            log.error("host_unfit", error=str(error))
            refuse(error)
            _rest()
        else:
            with db.transaction() as session:
                nodes.make_ready(session, settings.node_name, _proof(proven.selftest))
            return proven.sandbox


def refuse(error: HostUnfitError) -> None:
    """Say that this host takes no work until it has proved its GPUs and its sandbox anew."""
    selftest = error.selftest if isinstance(error, UnprovenError) else None
    proof = None if selftest is None else _proof(selftest)
    with db.transaction() as session:
        nodes.refuse(session, get_settings().node_name, str(error), proof)


def beat() -> NodeState | None:
    """Say that this host is there, and return whether it takes work; None without the database."""
    try:
        with db.transaction() as session:
            return nodes.beat(session, get_settings().node_name)
    except SQLAlchemyError as error:
        log.warning("beat_failed", error=str(error))
        return None
    finally:
        db.engine().dispose()  # a pool process forked later must not inherit a connection


def beat_regularly(sender: Any, **_: object) -> None:
    """Beat while Celery's worker runs, from its own loop; end it once a shard has found it unfit."""

    def beat_or_end() -> None:
        if beat() is NodeState.REFUSING:
            # At once: what still runs lost its sandbox too, or is done again by whoever comes next.
            os.kill(os.getpid(), signal.SIGQUIT)

    sender.timer.call_repeatedly(nodes.BEAT_S, beat_or_end)


def _rest() -> None:
    for _ in range(_BEATS_BETWEEN_PROOFS):
        time.sleep(nodes.BEAT_S)
        beat()


def _proof(selftest: SelfTest) -> nodes.Proof:
    return nodes.Proof(
        sandbox=selftest.sandbox,
        image=selftest.image,
        mode=get_settings().mode,
        findings=[finding._asdict() for finding in selftest.findings],
    )
