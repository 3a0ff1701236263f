"""What the worker's tests share: tasks run in this process, and a tiny phase that they prepared."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core import db, queue
from core.models import Phase
from tests.support.competition import make_phase
from tests.support.running import TINY_PHASE
from worker import tasks


@pytest.fixture
def deliver(sent: list[queue.Message]) -> Callable[[], None]:
    """Deliver every message to the task, in this process, until none is left."""

    def run() -> None:
        while sent:
            tasks.work_on_shard(str(sent.pop(0).shard_id))

    return run


@pytest.fixture
def tiny_phase(home: Path, deliver: Callable[[], None]) -> Phase:
    """A tiny phase that was really prepared: bundle, original, references, baselines."""
    phase = make_phase(ready=False, **TINY_PHASE)
    deliver()
    with db.reading() as session:
        return session.get_one(Phase, phase.id)
