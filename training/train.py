"""Training of one model: the original, or a reference retrained without the forget set."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from submissions_sandbox.architectures import Architecture, build
from training.recipe import Recipe
from training.threads import one_thread


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
