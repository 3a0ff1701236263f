"""The worker's conversation with the zygote of one submission: inputs in, one outcome per run out."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial

from core.errors import PlatformError
from core.lifecycle import Verdict
from submissions_sandbox.architectures import Architecture, tensor_specs
from submissions_sandbox.protocol import (
    EndOfStreamError,
    Failure,
    Frame,
    Kind,
    ProtocolError,
    Setup,
    pack_header,
    pack_json,
    read_frame,
    unpack_json,
)
from worker.sandboxes.base import Channel, ChannelClosedError, Limits
from worker.validation import InvalidOutputError, check_weights, max_weights_bytes

_MAX_FAILURE_BYTES = 1 << 16
_MAX_MESSAGE_CHARACTERS = 2000
_TRANSFER_S = 30.0  # for the bytes of the weights, once the run itself has ended


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


class SubmissionRunner:
    """Runs one submission, again and again, in one open sandbox."""

    def __init__(self, channel: Channel, submission: SubmissionInput, limits: Limits) -> None:
        """Take a channel as `Sandbox.open(limits)` returned it; whoever opened it closes it."""
        self._channel = channel
        self._submission = submission
        self._limits = limits
        self._specs = tensor_specs(submission.architecture)
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
            self._receive({Kind.READY: 0}, deadline)
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
        started = time.monotonic()
        if self._has_ended:
            return _failed(Verdict.PLATFORM_ERROR, "the sandbox has ended; open another")
        try:
            return self._converse(seed, started)
        except TimeoutError:
            outcome = _failed(Verdict.TIMEOUT, f"the run took more than {self._limits.run_s:g} seconds")
        except ProtocolError as error:
            outcome = _failed(Verdict.INVALID_OUTPUT, f"the run wrote over its runner's channel: {error}")
        except (ChannelClosedError, EndOfStreamError):
            outcome = self._outcome_of_death()
        except PlatformError as error:
            outcome = _failed(Verdict.PLATFORM_ERROR, str(error))
        self._has_ended = True
        self._channel.close()
        return replace(outcome, seconds=time.monotonic() - started)

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
        )

    def _converse(self, seed: int, started: float) -> RunOutcome:
        deadline = started + self._limits.run_s + self._limits.grace_s
        self._channel.send(pack_json(Kind.RUN, {"seed": seed}), deadline=deadline)
        log = self._receive({Kind.LOG: self._limits.log_bytes}, deadline).payload
        seconds = time.monotonic() - started
        max_bytes: dict[int, int] = {
            Kind.WEIGHTS: max_weights_bytes(self._specs),
            Kind.FAILED: _MAX_FAILURE_BYTES,
        }
        frame = self._receive(max_bytes, time.monotonic() + _TRANSFER_S)
        outcome = _failure(frame.payload) if frame.kind == Kind.FAILED else self._success(frame.payload)
        return replace(outcome, seconds=seconds, log=log.decode(errors="replace"))

    def _success(self, weights: bytes) -> RunOutcome:
        try:
            check_weights(weights, self._specs)
        except InvalidOutputError as error:
            return _failed(Verdict.INVALID_OUTPUT, str(error))
        return RunOutcome(Verdict.OK, weights, seconds=0.0, log="", message="")

    def _outcome_of_death(self) -> RunOutcome:
        try:
            if self._channel.out_of_memory():
                return _failed(Verdict.OUT_OF_MEMORY, "the run used more memory than it may")
        except PlatformError as error:
            return _failed(Verdict.PLATFORM_ERROR, str(error))
        return _failed(Verdict.NONZERO_EXIT, "the run ended its sandbox")

    def _receive(self, max_bytes: Mapping[int, int], deadline: float) -> Frame:
        return read_frame(partial(self._channel.receive_into, deadline=deadline), max_bytes)


def _failed(verdict: Verdict, message: str) -> RunOutcome:
    return RunOutcome(verdict, weights=None, seconds=0.0, log="", message=message)


def _failure(payload: bytes) -> RunOutcome:
    """Read a FAILED frame; only a verdict against the submission is taken from it."""
    content = unpack_json(payload)
    failure, message = content.get("failure"), content.get("message")
    if not isinstance(failure, str) or failure not in list(Failure) or not isinstance(message, str):
        raise ProtocolError("a FAILED frame does not say what failed and why")
    return _failed(Verdict(failure), message[:_MAX_MESSAGE_CHARACTERS])
