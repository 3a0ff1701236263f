"""The worker's side of the conversation, against zygotes that break every rule."""

import time
from collections.abc import Iterator

import pytest
import torch
from safetensors.torch import load, save

from core.errors import PlatformError, SandboxUnavailableError
from core.lifecycle import Verdict
from submissions_sandbox.protocol import Kind, pack_header, pack_json
from tests.support.sandboxes import make_input
from worker.runner import RunOutcome, SubmissionRunner
from worker.sandboxes.base import ChannelClosedError, Limits

_READY = pack_header(Kind.READY, 0)
_NO_LOG = pack_header(Kind.LOG, 0)
_ORIGINAL = make_input("").original
_LIMITS = Limits(run_s=0.1, grace_s=0.1, start_s=0.2, log_bytes=10)


class ScriptedChannel:
    """A sandbox that says what it was told to say, and then is gone, hangs, or fails."""

    def __init__(
        self, *said: bytes, at_end: str = "gone", out_of_memory: bool = False, engine_fails: bool = False
    ) -> None:
        self.said = b"".join(said)
        self.at_end = at_end
        self.is_out_of_memory = out_of_memory
        self.engine_fails = engine_fails
        self.heard = b""
        self.is_closed = False

    def send(self, data: bytes, *, deadline: float) -> None:
        if self.at_end == "deaf":
            raise ChannelClosedError("the sandbox is gone")
        self.heard += data

    def receive_into(self, buffer: memoryview, *, deadline: float) -> int:
        part = self.said[: len(buffer)]
        self.said = self.said[len(part) :]
        if not part and self.at_end == "hangs":
            time.sleep(max(0.0, deadline - time.monotonic()))
            raise TimeoutError
        if not part and self.at_end == "engine fails":
            raise SandboxUnavailableError("the engine is gone")
        buffer[: len(part)] = part
        return len(part)

    def out_of_memory(self) -> bool:
        if self.engine_fails:
            raise SandboxUnavailableError("the engine is gone")
        return self.is_out_of_memory

    def complaint(self) -> str:
        return "Traceback: so it was"

    def close(self) -> None:
        self.is_closed = True


def _started(channel: ScriptedChannel) -> SubmissionRunner:
    channel.said = _READY + channel.said
    runner = SubmissionRunner(channel, make_input("source"), _LIMITS)
    runner.start()
    return runner


def _run(channel: ScriptedChannel) -> RunOutcome:
    return _started(channel).run(3)


def _weights(frame: bytes) -> bytes:
    return _NO_LOG + pack_header(Kind.WEIGHTS, len(frame)) + frame


def _with_nan() -> bytes:
    state = load(_ORIGINAL)
    state["bn1.running_var"][0] = torch.nan
    return save(state)


def test_honest_weights_are_ok_and_the_log_is_decoded() -> None:
    log = "kept Ω\n".encode()
    channel = ScriptedChannel(
        pack_header(Kind.LOG, len(log)) + log, pack_header(Kind.WEIGHTS, len(_ORIGINAL)), _ORIGINAL
    )
    outcome = _run(channel)
    assert outcome.verdict is Verdict.OK
    assert outcome.weights == _ORIGINAL
    assert (outcome.log, outcome.message) == ("kept Ω\n", "")
    assert 0 <= outcome.seconds < 60
    assert not channel.is_closed


def test_only_the_seed_enters_the_sandbox_with_a_run() -> None:
    channel = ScriptedChannel(_weights(_ORIGINAL))
    runner = _started(channel)
    channel.heard = b""
    runner.run(2**64 - 1)
    assert channel.heard == pack_json(Kind.RUN, {"seed": 2**64 - 1})


def _seeds(channel: ScriptedChannel, unread: list[int]) -> Iterator[int]:
    """Yield the seeds 1 to 3, noting how much of what the sandbox said was unread when each was asked for."""
    for seed in (1, 2, 3):
        unread.append(len(channel.said))
        yield seed


def test_next_run_is_asked_for_before_the_weights_of_the_last_are_read() -> None:
    whole = _weights(_ORIGINAL)
    channel, unread = ScriptedChannel(whole, whole, whole), []
    finished = list(_started(channel).run_each(_seeds(channel, unread)))
    assert [(run.seed, run.outcome.weights) for run in finished] == [(k, _ORIGINAL) for k in (1, 2, 3)]
    payload = len(_ORIGINAL)
    assert unread == [3 * len(whole), 2 * len(whole) + payload, len(whole) + payload]
    assert not channel.is_closed


def test_run_that_failed_is_the_last_and_the_one_before_is_kept() -> None:
    failed = pack_json(Kind.FAILED, {"failure": "timeout", "message": "too slow"})
    channel, unread = ScriptedChannel(_weights(_ORIGINAL), _NO_LOG, failed), []
    finished = list(_started(channel).run_each(_seeds(channel, unread)))
    assert [(run.seed, run.outcome.verdict) for run in finished] == [(1, Verdict.OK), (2, Verdict.TIMEOUT)]
    assert len(unread) == 2


@pytest.mark.parametrize("n_bytes_kept", [0, 100, len(_ORIGINAL)])
@pytest.mark.parametrize(("at_end", "verdict"), [("gone", "nonzero_exit"), ("hangs", "timeout")])
def test_end_of_the_sandbox_is_the_doing_of_the_run_that_lives(
    monkeypatch: pytest.MonkeyPatch, n_bytes_kept: int, at_end: str, verdict: str
) -> None:
    monkeypatch.setattr("worker.runner._TRANSFER_S", 0.1)
    cut = len(_ORIGINAL) - n_bytes_kept
    channel = ScriptedChannel(_weights(_ORIGINAL)[: -cut or None], at_end=at_end)
    *before, last = _started(channel).run_each(_seeds(channel, []))
    assert (last.seed, last.outcome.verdict) == (2, verdict)
    assert [run.seed for run in before] == ([1] if n_bytes_kept == len(_ORIGINAL) else [])
    assert channel.is_closed


def test_sandbox_ends_with_the_run_that_is_not_waited_for() -> None:
    channel = ScriptedChannel(_weights(_with_nan()), _weights(_ORIGINAL))
    runner = _started(channel)
    (finished,) = runner.run_each(_seeds(channel, []))
    assert (finished.seed, finished.outcome.verdict) == (1, Verdict.INVALID_OUTPUT)
    assert channel.is_closed
    assert runner.run(4).verdict is Verdict.PLATFORM_ERROR


@pytest.mark.parametrize(
    "said",
    [
        b"Hello, this is not a frame",
        pack_header(Kind.READY, 0),
        pack_header(Kind.WEIGHTS, 0),
        pack_header(Kind.LOG, 11) + bytes(11),
        _NO_LOG + _NO_LOG,
        _NO_LOG + pack_header(Kind.WEIGHTS, 2**62),
        _NO_LOG + pack_header(Kind.FAILED, 2**62),
        _NO_LOG + pack_json(Kind.FAILED, {}),
        _NO_LOG + pack_json(Kind.FAILED, {"failure": "platform_error", "message": "retry me"}),
        _NO_LOG + pack_json(Kind.FAILED, {"failure": "ok", "message": ""}),
        _NO_LOG + pack_json(Kind.FAILED, {"failure": ["timeout"], "message": ""}),
        _NO_LOG + pack_json(Kind.FAILED, {"failure": "timeout", "message": 3}),
        _NO_LOG + pack_header(Kind.FAILED, 3) + b"[1]",
        _NO_LOG + pack_header(Kind.FAILED, 60_000) + b"[" * 60_000,
    ],
)
def test_nonsense_is_an_invalid_output_and_ends_the_sandbox(said: bytes) -> None:
    channel = ScriptedChannel(said)
    outcome = _run(channel)
    assert outcome.verdict is Verdict.INVALID_OUTPUT
    assert outcome.weights is None
    assert channel.is_closed


@pytest.mark.parametrize(
    ("frame", "words"),
    [(b"", "header"), (_with_nan(), "bn1.running_var holds a NaN"), (bytes(100), "header")],
)
def test_weights_that_fail_the_check_are_an_invalid_output(frame: bytes, words: str) -> None:
    channel = ScriptedChannel(_weights(frame))
    outcome = _run(channel)
    assert outcome.verdict is Verdict.INVALID_OUTPUT
    assert words in outcome.message
    assert not channel.is_closed


def test_failure_is_passed_on_with_its_message_capped() -> None:
    failed = pack_json(Kind.FAILED, {"failure": "nonzero_exit", "message": "x" * 5000})
    outcome = _run(ScriptedChannel(_NO_LOG, failed))
    assert outcome.verdict is Verdict.NONZERO_EXIT
    assert outcome.message == "x" * 2000


def test_silent_sandbox_is_a_timeout_after_limit_and_grace() -> None:
    channel = ScriptedChannel(at_end="hangs")
    outcome = _run(channel)
    assert outcome.verdict is Verdict.TIMEOUT
    assert "0.1 seconds" in outcome.message
    assert outcome.seconds >= 0.2
    assert channel.is_closed


@pytest.mark.parametrize("said", [b"", _NO_LOG, _NO_LOG + pack_header(Kind.WEIGHTS, 100) + b"half"])
def test_death_of_the_sandbox_is_the_submissions_exit(said: bytes) -> None:
    assert _run(ScriptedChannel(said)).verdict is Verdict.NONZERO_EXIT
    assert _run(ScriptedChannel(said, out_of_memory=True)).verdict is Verdict.OUT_OF_MEMORY


def test_failing_engine_is_a_platform_error() -> None:
    assert _run(ScriptedChannel(at_end="engine fails")).verdict is Verdict.PLATFORM_ERROR
    outcome = _run(ScriptedChannel(engine_fails=True))
    assert (outcome.verdict, outcome.message) == (Verdict.PLATFORM_ERROR, "the engine is gone")


def test_run_in_an_ended_sandbox_is_a_platform_error() -> None:
    runner = _started(ScriptedChannel())
    runner.run(1)
    assert runner.run(2).verdict is Verdict.PLATFORM_ERROR


@pytest.mark.parametrize(
    "channel",
    [
        ScriptedChannel(),
        ScriptedChannel(at_end="deaf"),
        ScriptedChannel(at_end="hangs"),
        ScriptedChannel(_NO_LOG),
        ScriptedChannel(pack_header(Kind.READY, 1) + b"x"),
    ],
)
def test_sandbox_that_does_not_come_up_is_a_platform_error(channel: ScriptedChannel) -> None:
    with pytest.raises(PlatformError, match=r"did not start.*so it was"):
        SubmissionRunner(channel, make_input("source"), _LIMITS).start()
