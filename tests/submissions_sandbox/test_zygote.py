"""The zygote in a real sandbox, spoken to frame by frame."""

import re
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from safetensors.torch import load, save

from core.lifecycle import Verdict
from submissions_sandbox.architectures import Architecture, build
from submissions_sandbox.protocol import (
    EndOfStreamError,
    Kind,
    pack_header,
    pack_json,
    read_frame,
    read_header,
    read_payload,
)
from tests.support.sandboxes import KINDS, LIMITS, make_input, make_sandbox, zygote_pid
from worker.isolation import FreshSandboxes
from worker.runner import RunOutcome, SubmissionRunner
from worker.sandboxes import bubblewrap
from worker.sandboxes.base import Channel

_SOURCE = Path(__file__).with_name("zygote_submission.py").read_text()
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


class Warm(NamedTuple):
    kind: str
    channel: Channel
    runner: SubmissionRunner

    def run(self, behaviour: str) -> RunOutcome:
        return self.runner.run(_seed_of(behaviour))


@pytest.fixture(scope="module", params=KINDS)
def warm(request: pytest.FixtureRequest) -> Iterator[Warm]:
    with closing(make_sandbox(request.param).open(LIMITS)) as channel:
        yield Warm(request.param, channel, _ready(channel, _SOURCE))


def _seed_of(behaviour: str, k: int = 0) -> int:
    return (zlib.crc32(behaviour.encode()) << 8) + k


def test_very_first_run_finds_a_fresh_world(channel: Channel) -> None:
    outcome = _ready(channel, _SOURCE).run(_seed_of("find_a_fresh_world"))
    assert outcome.verdict is Verdict.OK, outcome.message


@pytest.mark.parametrize(
    ("behaviour", "verdict", "words"),
    [
        ("keep_the_pipes_open", Verdict.OK, ""),
        ("stop_everything", Verdict.TIMEOUT, "more than 5 seconds"),
        ("leave_zombies", Verdict.OK, ""),
        ("change_what_is_shared", Verdict.OK, ""),
        ("litter", Verdict.OK, ""),
        ("say_all_that_can_be_said", Verdict.NONZERO_EXIT, "words of run"),
        ("report_in_bytes_that_json_would_multiply", Verdict.OUT_OF_MEMORY, "words of run"),
        ("seal_and_stretch_the_weights", Verdict.INVALID_OUTPUT, "8388608 bytes; at most"),
    ],
)
def test_whatever_a_run_does_to_the_zygote_the_next_finds_a_fresh_world(
    warm: Warm, behaviour: str, verdict: Verdict, words: str
) -> None:
    outcome = warm.run(behaviour)
    assert (outcome.verdict, words in outcome.message) == (verdict, True), outcome
    following = warm.run("find_a_fresh_world")
    assert following.verdict is Verdict.OK, following.message


def test_zygote_neither_grows_nor_gathers_descriptors_over_runs(warm: Warm) -> None:
    pid = zygote_pid(warm.channel)

    def private_kib() -> int:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(re.search(r"^RssAnon:\s+(\d+)", status, re.MULTILINE)[1])  # type: ignore[index]

    for _ in range(5):
        assert warm.run("draw").verdict is Verdict.OK
    memory = private_kib()
    for finished in warm.runner.run_each(_seed_of("draw", k) for k in range(100)):
        assert finished.outcome.verdict is Verdict.OK
    assert private_kib() < memory + 1024
    assert len(list(Path(f"/proc/{pid}/fd").iterdir())) <= 4  # the streams, and weights on their way


def test_run_goes_on_while_the_weights_before_wait_and_holds_nothing_of_them(channel: Channel) -> None:
    architecture = Architecture(width=24)  # 6 MB: more than pipes and the engine hold
    given = make_input(_SOURCE)
    original = save(build(architecture).state_dict())
    SubmissionRunner(channel, replace(given, architecture=architecture, original=original), LIMITS).start()
    deadline = time.monotonic() + 60

    def read_into(buffer: memoryview) -> int:
        return channel.receive_into(buffer, deadline=deadline)

    def begin(behaviour: str) -> None:
        channel.send(pack_json(Kind.RUN, {"seed": _seed_of(behaviour)}), deadline=deadline)

    begin("do_nothing")
    read_frame(read_into, {Kind.LOG: 0})
    size = read_header(read_into, {Kind.WEIGHTS: 2**24}).length
    begin("find_a_fresh_world")
    time.sleep(1.0)  # the second run has ended, and its zygote waits to be rid of the first's weights
    assert load(read_payload(read_into, size)).keys() == load(original).keys()
    read_frame(read_into, {Kind.LOG: 0})
    answer = read_frame(read_into, {Kind.WEIGHTS: 2**24, Kind.FAILED: 2**16})
    assert answer.kind == Kind.WEIGHTS, answer.payload


@pytest.mark.parametrize("kind", KINDS)
def test_fresh_sandboxes_give_the_same_bits_and_verdicts_as_forks(kind: str) -> None:
    sandbox, given = make_sandbox(kind), make_input(_SOURCE)
    seeds = [_seed_of("draw", 1), _seed_of("draw", 2), _seed_of("keep_the_pipes_open"), _seed_of("no such")]
    with closing(sandbox.open(LIMITS)) as channel:
        forks = list(_ready(channel, _SOURCE).run_each([*seeds, 0]))
    fresh = list(FreshSandboxes(sandbox, given, LIMITS).run_each([*seeds, 0]))
    assert [run.seed for run in fresh] == seeds
    assert [replace(run.outcome, seconds=0) for run in fresh] == [
        replace(run.outcome, seconds=0) for run in forks
    ]
    assert fresh[0].outcome.weights != fresh[1].outcome.weights
    assert fresh[-1].outcome.verdict is Verdict.NONZERO_EXIT


_SLOW_WIPE = """
import os, runpy
from submissions_sandbox import scratch
empty = scratch.empty
def slow(folder, *, deadline):
    empty(folder, deadline=0.0 if os.path.exists("/tmp/mark") else deadline)
scratch.empty = slow
runpy.run_module("submissions_sandbox", run_name="__main__", alter_sys=True)
"""


@pytest.mark.bubblewrap
def test_litter_that_cannot_be_removed_in_time_is_the_runs_failure_and_the_sandboxs_end() -> None:
    start = bubblewrap._start

    def start_slow(command: list[str], *arguments: Any, **named: Any) -> Any:
        return start([*command[: command.index("-m")], "-c", _SLOW_WIPE], *arguments, **named)

    with patch.object(bubblewrap, "_start", start_slow):
        channel = make_sandbox("bubblewrap").open(LIMITS)
    with closing(channel):
        runner = _ready(channel, _SOURCE)
        assert runner.run(_seed_of("do_nothing")).verdict is Verdict.OK
        outcome = runner.run(_seed_of("leave_a_mark"))
        assert outcome.verdict is Verdict.NONZERO_EXIT
        assert "cannot be removed: there is too much of it" in outcome.message
        assert runner.run(_seed_of("do_nothing")).message == "the run ended its sandbox"
