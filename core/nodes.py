"""Worker hosts as the database knows them: who takes work in which sandbox, and why somebody does not."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import queue, shards
from core.lifecycle import NodeState
from core.models import Node, utc_now
from core.shards import Waiting

BEAT_S = 10.0
"""How often a worker host says that it is there."""

_LOST_AFTER = timedelta(seconds=60)


@dataclass(frozen=True)
class Proof:
    """What a self-test found.

    Attributes:
        sandbox: the sandbox's word.
        image: digest of its image, if it has one.
        mode: that of the worker's settings, "production" or "development".
        findings: properties of engine and kernel, each with `name`, `holds`, `detail` and `severity`.
    """

    sandbox: str = ""
    image: str | None = None
    mode: str = ""
    findings: list[dict[str, Any]] = field(default_factory=list)


def begin(session: Session, name: str, *, slots: int, gpus: tuple[str, ...] = ()) -> None:
    """Note that a worker host starts anew; it takes no work until it has proved its sandbox."""
    node = find(session, name)
    if node is None:
        node = Node(name=name)
        session.add(node)
    node.slots, node.gpus = slots, list(gpus)
    node.started_at = utc_now()
    _set(node, NodeState.PROVING, "", Proof())


def make_ready(session: Session, name: str, proof: Proof) -> None:
    """Note that a worker host takes work from now on, in the sandbox that it proved."""
    node = session.scalars(select(Node).where(Node.name == name)).one()
    _set(node, NodeState.READY, "", proof)


def refuse(session: Session, name: str, problem: str, proof: Proof | None = None) -> None:
    """Note that a worker host takes no work, and why: for organizers. What it proved before is kept."""
    node = find(session, name)
    if node is not None:  # work that is tried without a worker host has nobody to stop
        _set(node, NodeState.REFUSING, problem, proof)


def beat(session: Session, name: str) -> NodeState:
    """Note that a worker host is there, and return whether it takes work."""
    seen = update(Node).where(Node.name == name).values(seen_at=utc_now()).returning(Node.state)
    return session.execute(seen).scalar_one()


def list_nodes(session: Session) -> list[Node]:
    """Return all worker hosts that there ever were, by name."""
    return list(session.scalars(select(Node).order_by(Node.name)))


def find(session: Session, name: str) -> Node | None:
    """Return a worker host, if there ever was one of this name."""
    return session.scalar(select(Node).where(Node.name == name))


def is_lost(node: Node) -> bool:
    """Return whether a worker host has not been seen for a minute."""
    return utc_now() - node.seen_at > _LOST_AFTER


def any_takes_work(session: Session) -> bool:
    """Return whether some worker host is there and ready."""
    return bool(_ready(session))


def count_slots(session: Session, queue_name: str) -> int:
    """Return how many shards of a queue are worked on at a time by the hosts that are there and ready."""
    return sum(node.slots for node in _ready(session) if queue_name in queue.queues_of(node.gpus))


def list_unserved(session: Session) -> list[Waiting]:
    """Return the work that waits because no host that takes work has the device, or the image, for it."""
    ready = _ready(session)
    return [
        waiting for waiting in shards.list_open(session) if not any(_serves(node, waiting) for node in ready)
    ]


def _serves(node: Node, waiting: Waiting) -> bool:
    has_device = waiting.queue in queue.queues_of(node.gpus)
    return has_device and waiting.image in {None, node.image}


def _ready(session: Session) -> list[Node]:
    ready = select(Node).where(Node.state == NodeState.READY, Node.seen_at > utc_now() - _LOST_AFTER)
    return list(session.scalars(ready))


def _set(node: Node, state: NodeState, problem: str, proof: Proof | None) -> None:
    node.state, node.problem, node.seen_at = state, problem, utc_now()
    if proof is not None:
        node.sandbox, node.image, node.mode, node.findings = (
            proof.sandbox,
            proof.image,
            proof.mode,
            proof.findings,
        )
