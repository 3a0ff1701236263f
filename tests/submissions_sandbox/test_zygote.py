"""The zygote in a real sandbox, spoken to frame by frame."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.lifecycle import Verdict
from submissions_sandbox.protocol import EndOfStreamError, Kind, pack_header, pack_json, read_frame
from tests.support.sandboxes import KINDS, LIMITS, make_input, make_sandbox, zygote_pid
from worker.runner import RunOutcome, SubmissionRunner
from worker.sandboxes.base import Channel

_FROM_INSIDE = Path(__file__).with_name("system_calls_submission.py").read_text()


def _ready(channel: Channel, source: str) -> SubmissionRunner:
    runner = SubmissionRunner(channel, make_input(source), LIMITS)
    runner.start()
    return runner


@pytest.fixture(params=KINDS)
def channel(request: pytest.FixtureRequest) -> Iterator[Channel]:
    with closing(make_sandbox(request.param).open(LIMITS)) as channel:
        yield channel


def test_denied_system_calls_are_denied_from_inside(channel: Channel) -> None:
    outcome: RunOutcome = _ready(channel, _FROM_INSIDE).run(0)
    assert outcome.verdict is Verdict.OK, outcome.message


def test_zygote_ends_when_the_worker_speaks_out_of_turn(channel: Channel) -> None:
    _ready(channel, "def unlearning(*_):\n    while True: pass")
    deadline = time.monotonic() + 60
    channel.send(pack_json(Kind.RUN, {"seed": 1}), deadline=deadline)
    channel.send(pack_json(Kind.RUN, {"seed": 2}), deadline=deadline)
    with pytest.raises(EndOfStreamError):
        read_frame(lambda buffer: channel.receive_into(buffer, deadline=time.monotonic() + 3), {Kind.LOG: 1})


def test_zygote_ends_on_a_frame_that_is_not_the_next(channel: Channel) -> None:
    pid = zygote_pid(channel)
    deadline = time.monotonic() + 60
    channel.send(pack_header(Kind.RUN, 0), deadline=deadline)
    with pytest.raises(EndOfStreamError):
        read_frame(lambda buffer: channel.receive_into(buffer, deadline=deadline), {Kind.READY: 0})
    assert "ProtocolError" in channel.complaint()
    assert not Path(f"/proc/{pid}/exe").exists()


def test_zygote_refuses_to_run_outside_a_sandbox() -> None:
    command = [sys.executable, "-m", "submissions_sandbox"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert ended.returncode == 1
    assert "only as PID 1" in ended.stderr
