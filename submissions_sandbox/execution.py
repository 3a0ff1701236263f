"""One run of a submission: what the zygote's forked child does, from the import to the weights."""

import os
import random
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import nn

from submissions_sandbox import entry, weights
from submissions_sandbox.architectures import TensorSpec
from submissions_sandbox.forked_run import RunFailedError
from submissions_sandbox.loaders import Loaders
from submissions_sandbox.protocol import Failure

_MAX_MESSAGE_CHARACTERS = 2000
_SHOWN_FRAMES = 5
_OUT_OF_MEMORY_TEXTS = ("can't allocate memory", "out of memory", "Cannot allocate memory")


@dataclass(frozen=True)
class Inputs:
    """What every run starts from.

    Attributes:
        net: the original network, in eval mode.
        loaders: the participant data.
        source: the submission's program, a zip archive that the worker has made.
        specs: the tensors that a run must return.
        device: where a run gets the network; CUDA does not survive a fork, so only the run moves it there.
    """

    net: nn.Module
    loaders: Loaders
    source: bytes
    specs: dict[str, TensorSpec]
    device: str = "cpu"


def rehearse(inputs: Inputs) -> None:
    """Do once, before any run is forked, what torch does only on first use."""
    _reseed(0)
    with open(os.devnull, "wb") as nowhere:
        weights.write(weights.take(inputs.net, inputs.specs), nowhere)


def execute(inputs: Inputs, *, seed: int, output: BinaryIO) -> None:
    """Run the submission in this process and write its weights, as safetensors, to `output`.

    Args:
        inputs: what the run starts from; changed in place.
        seed: 0 to 2^64 - 1; set after the import, so that a submission which seeds itself there
            does not make all its runs equal.
        output: where the weights go.

    Raises:
        RunFailedError: the submission did not return weights that fit.
    """
    folder, process = Path.cwd(), os.getpid()
    try:
        inputs.net.to(inputs.device)
        unlearning = _load(inputs, folder)
        _reseed(seed)
        with _participant_code(folder, Failure.NONZERO_EXIT):
            returned = unlearning(inputs.net, *inputs.loaders)
    finally:
        if os.getpid() != process:  # the submission forked, and the copy came back here too
            os._exit(1)
    module = inputs.net if returned is None else returned
    if not isinstance(module, nn.Module):
        raise RunFailedError(Failure.INVALID_OUTPUT, _describe_returned(module))
    with _participant_code(folder, Failure.INVALID_OUTPUT):
        taken = weights.take(module, inputs.specs)
    weights.write(taken, output)


def _load(inputs: Inputs, folder: Path) -> Callable[..., object]:
    entry.unpack(inputs.source, folder)
    with _participant_code(folder, Failure.INVALID_SUBMISSION):
        device = next(inputs.net.parameters()).device
        return entry.bind(entry.load(folder), device=device)


def _describe_returned(value: object) -> str:
    hint = ""
    if isinstance(value, Mapping):
        hint = "; of a state_dict write `net.load_state_dict(...)` and return net"
    elif isinstance(value, tuple) and any(isinstance(part, nn.Module) for part in value):
        hint = "; return the network alone"
    return f"unlearning returned a {type(value).__name__}; it may return None or a torch module{hint}"


def _reseed(seed: int) -> None:
    torch.manual_seed(seed)
    np.random.seed([seed & 0xFFFFFFFF, seed >> 32])  # noqa: NPY002  # participants use the global generator
    random.seed(seed)


@contextmanager
def _participant_code(folder: Path, failure: Failure) -> Iterator[None]:
    """Turn whatever is raised inside into `RunFailedError`, with the participant's own frames only."""
    try:
        yield
    except (weights.WrongWeightsError, entry.UnusableEntryError) as error:
        raise RunFailedError(failure, str(error)) from None
    except BaseException as error:  # noqa: BLE001  # a submission may raise anything, SystemExit for one
        if _is_out_of_memory(error):
            message = f"memory ran out: {str(error).partition(chr(10))[0]}"
            raise RunFailedError(Failure.OUT_OF_MEMORY, message[:_MAX_MESSAGE_CHARACTERS]) from None
        message = _describe(error, folder)[-_MAX_MESSAGE_CHARACTERS:]
        raise RunFailedError(failure, message) from None


def _describe(error: BaseException, folder: Path) -> str:
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(f"{folder}/")
    ]
    for frame in frames:
        frame.filename = os.path.relpath(frame.filename, folder)
    lines = traceback.format_list(frames[-_SHOWN_FRAMES:]) + traceback.format_exception_only(error)
    if isinstance(error, ModuleNotFoundError):
        lines.append(f"A sandbox has Python's own modules, {', '.join(entry.libraries())}, and your files.")
    return "".join(lines).strip()


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, (RuntimeError, OSError)) and any(
        text in str(error) for text in _OUT_OF_MEMORY_TEXTS
    )
