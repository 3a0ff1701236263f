"""The exact-interval attack: the official attacks without their grids of thresholds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.attacks import Confidences
from scoring.audits.interval_rules import best_rule, gains_inside
from scoring.epsilon import EPSILON_CAP, epsilon_table, example_epsilons
from scoring.forgetting import forgetting_quality


@dataclass(frozen=True)
class ExactIntervals:
    """What the exact-interval attack finds.

    Attributes:
        epsilons: [n_examples] float64 in 0..50; lower is better. At least the official ones.
        forgetting_quality: F of them, 0..1; higher is better. At most the official one.
        n_models: models on each side; H's cut-off is theirs.
    """

    epsilons: NDArray[np.float64]
    forgetting_quality: float
    n_models: int


def exact_interval_attack(
    unlearned: Confidences, reference: Confidences, *, delta: float = 1e-5
) -> ExactIntervals:
    """Return every example's largest epsilon over all intervals between data points, either side inside.

    The official attacks try grids 0.01 apart, and one of the two guesses for each shape of rule. A score that
    this attack lowers by much owes something to the grid or to the guess.

    Args:
        unlearned: [n_models, n_examples] float64, logit-scaled confidences of the unlearned models.
        reference: the same, of as many models retrained without the forget set.
        delta: the δ of (ε, δ)-indistinguishability, in [0, 1).

    Edge values are the official ones: a collapsed sample has ε = 50, two identical constants have ε = 0.

    Raises:
        ValueError: as of `scoring.example_epsilons`.

    Source: the rules of *Evaluation for the NeurIPS Machine Unlearning Competition* (2023), with the
    thresholds that its grids stand for.
    """
    official = example_epsilons(unlearned, reference, delta=delta)
    n_models = len(unlearned)
    gains = gains_inside(epsilon_table(n_models, delta=delta))
    samples = zip(unlearned.T, reference.T, strict=True)
    found = np.array([best_rule(*pair, gains).gain for pair in samples])
    # A collapsed sample needs no threshold to give itself away; else the official rules are among these.
    epsilons = np.maximum(found.clip(0.0, EPSILON_CAP), official)
    return ExactIntervals(epsilons, forgetting_quality(epsilons, n_models), n_models)
