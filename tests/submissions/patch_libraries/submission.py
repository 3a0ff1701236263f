"""Replaces every function the runner could call next, its own included; an earlier run's would still be there."""

import builtins
import importlib
import os
import sys
import types

import torch

MODULES = [
    *("builtins", "os", "io", "sys", "json", "struct", "signal", "select", "time", "random", "traceback", "gc"),
    *("torch", "torch.nn", "torch.nn.functional", "torch.utils.data", "torch.random", "torch.serialization"),
    *("numpy", "numpy.random", "safetensors", "safetensors.torch", "importlib.util", "linecache", "tempfile"),
    *("submissions_sandbox.execution", "submissions_sandbox.weights", "submissions_sandbox.forked_run"),
    *("submissions_sandbox.protocol", "submissions_sandbox.scratch", "submissions_sandbox.zygote"),
    *("submissions_sandbox.confinement", "submissions_sandbox.loaders"),
]
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)


def is_patched(value):
    return getattr(value, "__name__", "").startswith("patched_")


def patched(name, function):
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    wrapper.__name__ = f"patched_{name}"
    return wrapper


def modules():
    loaded = [importlib.import_module(name) for name in MODULES if not name.startswith("submissions_sandbox")]
    return loaded + [module for name, module in sys.modules.items() if name.startswith("submissions_sandbox.")]


def find():
    found = [
        f"{module.__name__}.{name}"
        for module in modules()
        for name, value in vars(module).items()
        if is_patched(value)
    ]
    methods = (torch.nn.Module.state_dict, torch.nn.Module.__call__, torch.Tensor.to, torch.Tensor.contiguous)
    return found + [method.__name__ for method in methods if is_patched(method)]


def patch():
    for module in modules():
        for name, value in list(vars(module).items()):
            if isinstance(value, FUNCTIONS) and not name.startswith("__"):
                try:
                    setattr(module, name, patched(name, value))
                except (AttributeError, TypeError):
                    continue
    for kind, name in ((torch.nn.Module, "state_dict"), (torch.Tensor, "to"), (torch.Tensor, "contiguous")):
        setattr(kind, name, patched(name, getattr(kind, name)))


EARLIER = find()


def unlearning(net, retain, forget, val):
    if EARLIER:
        raise RuntimeError(f"BREACH: {len(EARLIER)} functions are an earlier run's, {EARLIER[0]} for one")
    len_before = builtins.len
    patch()
    assert builtins.len is not len_before
    assert is_patched(os.write)
    assert len(find()) > 500
