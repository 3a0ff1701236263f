"""The worker against a sandbox whose PID 1 itself is the attacker's: it may say anything, at any time."""

import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest

import worker.runner as runner_module
from core.errors import PlatformError
from core.lifecycle import Verdict
from tests.support.sandboxes import KINDS, LIMITS, make_input
from tests.support.weakened import Weakening, open_weakened
from worker.runner import SubmissionRunner
from worker.sandboxes import bubblewrap
from worker.sandboxes.base import MIB, Channel
from worker.sandboxes.runtime import find_runtime

_LIMITS = replace(LIMITS, run_s=1.0, grace_s=1.0)
_ENDS_BY_S = 2.0 + 3.0  # the limit and the grace, and time for two busy processors

# Takes the inputs as the true one does, says READY, and then what the test wants said.
_PRELUDE = """
import os, struct, time
from submissions_sandbox.confinement import confine

confine()

HEADER = struct.Struct(">BQ")
READY, LOG, WEIGHTS, FAILED = 16, 17, 18, 19

def take(count):
    taken = b""
    while len(taken) < count:
        taken += os.read(0, min(count - len(taken), 1 << 20))
    return taken

def request():
    kind, length = HEADER.unpack(take(HEADER.size))
    return take(length)

def say(data):
    view = memoryview(data)
    while view:
        view = view[os.write(1, view):]

def frame(kind, payload=b""):
    return HEADER.pack(kind, len(payload)) + payload

def drip(data, every_s):
    for byte in data:
        say(bytes([byte]))
        time.sleep(every_s)

def shout(count):
    while count > 0:
        try:
            count -= os.write(2, bytes(1 << 16))
        except BlockingIOError:
            count -= 1 << 16

def wait():
    while True:
        time.sleep(1)

setup, original, data, source = [request() for _ in range(4)]
"""

_ASKED = "say(frame(READY))\nrequest()\n"
_SPEECHES = {
    "nothing": ("wait()", Verdict.TIMEOUT),
    "half a header": ("say(frame(LOG)[:5])\nwait()", Verdict.TIMEOUT),
    "half a log": ("say(HEADER.pack(LOG, 100) + b'half')\nwait()", Verdict.TIMEOUT),
    "a header that drips": ("drip(frame(LOG), 0.5)", Verdict.TIMEOUT),
    "a log that drips": ("say(HEADER.pack(LOG, 9999))\ndrip(bytes(9999), 0.1)", Verdict.TIMEOUT),
    "weights that drip": (
        "say(frame(LOG) + HEADER.pack(WEIGHTS, 9999))\ndrip(bytes(9999), 0.1)",
        Verdict.TIMEOUT,
    ),
    "weights before the log": ("say(frame(WEIGHTS))\nwait()", Verdict.INVALID_OUTPUT),
    "every kind there is": (
        "say(frame(LOG) + b''.join(frame(kind) for kind in range(256)))\nwait()",
        Verdict.INVALID_OUTPUT,
    ),
    "an endless log": (
        "say(HEADER.pack(LOG, 2**60))\nwhile True: say(bytes(1 << 20))",
        Verdict.INVALID_OUTPUT,
    ),
    "endless logs": ("while True: say(frame(LOG) * 1000)", Verdict.INVALID_OUTPUT),
    "a million tiny frames": ("say(frame(LOG) * 1_000_000)\nwait()", Verdict.INVALID_OUTPUT),
    "weights of 2^60 bytes": (
        "say(frame(LOG) + HEADER.pack(WEIGHTS, 2**60))\nwait()",
        Verdict.INVALID_OUTPUT,
    ),
    "a failure of 2^64 - 1 bytes": (
        "say(frame(LOG) + HEADER.pack(FAILED, 2**64 - 1))\nwait()",
        Verdict.INVALID_OUTPUT,
    ),
    "random bytes": ("while True: say(os.urandom(1 << 16))", Verdict.INVALID_OUTPUT),
    "weights that are none": (
        "say(frame(LOG) + frame(WEIGHTS, os.urandom(1 << 16)))\nwait()",
        Verdict.INVALID_OUTPUT,
    ),
    "an end": ("os._exit(0)", Verdict.NONZERO_EXIT),
    "half of the weights and an end": (
        "say(frame(LOG) + HEADER.pack(WEIGHTS, 1 << 16) + b'half')\nos._exit(0)",
        Verdict.NONZERO_EXIT,
    ),
    "a closed stream, and life": ("os.close(1)\nwait()", Verdict.TIMEOUT),
    "noise on standard error": (
        "os.set_blocking(2, False)\nshout(64 << 20)\nos._exit(0)",
        Verdict.NONZERO_EXIT,
    ),
    "endless noise on standard error": ("shout(1 << 60)", Verdict.TIMEOUT),
}
_UNASKED = {
    "no READY": ("wait()", "did not start"),
    "READY with content": ("say(frame(READY, b'x'))\nwait()", "did not start"),
    "a run's frames in its place": ("say(frame(LOG) + frame(FAILED))\nwait()", "did not start"),
    "an end": ("os._exit(0)", "did not start"),
}


_INPUT = make_input("")


def _open(kind: str, speech: str) -> Channel:
    return open_weakened(kind, [Weakening(prelude=_PRELUDE + speech)], limits=_LIMITS, fill=str)


def _listen(kind: str, speech: str) -> tuple[Verdict, float]:
    """Return the verdict on the run of a sandbox that answers so, and how long it took."""
    with closing(_open(kind, _ASKED + speech)) as channel:
        runner = SubmissionRunner(channel, _INPUT, _LIMITS)
        runner.start()
        started = time.monotonic()
        verdict = runner.run(1).verdict
        seconds = time.monotonic() - started
        # "weights that are none" harm nothing but their run: the sandbox may go on.
        assert runner.run(2).verdict in {Verdict.PLATFORM_ERROR, Verdict.TIMEOUT}
    return verdict, seconds


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_zygote_says_there_is_a_verdict_in_time_and_little_memory(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "_TRANSFER_S", 1.0)
    runtime = find_runtime()
    monkeypatch.setattr(bubblewrap, "find_runtime", lambda: runtime)  # its memory is not the zygote's doing
    tracemalloc.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            heard = {name: pool.submit(_listen, kind, speech) for name, (speech, _) in _SPEECHES.items()}
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    verdicts = {name: future.result()[0] for name, future in heard.items()}
    assert verdicts == {name: verdict for name, (_, verdict) in _SPEECHES.items()}
    assert max(future.result()[1] for future in heard.values()) < _ENDS_BY_S
    assert peak < 64 * MIB


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("speech", _UNASKED)
def test_zygote_that_does_not_start_properly_is_a_platform_error(kind: str, speech: str) -> None:
    words, message = _UNASKED[speech]
    limits = replace(_LIMITS, start_s=3.0)
    with closing(_open(kind, words)) as channel:
        runner = SubmissionRunner(channel, _INPUT, limits)
        with pytest.raises(PlatformError, match=message):
            runner.start()


@pytest.mark.parametrize("kind", KINDS)
def test_weights_sent_before_they_are_asked_for_are_those_of_the_next_run(kind: str) -> None:
    """Weights are weights: a hostile zygote may as well have computed these when it was asked."""
    with closing(
        _open(kind, "say(frame(READY) + (frame(LOG) + frame(WEIGHTS, original)) * 2)\nwait()")
    ) as channel:
        runner = SubmissionRunner(channel, _INPUT, _LIMITS)
        runner.start()
        assert [runner.run(seed).weights for seed in (1, 2)] == [_INPUT.original] * 2
        assert runner.run(3).verdict is Verdict.TIMEOUT
