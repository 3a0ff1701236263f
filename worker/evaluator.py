"""The evaluator: a process of its own that measures unlearned models; the one that runs them has no test set.

Run as `python -m worker.evaluator`, it reads weights from its standard input and answers on its output.
"""

import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import TracebackType
from typing import IO, BinaryIO, Self, cast

from safetensors.torch import load

from core.errors import LeaseLostError, PlatformError
from core.limits import limits_of
from core.models import Phase
from submissions_sandbox import protocol
from submissions_sandbox.architectures import Architecture
from training.evaluation import Evaluator
from training.plan import BundleParts
from worker.preparation import load_bundle, parts_of

_MAX_JSON_BYTES = 2**16
_MAX_BYTES = 2**32
_LONGEST_EVALUATION_S = 1800.0


class Kind(IntEnum):
    """What a frame to or from the evaluator carries."""

    SETUP = 1
    WEIGHTS = 2
    EVALUATION = 3
    OVERFLOW = 4


class EvaluatorError(PlatformError):
    """The evaluator died or talks nonsense."""


class OverflowingModelError(Exception):
    """The weights are finite but what the model computes is not."""


class EvaluatorProcess:
    """The worker's side of an evaluator. Use as a context manager."""

    def __init__(self, phase: Phase) -> None:
        self.setup: dict[str, object] = {
            "architecture": phase.architecture,
            "parts": vars(parts_of(phase)),
            "device": limits_of(phase).device,
        }

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "worker.evaluator"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self._send(protocol.pack_json(Kind.SETUP, self.setup))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def evaluate(self, weights: bytes) -> bytes:
        """Measure one model.

        Args:
            weights: validated safetensors bytes.

        Returns:
            A `training.evaluation.Evaluation`, as bytes.

        Raises:
            OverflowingModelError: a logit of any image is not finite.
            EvaluatorError: the evaluator died, or took too long.
        """
        watchdog = threading.Timer(_LONGEST_EVALUATION_S, self._process.kill)
        watchdog.start()
        try:
            self._send(protocol.pack_header(Kind.WEIGHTS, len(weights)))
            self._send(weights)
            assert self._process.stdout is not None
            frame = protocol.read_frame(
                _reader(self._process.stdout), {Kind.EVALUATION: _MAX_BYTES, Kind.OVERFLOW: 0}
            )
        except (protocol.EndOfStreamError, protocol.ProtocolError) as error:
            raise EvaluatorError(f"the evaluator did not answer: {error}") from error
        finally:
            watchdog.cancel()
        if frame.kind == Kind.OVERFLOW:
            raise OverflowingModelError
        return frame.payload

    def _send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except OSError as error:
            raise EvaluatorError(f"the evaluator takes no weights: {error}") from error


_kept: list[EvaluatorProcess] = []
"""The evaluator that this process used last, idle now; at most one."""


@contextmanager
def kept_evaluator(phase: Phase) -> Iterator[EvaluatorProcess]:
    """Yield an evaluator for the models of a phase, and keep it for the next submission.

    To start one takes seconds, most of them for torch. It is ended when something fails while it is in use,
    or when another phase is measured.
    """
    wanted = EvaluatorProcess(phase)
    if _kept and not (_kept[0].is_alive and _kept[0].setup == wanted.setup):
        end_kept_evaluator()
    evaluator = _kept.pop() if _kept else wanted.__enter__()
    try:
        yield evaluator
    except LeaseLostError:  # it is not at fault
        _kept.append(evaluator)
        raise
    except BaseException:
        evaluator.close()
        raise
    _kept.append(evaluator)


def end_kept_evaluator() -> None:
    """End the evaluator that is kept, if there is one."""
    while _kept:
        _kept.pop().close()


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer every model that comes in with its evaluation, until the requests end."""
    read_into = _reader(requests)
    setup = protocol.unpack_json(protocol.read_frame(read_into, {Kind.SETUP: _MAX_JSON_BYTES}).payload)
    architecture, parts = setup["architecture"], setup["parts"]
    assert isinstance(architecture, dict)
    assert isinstance(parts, dict)
    bundle = load_bundle(BundleParts(**parts))
    evaluator = Evaluator(bundle, Architecture.from_dict(architecture), str(setup["device"]))
    while True:
        try:
            weights = protocol.read_frame(read_into, {Kind.WEIGHTS: _MAX_BYTES}).payload
        except protocol.EndOfStreamError:
            return
        try:
            answer = evaluator.evaluate(load(weights)).to_bytes()
            answers.write(protocol.pack_header(Kind.EVALUATION, len(answer)) + answer)
        except FloatingPointError:
            answers.write(protocol.pack_header(Kind.OVERFLOW, 0))
        answers.flush()


def _reader(stream: IO[bytes]) -> protocol.ReadInto:
    buffered = cast("io.BufferedReader", stream)
    return buffered.readinto


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
