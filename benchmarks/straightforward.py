"""The straightforward way to train and measure a model, that the figures of speed are against.

A dataset that answers one sample at a time, torch's own collation, the whole network, torch's default Adam,
and accounts kept with `.item()` in every step.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader, Dataset

from submissions_sandbox.architectures import Architecture, build
from training.recipe import Recipe


class Samples(Dataset[tuple[torch.Tensor, int]]):
    """Faces, one at a time."""

    def __init__(self, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        """Hold images, uint8 [n, 3, 32, 32], and labels, int64 [n]."""
        self._images = images
        self._labels = labels

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.from_numpy(self._images[index]).float(), int(self._labels[index])


def train(samples: Samples, recipe: Recipe, *, seed: int, device: str = "cpu") -> dict[str, torch.Tensor]:
    """Train the full ResNet-18 on samples, each of whose classes weighs the same."""
    torch.manual_seed(seed)
    net = build(Architecture()).to(device).train()
    loader = DataLoader(samples, batch_size=recipe.batch_size, shuffle=True, drop_last=recipe.drop_last)
    loss_of = nn.CrossEntropyLoss(torch.ones(10, device=device))
    optimizer = torch.optim.Adam(net.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=recipe.epochs)
    for _ in range(recipe.epochs):
        total_loss = n_right = 0.0
        for inputs, targets in loader:
            images, labels = inputs.to(device), targets.to(device)
            optimizer.zero_grad()
            logits = net(images)
            loss = loss_of(logits, labels)
            loss.backward()
            optimizer.step()
            total_loss += loss.item() * len(labels)
            n_right += (logits.argmax(1) == labels).sum().item()
        schedule.step()
    return {name: tensor.cpu() for name, tensor in net.state_dict().items()}


def accuracy(
    state: dict[str, torch.Tensor], samples: Samples, *, batch_size: int = 64, device: str = "cpu"
) -> float:
    """Return the share of samples that the full ResNet-18 gets right."""
    net = build(Architecture()).to(device).eval()
    net.load_state_dict(state)
    n_right = 0.0
    with torch.no_grad():
        for inputs, targets in DataLoader(samples, batch_size=batch_size):
            n_right += (net(inputs.to(device)).argmax(1).cpu() == targets).sum().item()
    return n_right / len(samples)
