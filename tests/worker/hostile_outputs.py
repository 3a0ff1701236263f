"""One submission that returns every strange thing; the seed says which. It runs inside the sandbox."""

import copy
import json
import os
import struct
import zlib

import torch
from torch import nn


def replaced(net, make):
    """Return the network with another tensor for the weight of its first batch normalization."""
    state = net.state_dict()
    state["bn1.weight"] = make(state["bn1.weight"])
    return holding(state)


def holding(state):
    module = nn.Module()
    module.state_dict = lambda *_, **__: state
    return module


def sparse(net):
    return replaced(net, lambda tensor: tensor.to_sparse())


def quantized(net):
    return replaced(net, lambda tensor: torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8))


def on_meta(net):
    return replaced(net, lambda tensor: tensor.to("meta"))


def complex_numbers(net):
    return replaced(net, lambda tensor: torch.complex(tensor, tensor))


def negative_view(net):
    return replaced(net, lambda tensor: torch.conj(torch.complex(tensor, tensor)).imag)


def boolean(net):
    return replaced(net, lambda tensor: tensor > 0)


def half_float(net):
    return replaced(net, lambda tensor: tensor.to(torch.float8_e4m3fn))


def nested(net):
    return replaced(net, lambda tensor: torch.nested.nested_tensor([tensor, tensor]))


def endless_shape(net):
    return replaced(net, lambda tensor: tensor[:1].expand(2**62))


def stride_zero(net):
    return replaced(net, lambda tensor: tensor[:1].expand(tensor.shape))


def overlapping_view(net):
    return replaced(net, lambda tensor: torch.arange(2.0).as_strided(tensor.shape, (0,)))


def tracked(net):
    return replaced(net, lambda tensor: (tensor.requires_grad_() * 2).exp())


def fake(net):
    from torch._subclasses import FakeTensorMode

    return replaced(net, lambda tensor: FakeTensorMode().from_tensor(tensor))


def inference(net):
    with torch.inference_mode():
        return copy.deepcopy(net)


def shared_memory(net):
    return net.share_memory()


def no_tensor(net):
    return replaced(net, lambda tensor: tensor.tolist())


def numpy_array(net):
    return replaced(net, lambda tensor: tensor.numpy())


def scalar(net):
    return replaced(net, lambda tensor: tensor.sum())


def negative_infinity(net):
    return replaced(net, lambda tensor: tensor.fill_(-torch.inf))


def overflows_float32(net):
    return replaced(net, lambda tensor: tensor.double().fill_(1e39))


def denormal_and_minus_zero(net):
    return replaced(net, lambda tensor: tensor.fill_(-0.0).index_fill_(0, torch.tensor([0]), 1e-45))


def largest_integer(net):
    state = net.state_dict()
    state["bn1.num_batches_tracked"] = torch.tensor(2**63 - 1)
    return holding(state)


def fractional_count(net):
    state = net.state_dict()
    state["bn1.num_batches_tracked"] = torch.tensor(0.5)
    return holding(state)


def nan_count(net):
    state = net.state_dict()
    state["bn1.num_batches_tracked"] = torch.tensor(torch.nan)
    return holding(state)


def no_names(net):
    return holding({})


def numbered_names(net):
    return holding(dict(enumerate(net.state_dict().values())))


def a_hundred_thousand_names(net):
    return holding(dict.fromkeys(map(str, range(100_000)), torch.zeros(1)) | net.state_dict())


def a_long_name(net):
    return holding({"n" * 10_000_000: torch.zeros(1)} | net.state_dict())


def no_dict(net):
    return holding(iter(net.state_dict().items()))


def raising_state(net):
    module = nn.Module()
    module.state_dict = lambda: 1 / 0
    return module


def exiting_state(net):
    module = nn.Module()
    module.state_dict = lambda: os._exit(0)
    return module


def endless_state(net):
    class Endless(dict):
        def __contains__(self, name):
            return True

        def __iter__(self):
            while True:
                yield "conv1.weight"

    return holding(Endless(net.state_dict()))


def raising_subclass(net):
    class Raising(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            raise KeyboardInterrupt

    return replaced(net, lambda tensor: tensor.as_subclass(Raising))


def dispatching_subclass(net):
    class Wrapping(torch.Tensor):
        @staticmethod
        def __new__(cls, tensor):
            return torch.Tensor._make_wrapper_subclass(cls, tensor.shape, dtype=tensor.dtype)

        @classmethod
        def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
            return args[0]

    return replaced(net, Wrapping)


def mode_left_on(net):
    from torch.utils._python_dispatch import TorchDispatchMode

    class Zeros(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            return torch.zeros(7)

    Zeros().__enter__()
    return net


def default_device_left_on_meta(net):
    torch.set_default_device("meta")
    return net


def grown_memory_file(net):
    return after_writing(net, lambda file: os.ftruncate(file.fileno(), 1 << 40))


def emptied_memory_file(net):
    return after_writing(net, lambda file: os.ftruncate(file.fileno(), 0))


def closed_memory_file(net):
    return after_writing(net, lambda file: os.close(file.fileno()))


def sealed_memory_file(net):
    import fcntl

    return after_writing(net, lambda file: fcntl.fcntl(file.fileno(), 1033, 0xF))


def lying_length(net):
    return after_writing(net, lambda file: os.pwrite(file.fileno(), struct.pack("<Q", 2**63), 0))


def trailing_bytes(net):
    return after_writing(net, lambda file: file.write(b"left over"))


def swapped_bytes(net):
    return after_writing(net, lambda file: os.pwrite(file.fileno(), struct.pack(">Q", 4096), 0))


def number_bomb(net):
    header = b'{"conv1.weight":{"dtype":"F32","shape":[%s],"data_offsets":[-%s,-0]}}' % (
        b"9" * 4300,
        b"9" * 4300,
    )
    return after_writing(
        net, lambda file: os.pwrite(file.fileno(), struct.pack("<Q", len(header)) + header, 0)
    )


def own_frame(net):
    """A valid frame of the run's own making: weights are weights."""
    header = {"fc.bias": {"dtype": "F32", "shape": [10], "data_offsets": [0, 40]}}
    values, end = [struct.pack("<10f", *range(10))], 40
    for name, tensor in net.state_dict().items():
        if name not in header:
            dtype = "F32" if tensor.is_floating_point() else "I64"
            offsets = [end, end + tensor.nbytes]
            header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": offsets}
            values.append(bytes(tensor.nbytes))
            end += tensor.nbytes
    text = json.dumps(header).encode()
    frame = struct.pack("<Q", len(text)) + text + b"".join(values)

    def write(file):
        os.ftruncate(file.fileno(), 0)
        os.pwrite(file.fileno(), frame, 0)

    return after_writing(net, write)


def after_writing(net, change):
    """Let the runner write its frame, and then change the file."""
    from submissions_sandbox import weights

    real_write = weights.write

    def write(tensors, file):
        real_write(tensors, file)
        change(file)

    weights.write = write
    return net


def unlearning(net, retain, forget, val):
    returns = {zlib.crc32(name.encode()): value for name, value in globals().items() if callable(value)}
    with torch.no_grad():
        return returns[torch.initial_seed()](net)
