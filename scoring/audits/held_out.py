"""The held-out attack: a rule chosen on one half of the models and measured on the other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.attacks import Confidences
from scoring.audits.held_out_epsilon import held_out_epsilons
from scoring.audits.interval_rules import errors_elsewhere, gains_inside
from scoring.epsilon import check_confidences, epsilon_table
from scoring.forgetting import forgetting_quality


@dataclass(frozen=True)
class HeldOut:
    """What the held-out attack finds.

    Attributes:
        epsilons: [n_examples] float64 in 0..50; lower is better.
        forgetting_quality: F of them, 0..1; higher is better.
        n_models: models on each side. Each is measured once, so H's cut-off is that of n_models.
        n_choosing: models of each side that choose the rule for the first half measured.
    """

    epsilons: NDArray[np.float64]
    forgetting_quality: float
    n_models: int
    n_choosing: int


def held_out_attack(
    unlearned: Confidences, reference: Confidences, *, seed: int, delta: float = 1e-5
) -> HeldOut:
    """Return every example's epsilon without the optimism of a largest one of many.

    The official epsilon is the largest over thousands of thresholds on the models that it is measured on, so
    even references against references are far from 0. Here the best interval of one half of the models (as
    in `exact_interval_attack`) guesses about the other half, and the other way round; the errors of both
    are added, and all N models of each side have been measured once. A kind of error that never came counts
    as one (`held_out_epsilons`).

    Args:
        unlearned: [n_models, n_examples] float64, logit-scaled confidences of the unlearned models.
        reference: the same, of as many models retrained without the forget set.
        seed: draws the halves, the same for every example; of an odd N they differ by one model. On
            200 simulated examples another seed moves F by 0.005 to 0.02 (standard deviation).
        delta: the δ of (ε, δ)-indistinguishability, in [0, 1).

    Constants, collapsed samples and ties need no rule of their own: where no interval tells the halves apart,
    the guesses are as often wrong as right, and ε is about 0.

    Raises:
        ValueError: as of `check_confidences`.

    Source: two-fold cross-validation (Stone 1974) of the rules of *Evaluation for the NeurIPS Machine
    Unlearning Competition* (2023).
    """
    check_confidences(unlearned, reference)
    n_models, n_examples = unlearned.shape
    order = np.random.default_rng(seed).permutation(n_models)
    halves = order[: n_models // 2], order[n_models // 2 :]
    false_positives, false_negatives = np.zeros((2, n_examples), dtype=np.int64)
    for choosing, measured in (halves, halves[::-1]):
        gains = gains_inside(epsilon_table(choosing.size, delta=delta))
        errors = errors_elsewhere(unlearned, reference, choosing=choosing, measured=measured, gains=gains)
        false_positives += errors.false_positives
        false_negatives += errors.false_negatives
    epsilons = held_out_epsilons(false_positives, false_negatives, n_models=n_models, delta=delta)
    return HeldOut(epsilons, forgetting_quality(epsilons, n_models), n_models, n_choosing=halves[0].size)
