"""The worker's conversation with the zygote of one submission: inputs in, one outcome per run out."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import NamedTuple

from core.errors import LeaseLostError, PlatformError
from core.lifecycle import Verdict
from submissions_sandbox.architectures import Architecture, tensor_specs
from submissions_sandbox.protocol import (
    EndOfStreamError,
    Failure,
    Kind,
    ProtocolError,
    ReadInto,
    Setup,
    pack_header,
    pack_json,
    read_header,
    read_payload,
    unpack_json,
)
from worker.sandboxes.base import Channel, ChannelClosedError, Limits
from worker.validation import InvalidOutputError, check_weights, max_weights_bytes

_MAX_FAILURE_BYTES = 1 << 16
_MAX_MESSAGE_CHARACTERS = 2000
_LOOK_S = 0.5  # between two questions whether a run that goes on is still wanted
_TRANSFER_S = 30.0  # for the bytes of the weights, once the run itself has ended
_CHANNEL_ERRORS = (TimeoutError, ProtocolError, EndOfStreamError, PlatformError)


@dataclass(frozen=True)
class SubmissionInput:
    """What a sandbox is given.

    Attributes:
        architecture: the network of the competition.
        original: its trained weights, safetensors.
        participant_data: the participant part of a bundle, safetensors.
        source: the submission's program, as `Program.to_bytes()` returns it.
    """

    architecture: Architecture
    original: bytes
    participant_data: bytes
    source: bytes


@dataclass(frozen=True)
class RunOutcome:
    """How one run ended.

    Attributes:
        verdict: ok, or why there are no weights.
        weights: safetensors, checked; None unless the verdict is ok.
        seconds: from the request to the end of the run, before its bytes are carried over.
        log: what the run printed.
        message: why there are no weights, in words for the participant; for a platform error, for logs.
    """

    verdict: Verdict
    weights: bytes | None
    seconds: float
    log: str
    message: str


class FinishedRun(NamedTuple):
    """The seed that a run was given, and how it ended."""

    seed: int
    outcome: RunOutcome


class _Ended(NamedTuple):
    """How a run ended, before its weights have come: `outcome` is ok for as long as they may be."""

    seed: int
    outcome: RunOutcome
    weights_bytes: int


class SubmissionRunner:
    """Runs one submission, again and again, in one open sandbox."""

    def __init__(
        self,
        channel: Channel,
        submission: SubmissionInput,
        limits: Limits,
        *,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Take a channel as `Sandbox.open(limits)` returned it; whoever opened it closes it.

        `check` is called over and over while the sandbox is waited for. When it raises `LeaseLostError`,
        nobody wants the run any more: the sandbox is ended, and the error goes to whoever asked for the run.
        """
        self._channel = channel
        self._check = check
        self._submission = submission
        self._limits = limits
        self._specs = tensor_specs(submission.architecture)
        self._is_running = False
        self._has_ended = False

    @property
    def sandbox(self) -> str:
        """What the submission runs in; see `Channel.identity`."""
        return self._channel.identity

    def start(self) -> None:
        """Hand over the inputs and wait until the zygote is ready; no participant code runs yet.

        Raises:
            PlatformError: the sandbox did not come up.
        """
        deadline = time.monotonic() + self._limits.start_s
        inputs = self._submission
        try:
            self._channel.send(pack_json(Kind.SETUP, asdict(self._setup())), deadline=deadline)
            for kind, payload in (
                (Kind.ORIGINAL, inputs.original),
                (Kind.DATA, inputs.participant_data),
                (Kind.SOURCE, inputs.source),
            ):
                self._channel.send(pack_header(kind, len(payload)), deadline=deadline)
                self._channel.send(payload, deadline=deadline)
            read_header(self._reader(deadline), {Kind.READY: 0})
        except (ChannelClosedError, EndOfStreamError, ProtocolError, TimeoutError) as error:
            raise PlatformError(f"the sandbox did not start: {error}: {self._channel.complaint()}") from None

    def run(self, seed: int) -> RunOutcome:
        """Run the submission once.

        Args:
            seed: 0 to 2^64 - 1; the same seed gives the same run. It is all that the sandbox learns.

        Returns:
            The outcome, whatever the sandbox did. Once the sandbox itself has ended, because it died,
            hung or spoke nonsense, all further runs are platform errors: open another.
        """
        return next(self.run_each([seed])).outcome

    def run_each(self, seeds: Iterable[int]) -> Iterator[FinishedRun]:
        """Run once for each seed, as `run`; the weights of a run come during the next. See `Runner.run_each`.

        The next run starts when nothing of the one before is left in the sandbox but its weights. Whatever
        ends the sandbox is the doing of the run that lives then: one whose weights are still on their way
        is not among the finished.
        """
        before: _Ended | None = None
        for seed in seeds:
            started = time.monotonic()
            try:
                self._ask(seed, started)
                if before is not None:
                    finished = self._collect(before)
                    yield finished
                    if finished.outcome.verdict is not Verdict.OK:
                        return
                before = self._wait(seed, started)
            except LeaseLostError:
                raise
            except _CHANNEL_ERRORS as error:
                yield FinishedRun(seed, self._outcome_of(error, started))
                return
            finally:
                if self._is_running:  # a run that nobody waits for
                    self._end()
            if before.outcome.verdict is not Verdict.OK:
                break
        if before is not None:
            yield self._collect_last(before)

    def _setup(self) -> Setup:
        limits, output_bytes = self._limits, max_weights_bytes(self._specs)
        return Setup(
            architecture=self._submission.architecture.to_dict(),
            run_s=limits.run_s,
            memory_bytes=limits.memory_bytes,
            file_bytes=max(limits.scratch_bytes, output_bytes),
            open_files=limits.open_files,
            log_bytes=limits.log_bytes,
            output_bytes=output_bytes,
            device=limits.device,
        )

    def _ask(self, seed: int, started: float) -> None:
        if self._has_ended:
            raise PlatformError("the sandbox has ended; open another")
        self._is_running = True
        self._channel.send(pack_json(Kind.RUN, {"seed": seed}), deadline=self._deadline(started))

    def _wait(self, seed: int, started: float) -> _Ended:
        reader = self._reader(self._deadline(started))
        log = read_payload(reader, read_header(reader, {Kind.LOG: self._limits.log_bytes}).length)
        seconds = time.monotonic() - started
        reader = self._reader(time.monotonic() + _TRANSFER_S)
        max_bytes: dict[int, int] = {
            Kind.WEIGHTS: max_weights_bytes(self._specs),
            Kind.FAILED: _MAX_FAILURE_BYTES,
        }
        header = read_header(reader, max_bytes)
        outcome = RunOutcome(Verdict.OK, weights=None, seconds=0.0, log="", message="")
        if header.kind == Kind.FAILED:
            outcome = _failure(read_payload(reader, header.length))
        self._is_running = False
        return _Ended(
            seed, replace(outcome, seconds=seconds, log=log.decode(errors="replace")), header.length
        )

    def _collect(self, ended: _Ended) -> FinishedRun:
        """Take the weights of a run that has ended, while the next one lives or none."""
        if ended.outcome.verdict is not Verdict.OK:
            return FinishedRun(ended.seed, ended.outcome)
        weights = read_payload(self._reader(time.monotonic() + _TRANSFER_S), ended.weights_bytes)
        try:
            check_weights(weights, self._specs)
        except InvalidOutputError as error:
            refused = replace(ended.outcome, verdict=Verdict.INVALID_OUTPUT, message=str(error))
            return FinishedRun(ended.seed, refused)
        return FinishedRun(ended.seed, replace(ended.outcome, weights=weights))

    def _collect_last(self, ended: _Ended) -> FinishedRun:
        started = time.monotonic() - ended.outcome.seconds
        try:
            return self._collect(ended)
        except LeaseLostError:
            raise
        except _CHANNEL_ERRORS as error:
            return FinishedRun(ended.seed, self._outcome_of(error, started))

    def _outcome_of(self, error: Exception, started: float) -> RunOutcome:
        """End the sandbox, and say what the failure of its channel means for the run that lives."""
        if isinstance(error, TimeoutError):
            outcome = _failed(Verdict.TIMEOUT, f"the run took more than {self._limits.run_s:g} seconds")
        elif isinstance(error, ProtocolError):
            outcome = _failed(Verdict.INVALID_OUTPUT, f"the run wrote over its runner's channel: {error}")
        elif isinstance(error, (ChannelClosedError, EndOfStreamError)):
            outcome = self._outcome_of_death()
        else:
            outcome = _failed(Verdict.PLATFORM_ERROR, str(error))
        self._end()
        return replace(outcome, seconds=time.monotonic() - started)

    def _end(self) -> None:
        self._is_running = False
        self._has_ended = True
        self._channel.close()

    def _outcome_of_death(self) -> RunOutcome:
        try:
            if self._channel.out_of_memory():
                return _failed(Verdict.OUT_OF_MEMORY, "the run used more memory than it may")
        except PlatformError as error:
            return _failed(Verdict.PLATFORM_ERROR, str(error))
        return _failed(Verdict.NONZERO_EXIT, "the run ended its sandbox")

    def _deadline(self, started: float) -> float:
        return started + self._limits.run_s + self._limits.grace_s

    def _reader(self, deadline: float) -> ReadInto:
        return partial(self._receive_into, deadline=deadline)

    def _receive_into(self, buffer: memoryview, *, deadline: float) -> int:
        while True:
            self._check()
            soon = min(deadline, time.monotonic() + _LOOK_S)
            try:
                return self._channel.receive_into(buffer, deadline=soon)
            except TimeoutError:
                if soon == deadline:
                    raise


def _failed(verdict: Verdict, message: str) -> RunOutcome:
    return RunOutcome(verdict, weights=None, seconds=0.0, log="", message=message)


def _failure(payload: bytes) -> RunOutcome:
    """Read a FAILED frame; only a verdict against the submission is taken from it."""
    content = unpack_json(payload)
    failure, message = content.get("failure"), content.get("message")
    if not isinstance(failure, str) or failure not in list(Failure) or not isinstance(message, str):
        raise ProtocolError("a FAILED frame does not say what failed and why")
    return _failed(Verdict(failure), message[:_MAX_MESSAGE_CHARACTERS])
