"""What the worker's tests share: tasks run in this process, and a tiny phase that they prepared."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from core import db, queue
from core.models import Phase
from tests.support.competition import make_phase
from tests.support.running import TINY_PHASE
from worker import tasks
from worker.evaluator import end_kept_evaluator


@pytest.fixture(autouse=True)
def _ends_the_evaluator() -> Iterator[None]:
    """The next test has another home, whose storage a kept evaluator does not know."""
    yield
    end_kept_evaluator()


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


@pytest.fixture
def empty_queues(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the sweeper find no message waiting, and write no logs: tracebacks full of arrays take seconds."""
    monkeypatch.setattr(queue, "length", lambda _: 0)
    with capture_logs():
        yield
