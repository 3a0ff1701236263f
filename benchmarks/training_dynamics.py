"""Whether the fast training trains the same models as the straightforward one, and what bfloat16 would do.

`python -m benchmarks.training_dynamics` trains references of synthetic faces in three ways: the whole network
with torch's default Adam; as `train_many` does; and the first under bfloat16 autocast. It prints their losses
and accuracies, and tests whether their confidences come from one distribution.
"""

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from faces.bundle import Bundle, Split
from faces.synthetic import SyntheticFaces, render
from scoring import logit_scaled_confidence
from scoring.equivalence import equivalence
from submissions_sandbox.architectures import Architecture
from training.fitting import Fit, TrainingSet, draw, steps
from training.recipe import Recipe
from training.threads import one_thread
from training.trimmed import trim

_ARCHITECTURE = Architecture(width=8)
_RECIPE = Recipe(epochs=10, learning_rate=2e-3)
_FACES = SyntheticFaces(n_people=160, n_forget_people=20, n_val_people=4, n_test_people=100)
_N_MODELS = 16


class Curves(NamedTuple):
    """What models of one way became, along the first axis.

    Attributes:
        losses: float64 [n_models, epochs], mean over the retain set in eval mode.
        accuracies: float64 [n_models], of the test set, 0..1.
        confidences: float64 [n_models, n_forget].
    """

    losses: NDArray[np.float64]
    accuracies: NDArray[np.float64]
    confidences: NDArray[np.float64]


StepOf = Callable[[nn.Module, TrainingSet], Callable[[torch.Tensor, float], None]]


def main() -> None:
    """Print the comparison of the three ways."""
    bundle = render(_FACES)
    other_seeds = range(_N_MODELS, 2 * _N_MODELS)
    with one_thread():
        whole = _train(bundle, _whole, range(_N_MODELS))
        trimmed = _train(bundle, _trimmed, range(_N_MODELS))
        trimmed_apart = _train(bundle, _trimmed, other_seeds)
        half_apart = _train(bundle, _half, other_seeds)
    print("| epoch | whole: loss (sd over seeds) | trimmed | sd of the difference, same seed |")
    print("|---|---|---|---|")
    for epoch, (one, other) in enumerate(zip(whole.losses.T, trimmed.losses.T, strict=True), start=1):
        print(f"| {epoch} | {one.mean():.4f} ({one.std(ddof=1):.4f}) ", end="")
        print(f"| {other.mean():.4f} ({other.std(ddof=1):.4f}) | {(one - other).std(ddof=1):.4f} |")
    ways = {"whole": whole, "trimmed": trimmed, "trimmed, other seeds": trimmed_apart}
    ways["bfloat16, other seeds"] = half_apart
    for name, way in ways.items():
        print(f"{name}: test accuracy {way.accuracies.mean():.4f} (sd {way.accuracies.std(ddof=1):.4f})")
    for name, way in itertools.islice(ways.items(), 2, None):
        found = equivalence(whole.confidences, way.confidences, seed=0, n_permutations=999)
        null = found.null_epsilons.mean()
        print(f"whole against {name}: mean epsilon {found.mean_epsilon:.4f}, ", end="")
        print(f"{null:.4f} under permutation, p = {found.p_value:.3f}")


def _train(bundle: Bundle, step_of: StepOf, seeds: range) -> Curves:
    losses: list[list[float]] = []
    accuracies, logits = [], []
    retain, test, forget = bundle.retain, bundle.test, bundle.forget
    data = TrainingSet.of(
        retain.images,
        retain.age_group,
        architecture=_ARCHITECTURE,
        recipe=_RECIPE,
        device=torch.device("cpu"),
    )
    for seed in seeds:
        start = draw(seed, architecture=_ARCHITECTURE, recipe=_RECIPE, n_images=len(retain))
        step_on = step_of(start.net, data)
        losses.append([])
        for _, epoch in itertools.groupby(steps(_RECIPE, len(retain)), key=lambda step: step.epoch):
            for step in epoch:
                step_on(step.rows(start.orders), step.rate)
            losses[-1].append(nn.functional.cross_entropy(_logits(start.net, retain), data.labels).item())
        accuracies.append(float(np.mean(_logits(start.net, test).argmax(1).numpy() == test.age_group)))
        logits.append(_logits(start.net, forget).numpy())
    confidences = logit_scaled_confidence(np.stack(logits), forget.age_group)
    return Curves(np.array(losses), np.array(accuracies), confidences)


def _trimmed(net: nn.Module, data: TrainingSet) -> Callable[[torch.Tensor, float], None]:
    trim(net, _ARCHITECTURE, data.size)
    fit = Fit(net, data, _RECIPE)

    def step(rows: torch.Tensor, rate: float) -> None:
        fit.set_rate(rate)
        fit.step(rows)

    return step


def _whole(
    net: nn.Module, data: TrainingSet, precision: AbstractContextManager[object] | None = None
) -> Callable[[torch.Tensor, float], None]:
    optimizer = torch.optim.Adam(net.parameters(), weight_decay=_RECIPE.weight_decay)
    loss_of = nn.CrossEntropyLoss(data.class_weights)

    def step(rows: torch.Tensor, rate: float) -> None:
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        with precision or nullcontext():
            loss = loss_of(net(data.images[rows].float()), data.labels[rows])
        loss.backward()
        optimizer.step()

    return step


def _half(net: nn.Module, data: TrainingSet) -> Callable[[torch.Tensor, float], None]:
    return _whole(net, data, torch.autocast("cpu", torch.bfloat16))


def _logits(net: nn.Module, split: Split) -> torch.Tensor:
    net.eval()
    with torch.no_grad():
        logits: torch.Tensor = net(torch.from_numpy(split.images).float())
    net.train()
    return logits


if __name__ == "__main__":
    main()
