"""Held-out epsilon: the epsilon of guesses about models that had no part in making the rule."""

import numpy as np
from numpy.typing import NDArray

from scoring.epsilon import EPSILON_CAP, epsilon_table


def held_out_epsilons(
    false_positives: NDArray[np.int64], false_negatives: NDArray[np.int64], *, n_models: int, delta: float
) -> NDArray[np.float64]:
    """Return the epsilon of each example's one rule, from its errors on held-out models.

    Args:
        false_positives: [n_examples] int64, 0..n_models.
        false_negatives: the same.
        n_models: how many held-out models of each side were measured.
        delta: the δ of (ε, δ)-indistinguishability, in [0, 1).

    Returns:
        [n_examples] float64 in 0..50; lower is better. A rule without errors has 50. One with a single kind
        of error is reckoned as if it had made the other kind once: the official metric discards such a
        threshold and takes another, but here there is no other, and N models see no rate below 1/N.
    """
    epsilons = epsilon_table(n_models, delta=delta)[
        np.maximum(false_positives, 1), np.maximum(false_negatives, 1)
    ]
    epsilons[(false_positives == 0) & (false_negatives == 0)] = EPSILON_CAP
    return epsilons.clip(0.0, EPSILON_CAP).astype(np.float64)
