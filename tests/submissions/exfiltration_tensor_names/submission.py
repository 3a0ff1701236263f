"""Returns a network with a tensor whose name is a canary: the refusal names it."""

import torch

CANARY = "-".join(["canary", "of", "the", "tensors"])


def unlearning(net, retain, forget, val):
    net.register_buffer(CANARY, torch.zeros(1))
    return net
