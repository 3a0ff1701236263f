"""The forgetting quality F: the epsilons of all forget examples as one number."""

from math import ceil, log

import numpy as np
from numpy.typing import NDArray

from scoring.epsilon import EPSILON_CAP, MIN_MODELS

_BUCKET = 0.5


def forgetting_quality(epsilons: NDArray[np.float64], n_models: int) -> float:
    """Return F, the mean over examples of H(ε) = 2^−⌊ε/0.5⌋, where far epsilons earn nothing.

    Args:
        epsilons: [n_examples] float64, 0..50.
        n_models: N, at least 3. H is 0 from the first bucket whose upper end exceeds ceil(ln(N − 1)):
            N models cannot measure such an ε.

    Returns:
        0..1; higher is better. Not even references reach 1 against other references.

    Raises:
        ValueError: no epsilons, one outside 0..50 (NaN too), or fewer than 3 models.

    Source: *Evaluation for the NeurIPS Machine Unlearning Competition* (2023), "computing H".
    """
    return float(example_qualities(epsilons, n_models).mean())


def example_qualities(epsilons: NDArray[np.float64], n_models: int) -> NDArray[np.float64]:
    """Return H(ε) of every forget example, [n_examples] float64 of 0..1; arguments as of their mean, F."""
    if n_models != int(n_models) or n_models < MIN_MODELS:
        raise ValueError(f"forgetting quality needs at least {MIN_MODELS} models, got {n_models}")
    if epsilons.ndim != 1 or not epsilons.size:
        raise ValueError(f"epsilons must be [n_examples], but are {epsilons.shape}")
    bad = np.flatnonzero(~((epsilons >= 0.0) & (epsilons <= EPSILON_CAP))).tolist()
    if bad:
        raise ValueError(
            f"the epsilon of example {bad[0]} is {epsilons[bad[0]]}, not within 0..{EPSILON_CAP:g} "
            f"({len(bad)} such in all)"
        )
    bucket = np.floor(epsilons / _BUCKET).astype(np.intp)
    measurable = (bucket + 1) * _BUCKET <= ceil(log(n_models - 1))
    return np.where(measurable, np.ldexp(1.0, -bucket), 0.0)
