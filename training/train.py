"""Training: of the original model, and of the references, retrained without the forget set."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from submissions_sandbox.architectures import Architecture
from training import cuda
from training.fitting import Fit, Start, TrainingSet, draw, steps
from training.recipe import Recipe
from training.threads import one_thread
from training.trimmed import trim

# Of `train_many`; it rises when the bits of a reference change, so that no set of references mixes two.
TRAINER_VERSION = "1"


@dataclass(frozen=True)
class TrainedModel:
    """A reference model.

    Attributes:
        state: the state_dict of the whole architecture, on the CPU; taps of kernels that no pixel of the
            images meets are zeros.
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
    device: str = "cpu",
) -> dict[str, torch.Tensor]:
    """Train a network from scratch; on the CPU the same arguments give the same weights, bit for bit.

    Runs on one CPU thread, or on a GPU, and leaves torch's global generator as it was.

    Args:
        images: uint8 [n, 3, h, w]; the network sees them as float32, 0-255, without augmentation.
        labels: int64 [n], 0..n_classes - 1.
        architecture: the network.
        recipe: optimiser, schedule and batches.
        seed: decides the first weights and the order of the images; 0..2**63 - 1.
        device: "cpu" or "cuda".

    Returns:
        The state_dict, on the CPU.

    Raises:
        ValueError: no step can be made: fewer images than `drop_last` demands, or than 2.
    """
    place = torch.device(device)
    data = TrainingSet.of(images, labels, architecture=architecture, recipe=recipe, device=place)
    start = draw(seed, architecture=architecture, recipe=recipe, n_images=len(images))
    return _fit(start._replace(orders=start.orders.to(place)), data, recipe)


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

    It computes what `train` does up to rounding, with the trimmed network. The bits of a model depend on its
    seed and on the hardware, not on which models are trained with it. On a GPU several are trained at once.

    Args:
        images: uint8 [n, 3, h, w]; the network sees them as float32, 0-255, without augmentation.
        labels: int64 [n], 0..n_classes - 1.
        architecture: the network.
        recipe: optimiser, schedule and batches.
        seeds: one for each model; 0..2**63 - 1.
        device: "cpu", one thread of it; or "cuda".

    Raises:
        ValueError: no step can be made: fewer images than `drop_last` demands, or than 2.
        RuntimeError: the device is not there, or of its own failures.
    """
    place = torch.device(device)
    data = TrainingSet.of(images, labels, architecture=architecture, recipe=recipe, device=place)

    def trimmed(seed: int) -> Start:
        start = draw(seed, architecture=architecture, recipe=recipe, n_images=len(images))
        trim(start.net, architecture, data.size)
        return start

    starts = map(trimmed, seeds)
    groups = (
        cuda.fit_groups(starts, data, recipe)
        if place.type == "cuda"
        else ([_fit(start, data, recipe)] for start in starts)
    )
    started = time.monotonic()
    for states in groups:
        seconds = (time.monotonic() - started) / len(states)
        for state in states:
            yield TrainedModel(state, seconds)
        started = time.monotonic()


def _fit(start: Start, data: TrainingSet, recipe: Recipe) -> dict[str, torch.Tensor]:
    with one_thread(), cuda.deterministic_float32():
        fit = Fit(start.net, data, recipe)
        for step in steps(recipe, len(data.images)):
            fit.set_rate(step.rate)
            fit.step(step.rows(start.orders))
        return fit.state()
