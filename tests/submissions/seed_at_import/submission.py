"""Seeds every generator at the top of the file, as starting kits do: all N models would be the same."""

import random

import numpy as np
import torch


def seeded():
    torch.manual_seed(7)
    np.random.seed(7)
    random.seed(7)


def drawn():
    return torch.rand(()).item(), np.random.rand(), random.random()


def drawn_once_seeded():
    seeded()
    expected = drawn()
    seeded()
    return expected


EXPECTED = drawn_once_seeded()


def unlearning(net, retain, forget, val):
    for name, ours, theirs in zip(("torch", "numpy", "random"), drawn(), EXPECTED, strict=True):
        if ours == theirs:
            raise RuntimeError(f"BREACH: {name} draws what the file's own seed gives, in every run")
