"""The final score: forgetting quality, paid for with any loss of accuracy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from scoring.epsilon import example_epsilons
from scoring.forgetting import example_qualities

_LEAST_ACCURACY = 1e-9  # one right answer in a billion


@dataclass(frozen=True)
class Measurements:
    """What scoring needs to know of one side: the unlearned models, or the references.

    Attributes:
        confidences: [n_models, n_examples] float64, logit-scaled, of the forget set.
        retain_accuracies: [n_models] float64, fractions of the retain set, 0..1.
        test_accuracies: [n_models] float64, fractions of the test set, 0..1.

    Raises:
        ValueError: the shapes do not fit each other.
    """

    confidences: NDArray[np.float64]
    retain_accuracies: NDArray[np.float64]
    test_accuracies: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.confidences.ndim != 2:
            raise ValueError(f"confidences must be [n_models, n_examples], but are {self.confidences.shape}")
        for name in ("retain_accuracies", "test_accuracies"):
            shape = getattr(self, name).shape
            if shape != (self.n_models,):
                raise ValueError(f"{name} are of shape {shape} for {self.n_models} models")

    @property
    def n_models(self) -> int:
        """N, the number of models."""
        return len(self.confidences)

    def take(self, models: NDArray[np.integer[Any]]) -> Self:
        """Return the measurements of some models, in the order of their indices; one may come twice."""
        return type(self)(
            self.confidences[models], self.retain_accuracies[models], self.test_accuracies[models]
        )


@dataclass(frozen=True)
class Score:
    """One submission's numbers; every score, quality and ratio is better when higher.

    Attributes:
        final_score: forgetting_quality · retain_ratio · test_ratio, at least 0.
        forgetting_quality: F, 0..1.
        retain_ratio: mean retain accuracy, unlearned over reference.
        test_ratio: mean test accuracy, unlearned over reference.
        epsilons: [n_examples] float64, 0..50; lower is better.
        qualities: [n_examples] float64, 0..1, whose mean is the forgetting quality.
        n_models: models on each side.
        n_examples: size of the forget set.
        unlearned_retain_accuracy: mean over models, 0..1; so are the next three.
    """

    final_score: float
    forgetting_quality: float
    retain_ratio: float
    test_ratio: float
    epsilons: NDArray[np.float64]
    qualities: NDArray[np.float64]
    n_models: int
    n_examples: int
    unlearned_retain_accuracy: float
    unlearned_test_accuracy: float
    reference_retain_accuracy: float
    reference_test_accuracy: float


Metric = Callable[[Measurements, Measurements], Score]
"""What turns unlearned models and references into a score."""


def score(unlearned: Measurements, reference: Measurements, *, delta: float = 1e-5) -> Score:
    """Score N unlearned models against N references.

    Args:
        unlearned: the submission's N models.
        reference: N models retrained without the forget set, on the same forget examples.
        delta: the δ of (ε, δ)-indistinguishability, in [0, 1).

    Raises:
        ValueError: shapes or counts that do not fit, fewer than 3 models, a confidence or accuracy that
            is not finite; the message names the numbers.
    """
    epsilons = example_epsilons(unlearned.confidences, reference.confidences, delta=delta)
    qualities = example_qualities(epsilons, unlearned.n_models)
    quality = float(qualities.mean())
    retain_ratio = utility_ratio(unlearned.retain_accuracies, reference.retain_accuracies)
    test_ratio = utility_ratio(unlearned.test_accuracies, reference.test_accuracies)
    return Score(
        final_score=final_score(quality, retain_ratio, test_ratio),
        forgetting_quality=quality,
        retain_ratio=retain_ratio,
        test_ratio=test_ratio,
        epsilons=epsilons,
        qualities=qualities,
        n_models=unlearned.n_models,
        n_examples=epsilons.size,
        unlearned_retain_accuracy=float(unlearned.retain_accuracies.mean()),
        unlearned_test_accuracy=float(unlearned.test_accuracies.mean()),
        reference_retain_accuracy=float(reference.retain_accuracies.mean()),
        reference_test_accuracy=float(reference.test_accuracies.mean()),
    )


def utility_ratio(
    unlearned_accuracies: NDArray[np.float64], reference_accuracies: NDArray[np.float64]
) -> float:
    """Return mean unlearned accuracy over mean reference accuracy, not capped at 1; higher is better.

    Args:
        unlearned_accuracies: [n_models] float64, 0..1.
        reference_accuracies: [n_models] float64, 0..1; their mean is above 0.

    Raises:
        ValueError: shapes other than [n_models] on both sides, an accuracy outside 0..1 (NaN too), or
            references that are never right; the message shows the value and where.
    """
    if unlearned_accuracies.ndim != 1 or unlearned_accuracies.shape != reference_accuracies.shape:
        raise ValueError(
            "unlearned and reference accuracies must both be [n_models], "
            f"but are {unlearned_accuracies.shape} and {reference_accuracies.shape}"
        )
    for side, accuracies in (("unlearned", unlearned_accuracies), ("reference", reference_accuracies)):
        bad = np.flatnonzero(~((accuracies >= 0.0) & (accuracies <= 1.0))).tolist()
        if bad or not accuracies.size:
            first = f"that of model {bad[0]} is {accuracies[bad[0]]}" if bad else "there are none"
            raise ValueError(f"{side} accuracies must be fractions of 0..1, but {first}")
    reference_mean = float(reference_accuracies.mean())
    if reference_mean < _LEAST_ACCURACY:
        raise ValueError(
            f"the references are never right (mean accuracy {reference_mean:g}): no ratio exists"
        )
    return float(unlearned_accuracies.mean()) / reference_mean


def final_score(forgetting: float, retain_ratio: float, test_ratio: float) -> float:
    """Return F · retain ratio · test ratio: at least 0, higher is better, about `forgetting` at no loss.

    Raises:
        ValueError: F is outside 0..1, or a ratio is below 0 or not finite.
    """
    if not 0.0 <= forgetting <= 1.0:
        raise ValueError(f"a forgetting quality is within 0..1, got {forgetting}")
    for name, ratio in (("retain", retain_ratio), ("test", test_ratio)):
        if not 0.0 <= ratio < np.inf:
            raise ValueError(f"a {name} ratio is a finite number from 0 up, got {ratio}")
    return forgetting * retain_ratio * test_ratio
