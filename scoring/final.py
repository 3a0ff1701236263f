"""The final score: forgetting quality, paid for with any loss of accuracy."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.confidence import logit_scaled_confidence
from scoring.epsilon import example_epsilons
from scoring.forgetting import forgetting_quality


@dataclass(frozen=True)
class Measurements:
    """What the evaluator measured on one side: the unlearned models, or the references.

    Attributes:
        forget_logits: [n_models, n_examples, n_classes] float32.
        retain_accuracies: [n_models] float64, fractions of the retain set, 0..1.
        test_accuracies: [n_models] float64, fractions of the test set, 0..1.
    """

    forget_logits: NDArray[np.floating[Any]]
    retain_accuracies: NDArray[np.float64]
    test_accuracies: NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """One submission's numbers; every score, quality and ratio is better when higher.

    Attributes:
        final_score: forgetting_quality · retain_ratio · test_ratio, at least 0.
        forgetting_quality: F, 0..1.
        retain_ratio: mean retain accuracy, unlearned over reference.
        test_ratio: mean test accuracy, unlearned over reference.
        epsilons: [n_examples] float64, 0..50; lower is better.
        n_models: models on each side.
        n_examples: size of the forget set.
        unlearned_retain_accuracy: mean over models, 0..1; so are the next three.
    """

    final_score: float
    forgetting_quality: float
    retain_ratio: float
    test_ratio: float
    epsilons: NDArray[np.float64]
    n_models: int
    n_examples: int
    unlearned_retain_accuracy: float
    unlearned_test_accuracy: float
    reference_retain_accuracy: float
    reference_test_accuracy: float


def score(
    unlearned: Measurements,
    reference: Measurements,
    *,
    labels: NDArray[np.integer[Any]],
    delta: float = 1e-5,
) -> Score:
    """Score N unlearned models against N references.

    Args:
        unlearned: the submission's N models.
        reference: N models retrained without the forget set, on the same forget examples.
        labels: [n_examples], true classes of the forget set, 0..n_classes − 1.
        delta: the δ of (ε, δ)-indistinguishability, in [0, 1).

    Raises:
        ValueError: shapes or counts that do not fit, fewer than 3 models, a confidence or accuracy that
            is not finite; the message names the numbers.
    """
    epsilons = example_epsilons(
        logit_scaled_confidence(unlearned.forget_logits, labels),
        logit_scaled_confidence(reference.forget_logits, labels),
        delta=delta,
    )
    n_models, n_examples = unlearned.forget_logits.shape[:2]
    for side in (unlearned, reference):
        for accuracies in (side.retain_accuracies, side.test_accuracies):
            if accuracies.shape != (n_models,):
                raise ValueError(f"accuracies of shape {accuracies.shape} for {n_models} models")
    quality = forgetting_quality(epsilons, n_models)
    retain_ratio = utility_ratio(unlearned.retain_accuracies, reference.retain_accuracies)
    test_ratio = utility_ratio(unlearned.test_accuracies, reference.test_accuracies)
    return Score(
        final_score=final_score(quality, retain_ratio, test_ratio),
        forgetting_quality=quality,
        retain_ratio=retain_ratio,
        test_ratio=test_ratio,
        epsilons=epsilons,
        n_models=n_models,
        n_examples=n_examples,
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
        ValueError: an accuracy outside 0..1 (NaN too), none at all, or references that are always wrong.
    """
    for side, accuracies in (("unlearned", unlearned_accuracies), ("reference", reference_accuracies)):
        if not accuracies.size or not np.all((accuracies >= 0.0) & (accuracies <= 1.0)):
            raise ValueError(f"{side} accuracies must be fractions of 0..1, got {accuracies}")
    reference_mean = float(reference_accuracies.mean())
    if reference_mean == 0.0:
        raise ValueError("the references are never right (mean accuracy 0): no ratio to them exists")
    return float(unlearned_accuracies.mean()) / reference_mean


def final_score(forgetting: float, retain_ratio: float, test_ratio: float) -> float:
    """Return F · retain ratio · test ratio: at least 0, higher is better, about `forgetting` at no loss."""
    return forgetting * retain_ratio * test_ratio
