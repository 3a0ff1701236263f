"""The weights a run returns: taken from a module by specification, written as safetensors."""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import BinaryIO

import torch
from torch import nn

from submissions_sandbox.architectures import TensorSpec

_TORCH_DTYPES = {"F32": torch.float32, "I64": torch.int64}


class WrongWeightsError(Exception):
    """The returned module does not hold the weights of the competition's network."""


def take(module: nn.Module, specs: Mapping[str, TensorSpec]) -> dict[str, torch.Tensor]:
    """Return the tensors of `specs`, in its order, on the CPU, contiguous, in its dtypes.

    Raises:
        WrongWeightsError: a missing, unknown or wrongly shaped tensor, named.
    """
    state = module.state_dict()
    if missing := [name for name in specs if name not in state]:
        raise WrongWeightsError(f"the returned network lacks {_some(missing)}")
    if unknown := [str(name) for name in state if name not in specs]:
        raise WrongWeightsError(f"the returned network has {_some(unknown)}, which the original has not")
    taken = {}
    for name, spec in specs.items():
        tensor = state[name]
        if not isinstance(tensor, torch.Tensor):
            raise WrongWeightsError(f"{name} is a {type(tensor).__name__}, not a tensor")
        if tuple(tensor.shape) != spec.shape:
            raise WrongWeightsError(f"{name} has the shape {list(tensor.shape)}, not {list(spec.shape)}")
        taken[name] = tensor.detach().to("cpu", _TORCH_DTYPES[spec.dtype]).contiguous()
    return taken


def write(tensors: Mapping[str, torch.Tensor], file: BinaryIO) -> None:
    """Write CPU tensors, float32 or int64, as safetensors, without a second copy in memory."""
    header, order, offset = {}, sorted(tensors, key=lambda name: -tensors[name].itemsize), 0
    for name in order:  # wide types first, so that each tensor is aligned
        tensor = tensors[name]
        dtype = next(key for key, value in _TORCH_DTYPES.items() if value == tensor.dtype)
        offsets = (offset, offset + tensor.nbytes)
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": offsets}
        offset = offsets[1]
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    file.write(struct.pack("<Q", len(encoded)) + encoded)
    for name in order:
        file.write(tensors[name].reshape(-1).view(torch.uint8).numpy().data)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
