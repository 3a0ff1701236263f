"""What the worker's tests share: tasks run in this process, and a tiny phase that they prepared."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core import db, queue
from core.models import Phase
from tests.support.competition import make_phase
from tests.support.running import TINY_PHASE
from worker import tasks

_TASKS = {
    queue.WORK_ON_SHARD: tasks.work_on_shard,
    queue.SCORE_SUBMISSION: tasks.score_submission,
    queue.SCORE_BASELINES: tasks.score_baselines,
}


@pytest.fixture
def deliver(sent: list[queue.Message]) -> Callable[[], None]:
    """Deliver every message to its task, in this process, until none is left."""

    def run() -> None:
        while sent:
            message = sent.pop(0)
            _TASKS[message.task](str(message.row_id))

    return run


@pytest.fixture
def tiny_phase(home: Path, deliver: Callable[[], None]) -> Phase:
    """A tiny phase that was really prepared: bundle, original, references, baselines."""
    phase = make_phase(ready=False, **TINY_PHASE)
    deliver()
    with db.reading() as session:
        return session.get_one(Phase, phase.id)
