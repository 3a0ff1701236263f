"""Whether two sets of models come from one distribution, as far as the metric can tell."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.epsilon import example_epsilons


class Equivalence(NamedTuple):
    """How far two sets of models are apart, and how often two draws of one set are as far.

    Attributes:
        mean_epsilon: over the examples, between the two sets; 0..50, lower is more alike.
        null_epsilons: float64 [n_permutations], the same after each permutation.
        p_value: in (0, 1]; a small one speaks against one distribution.
    """

    mean_epsilon: float
    null_epsilons: NDArray[np.float64]
    p_value: float


def equivalence(
    one: NDArray[np.float64],
    other: NDArray[np.float64],
    *,
    seed: int,
    n_permutations: int = 199,
    delta: float = 1e-5,
) -> Equivalence:
    """Test whether two ways of training, or of computing, make the same models.

    Under the null hypothesis the 2 N models are exchangeable, whatever the examples have in common: so models
    are permuted over the two sets, whole, and the test has its level in any sample size.

    Args:
        one: [n_models, n_examples] float64, logit-scaled confidences of models of the first kind.
        other: the same, of as many models of the second kind.
        seed: decides the permutations, at least 0.
        n_permutations: at least 1; the smallest p-value is 1 / (n_permutations + 1).
        delta: of the epsilons, in [0, 1).

    Returns:
        The mean epsilon as the statistic, and its one-sided p-value, observed permutation included.

    Raises:
        ValueError: as of `scoring.epsilon.check_confidences`; or no permutation.

    Source: Phipson and Smyth, *Permutation p-values should never be zero* (2010), equation 2.
    """
    if n_permutations < 1:
        raise ValueError(f"n_permutations must be at least 1, got {n_permutations}")
    observed = float(example_epsilons(one, other, delta=delta).mean())
    pooled, n_models = np.concatenate([one, other]), len(one)
    generator = np.random.default_rng(seed)
    null = np.empty(n_permutations)
    for i in range(n_permutations):
        order = generator.permutation(2 * n_models)
        sides = pooled[order[:n_models]], pooled[order[n_models:]]
        null[i] = example_epsilons(*sides, delta=delta).mean()
    p_value = (1 + np.count_nonzero(null >= observed)) / (1 + n_permutations)
    return Equivalence(observed, null, float(p_value))
