"""A submission is one file with this function in it: upload a copy in which it forgets."""

from typing import Any

import torch
from torch.utils.data import DataLoader

Loader = DataLoader[Any]


def unlearning(net: torch.nn.Module, retain: Loader, forget: Loader, val: Loader) -> torch.nn.Module:  # noqa: ARG001
    """Make `net` forget the `forget` set, as if it had been trained on the `retain` set alone.

    Each loader gives batches of 64, shuffled anew each epoch. A batch unpacks as `inputs, targets` and also
    answers batch["image"], ["age_group"], ["age"], ["person_id"] and ["image_id"]. Inputs are float32
    [n, 3, 32, 32], 0-255, not normalised; targets are int64 [n], 0..9.

    Args:
        net: the trained age predictor, a ResNet-18 with torchvision's names, in eval mode. Move each batch
            to its device.
        retain: faces that it was trained on and may remember.
        forget: faces that it was trained on and must forget.
        val: faces that it has never seen, of other people.

    Returns:
        The network, or another module. Only its weights count, and they must fit the same ResNet-18. To
        change `net` in place and return None is allowed too.
    """
    device = next(net.parameters()).device
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    loss_of = torch.nn.CrossEntropyLoss()
    net.train()
    for inputs, targets in retain:
        optimizer.zero_grad()
        loss_of(net(inputs.to(device)), targets.to(device)).backward()
        optimizer.step()
    return net
