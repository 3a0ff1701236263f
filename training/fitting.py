"""One model in training: what a seed decides, the order of its steps, and the step, on any device."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from submissions_sandbox.architectures import Architecture, build
from training.recipe import Recipe
from training.threads import one_thread


class Batch(NamedTuple):
    """What a step sees: images, float32 [n, 3, h, w], 0-255, and labels, int64 [n]."""

    images: torch.Tensor
    labels: torch.Tensor


@dataclass(frozen=True)
class TrainingSet:
    """Images and labels where the network is.

    Attributes:
        images: uint8 [n, 3, h, w].
        labels: int64 [n].
        class_weights: float32 [n_classes], of the loss; None for a plain mean.
    """

    images: torch.Tensor
    labels: torch.Tensor
    class_weights: torch.Tensor | None

    @classmethod
    def of(
        cls,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        *,
        architecture: Architecture,
        recipe: Recipe,
        device: torch.device,
    ) -> Self:
        """Take a training set to a device.

        Raises:
            ValueError: no step can be made: fewer images than `drop_last` demands, or than 2.
        """
        if len(images) < recipe.least_images:
            raise ValueError(f"{len(images)} images are too few to train with batches of {recipe.batch_size}")
        weights = _class_weights(labels, architecture).to(device) if recipe.class_weights else None
        return cls(torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device), weights)

    def batch(self, rows: torch.Tensor) -> Batch:
        """Return some of it, given indices, int64 [batch], on the same device."""
        return Batch(self.images.index_select(0, rows).float(), self.labels.index_select(0, rows))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of an image, in pixels."""
        _, _, height, width = self.images.shape
        return height, width


class Start(NamedTuple):
    """All that a seed decides: the first network, on the CPU, and orders, int64 [epochs, n_images]."""

    net: nn.Module
    orders: torch.Tensor


def draw(seed: int, *, architecture: Architecture, recipe: Recipe, n_images: int) -> Start:
    """Draw the start of one training; torch's global generator is left as it was."""
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = build(architecture)
        return Start(net, torch.stack([torch.randperm(n_images) for _ in range(recipe.epochs)]))


class Step(NamedTuple):
    """One step of a training: the images order[epoch, start:stop], at a learning rate."""

    epoch: int
    start: int
    stop: int
    rate: float

    @property
    def size(self) -> int:
        """Images of the step."""
        return self.stop - self.start

    def rows(self, orders: torch.Tensor) -> torch.Tensor:
        """Return the indices of the images, int64 [size], given orders, int64 [epochs, n_images]."""
        return orders[self.epoch, self.start : self.stop]


def steps(recipe: Recipe, n_images: int) -> Iterator[Step]:
    """Yield the steps of a training in their order; the same for every seed."""
    starts = range(0, n_images - recipe.least_images + 1, recipe.batch_size)
    per_step = recipe.cosine == "step"
    n_falls = recipe.epochs * (len(starts) if per_step else 1)
    for epoch in range(recipe.epochs):
        for i, start in enumerate(starts):
            n_fallen = epoch * len(starts) + i if per_step else epoch
            rate = recipe.learning_rate * (1 + math.cos(math.pi * n_fallen / n_falls)) / 2
            yield Step(epoch, start, min(start + recipe.batch_size, n_images), rate)


class Fit:
    """A network in training, with its optimiser; nothing in a step waits for the device.

    Attributes:
        net: the network, in train mode, on the device of the training set.
    """

    def __init__(self, net: nn.Module, data: TrainingSet, recipe: Recipe) -> None:
        device = data.images.device
        self.net = net.to(device).train()
        self._data = data
        self._loss = nn.CrossEntropyLoss(data.class_weights)
        self._optimizer = torch.optim.Adam(
            net.parameters(),
            lr=torch.tensor(recipe.learning_rate, device=device),
            weight_decay=recipe.weight_decay,
            fused=True,
            capturable=device.type == "cuda",
        )

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the steps to come."""
        for group in self._optimizer.param_groups:
            group["lr"].fill_(rate)

    def step(self, rows: torch.Tensor) -> None:
        """Make one step on some images, given their indices, int64 [batch], on the device."""
        batch = self._data.batch(rows)
        self._loss(self.net(batch.images), batch.labels).backward()
        self._optimizer.step()
        self._optimizer.zero_grad()

    def restart(self, net: nn.Module) -> None:
        """Begin anew, in place, from another network's weights."""
        self.net.load_state_dict(net.state_dict())
        for state in self._optimizer.state.values():
            for tensor in state.values():
                tensor.zero_()

    def state(self) -> dict[str, torch.Tensor]:
        """Return a copy of the network's state_dict, on the CPU."""
        return {name: tensor.to("cpu", copy=True) for name, tensor in self.net.state_dict().items()}


def _class_weights(labels: NDArray[np.int64], architecture: Architecture) -> torch.Tensor:
    """Return float32 [n_classes]: inverse frequencies, 1 if all are equal; 0 for a class without images."""
    counts = np.bincount(labels, minlength=architecture.n_classes)
    weights = np.where(counts > 0, len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1)), 0.0)
    return torch.from_numpy(weights).float()
