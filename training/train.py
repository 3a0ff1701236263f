"""Training: of the original model, and of the references, retrained without the forget set."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from submissions_sandbox.architectures import Architecture, build
from training.recipe import Recipe
from training.threads import one_thread

# Of `train_many`; it rises when the bits of a reference change, so that no set of references mixes two.
TRAINER_VERSION = "1"


@dataclass(frozen=True)
class TrainedModel:
    """A reference model.

    Attributes:
        state: the state_dict of the whole architecture, on the CPU.
        seconds: what its training took; of models trained side by side, each one's share.
    """

    state: dict[str, torch.Tensor]
    seconds: float


def train(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    *,
    architecture: Architecture,
    recipe: Recipe,
    seed: int,
) -> dict[str, torch.Tensor]:
    """Train a network from scratch; the same arguments give the same weights, bit for bit.

    Runs on one CPU thread and leaves torch's global generator as it was.

    Args:
        images: uint8 [n, 3, h, w]; the network sees them as float32, 0-255, without augmentation.
        labels: int64 [n], 0..n_classes - 1.
        architecture: the network.
        recipe: optimiser, schedule and batches.
        seed: decides the first weights and the order of the images; 0..2**63 - 1.

    Returns:
        The state_dict, on the CPU.

    Raises:
        ValueError: no step can be made: fewer images than `drop_last` demands, or than 2.
    """
    if len(images) < (recipe.batch_size if recipe.drop_last else 2):
        raise ValueError(f"{len(images)} images are too few to train with batches of {recipe.batch_size}")
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = build(architecture)
        loss = nn.CrossEntropyLoss(_class_weights(labels, architecture) if recipe.class_weights else None)
        _fit(net, torch.from_numpy(images), torch.from_numpy(labels), recipe=recipe, loss=loss)
        return net.state_dict()


def train_many(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    *,
    architecture: Architecture,
    recipe: Recipe,
    seeds: Sequence[int],
    device: str = "cpu",
) -> Iterator[TrainedModel]:
    """Train one reference model for each seed, in their order; each comes as soon as it is there.

    The bits of a model depend on its seed and on the device, not on which models are trained with it.

    Args:
        images: uint8 [n, 3, h, w]; the network sees them as float32, 0-255, without augmentation.
        labels: int64 [n], 0..n_classes - 1.
        architecture: the network.
        recipe: optimiser, schedule and batches.
        seeds: one for each model; 0..2**63 - 1.
        device: "cpu".

    Raises:
        ValueError: an unknown device; or, as of `train`, no step can be made.
    """
    if device != "cpu":
        raise ValueError(f'device must be "cpu", not {device!r}')
    for seed in seeds:
        started = time.monotonic()
        state = train(images, labels, architecture=architecture, recipe=recipe, seed=seed)
        yield TrainedModel(state=state, seconds=time.monotonic() - started)


def _class_weights(labels: NDArray[np.int64], architecture: Architecture) -> torch.Tensor:
    """Return float32 [n_classes]: inverse frequencies, 1 if all are equal; 0 for a class without images."""
    counts = np.bincount(labels, minlength=architecture.n_classes)
    weights = np.where(counts > 0, len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1)), 0.0)
    return torch.from_numpy(weights).float()


def _fit(
    net: nn.Module, images: torch.Tensor, labels: torch.Tensor, *, recipe: Recipe, loss: nn.Module
) -> None:
    optimizer = torch.optim.Adam(net.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    # A last batch of one image has no batch statistics, so it is always left out.
    least = recipe.batch_size if recipe.drop_last else 2
    starts = range(0, len(images) - least + 1, recipe.batch_size)
    per_step = recipe.cosine == "step"
    n_falls = recipe.epochs * (len(starts) if per_step else 1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=n_falls)
    net.train()
    for _ in range(recipe.epochs):
        order = torch.randperm(len(images))
        for start in starts:
            rows = order[start : start + recipe.batch_size]
            optimizer.zero_grad()
            loss(net(images[rows].float()), labels[rows]).backward()
            optimizer.step()
            if per_step:
                schedule.step()
        if not per_step:
            schedule.step()
