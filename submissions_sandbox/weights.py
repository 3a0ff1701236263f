"""The weights a run returns: taken from a module by specification, written as safetensors."""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import BinaryIO

import torch
from torch import nn

from submissions_sandbox.architectures import TensorSpec

_WRAPPED = ("module", "_orig_mod")  # where DataParallel and AveragedModel, and torch.compile, keep a network
_SHOWN_CHARACTERS = 100  # of a name: a report that is too long is none
_TORCH_DTYPES = {"F32": torch.float32, "I64": torch.int64}


class WrongWeightsError(Exception):
    """The returned module does not hold the weights of the competition's network."""


def take(module: nn.Module, specs: Mapping[str, TensorSpec]) -> dict[str, torch.Tensor]:
    """Return the tensors of `specs`, in its order, on the CPU, contiguous, in its dtypes.

    Wrappers that only add a prefix to all names (DataParallel, AveragedModel, compiled modules) are taken
    off. What a weight is computed from, by pruning or a parametrization, becomes the weight that the network
    computes with in eval mode, which the module is left in.

    Raises:
        WrongWeightsError: a missing, unknown or wrongly shaped tensor, named.
    """
    module = _unwrapped(module, specs)
    state = _folded(module, specs)
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
        if tensor.is_meta:
            raise WrongWeightsError(f"{name} is on the meta device: it has no values")
        taken[name] = _plain(tensor, _TORCH_DTYPES[spec.dtype])
    return taken


def _unwrapped(module: nn.Module, specs: Mapping[str, TensorSpec]) -> nn.Module:
    """Return what lies under wrappers that hold a whole network and no weights of their own."""
    while not any(hasattr(module, name.partition(".")[0]) for name in specs):
        inner = [getattr(module, name, None) for name in _WRAPPED]
        found = next((candidate for candidate in inner if isinstance(candidate, nn.Module)), None)
        if found is None:
            break
        module = found
    return module


def _folded(module: nn.Module, specs: Mapping[str, TensorSpec]) -> dict[str, torch.Tensor]:
    """Return the state_dict with each weight as the network, in eval mode, computes with it."""
    module.eval()  # in training mode a parametrization may move at each look, as spectral_norm does
    state = module.state_dict()
    for name in [name for name in specs if name not in state]:
        owner, _, leaf = name.rpartition(".")
        original, mask = f"{name}_orig", f"{name}_mask"
        parametrized = [key for key in state if key.startswith(f"{owner}.parametrizations.{leaf}.")]
        if original in state and mask in state:
            state[name] = state.pop(original) * state.pop(mask)
        elif parametrized:
            state[name] = getattr(module.get_submodule(owner), leaf)
            for key in parametrized:
                del state[key]
        elif f"{name}_g" in state or original in state:
            raise WrongWeightsError(
                f"{name} is computed from other tensors; before returning, call "
                "torch.nn.utils.remove_weight_norm or remove_spectral_norm on its layer"
            )
    return state


def _plain(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return a contiguous tensor of torch's own type, the very one where it is such already."""
    taken = tensor.detach().to("cpu", dtype).contiguous()
    if type(taken) is torch.Tensor and not taken.is_neg():
        return taken
    return torch.empty(tensor.shape, dtype=dtype).copy_(taken)


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
    shown = ", ".join(name[:_SHOWN_CHARACTERS] for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
