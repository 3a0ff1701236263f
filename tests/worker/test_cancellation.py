"""A submission that is cancelled while it runs: its sandbox ends, and its worker goes on to the next one."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from core import db, queue, runs, submissions
from core.lifecycle import SubmissionState
from core.models import Phase, Shard
from tests.support.competition import HONEST, make_submission, read_submission
from tests.support.sandboxes import make_sandbox, processes_with, zygote_pid
from worker import submission_runs
from worker.sandboxes.base import Channel, Limits

_SLEEPS = b"import time\n\ndef unlearning(net, retain, forget, val):\n    time.sleep(600)\n    return net\n"
_CASES = [
    pytest.param("bubblewrap", "process", marks=pytest.mark.bubblewrap),
    pytest.param("bubblewrap", "container", marks=pytest.mark.bubblewrap),
    pytest.param("docker", "process", marks=pytest.mark.docker),
]
_SOON_S = 30.0  # the run's own limit is minutes away


class _Watched:
    """A sandbox that tells the process of the newest zygote that it started."""

    name = "watched"

    def __init__(self, kind: str) -> None:
        self._sandbox = make_sandbox(kind)
        self.zygotes: list[int] = []

    def open(self, limits: Limits) -> Channel:
        assert limits.run_s > 2 * _SOON_S
        channel = self._sandbox.open(limits)
        self.zygotes.append(zygote_pid(channel))
        return channel


@pytest.fixture
def watched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Watched]:
    """Let the runs of submissions take place in a sandbox of each kind."""
    sandbox = _Watched(request.param)
    monkeypatch.setattr(submission_runs, "find_sandbox", lambda *_, **__: sandbox)
    with capture_logs():
        yield sandbox


def _wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _SOON_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.mark.parametrize(("watched", "isolation"), _CASES, indirect=["watched"])
def test_cancelled_run_ends_at_once_and_the_next_submission_runs(
    watched: _Watched,
    tiny_phase: Phase,
    deliver: Callable[[], None],
    sent: list[queue.Message],
    isolation: str,
) -> None:
    with db.transaction() as session:
        phase = session.get_one(Phase, tiny_phase.id)
        phase.limits = {**phase.limits, "run_timeout_s": 500, "isolation": isolation}
    submission = make_submission(tiny_phase, source=_SLEEPS)
    worker = threading.Thread(target=deliver, daemon=True)
    worker.start()
    # The run's own process, beside the zygote.
    _wait_until(lambda: bool(watched.zygotes) and len(processes_with(watched.zygotes[0])) > 1, "no run")
    with db.transaction() as session:
        submissions.cancel(session, submission.id, actor=submission.user)
    worker.join(_SOON_S)
    assert not worker.is_alive()
    assert len(watched.zygotes) == 1
    _wait_until(lambda: not Path(f"/proc/{watched.zygotes[0]}").exists(), "the sandbox is still there")
    assert read_submission(submission.id).state is SubmissionState.CANCELLED
    with db.reading() as session:
        assert runs.list_runs(session, submission.id) == []
        left = session.scalars(select(Shard).where(Shard.submission_id == submission.id)).all()
    assert {(shard.done, shard.failures, shard.lease_holder) for shard in left} == {(True, 0, None)}
    following = make_submission(tiny_phase, source=HONEST)
    deliver()
    assert read_submission(following.id).state is SubmissionState.FINISHED
