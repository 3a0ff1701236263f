"""Epsilon: for each forget example, how well the best attack tells unlearned from reference models."""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from scoring import attacks
from scoring.attacks import DISCARDED, Samples, best_at_data_points, sort_samples

EPSILON_CAP = 50.0
MIN_MODELS = 3
MAX_CONFIDENCE = 1e4  # far beyond any softmax in float64; the grids have 100 thresholds a unit
_MIN_RANGE_RATIO = 0.01


def example_epsilons(
    unlearned: NDArray[np.float64], reference: NDArray[np.float64], *, delta: float = 1e-5
) -> NDArray[np.float64]:
    """Return the epsilon of every forget example.

    Args:
        unlearned: [n_models, n_examples] float64, logit-scaled confidences of the unlearned models.
        reference: the same, of as many models retrained without the forget set.
        delta: the δ of (ε, δ)-indistinguishability, in [0, 1).

    Returns:
        [n_examples] float64 in 0..50, each a float32 number; lower is better. Two samples of one and the
        same value have ε = 0. Where no threshold of the grids counts, every confidence serves as one.

    Raises:
        ValueError: as of `check_confidences`.

    Source: *Evaluation for the NeurIPS Machine Unlearning Competition* (2023) and its released code.
    """
    check_confidences(unlearned, reference)
    samples = sort_samples(unlearned, reference)
    table = epsilon_table(samples.n_models, delta=delta).ravel()
    best = _best_on_grids()(samples, table)
    for example in np.flatnonzero(best == DISCARDED).tolist():
        best[example] = best_at_data_points(samples, example, table)
    # Still discarded: two identical constants, which no attack can tell apart.
    epsilons = np.clip(best, 0.0, EPSILON_CAP).astype(np.float64)
    # A collapsed sample gives itself away, even between the thresholds.
    epsilons[samples.range_ratio < _MIN_RANGE_RATIO] = EPSILON_CAP
    return epsilons


def epsilon_table(n_models: int, *, delta: float) -> NDArray[np.float32]:
    """Return ε for every pair of error counts, in the released code's float32 steps.

    Args:
        n_models: N, at least 1.
        delta: in [0, 1).

    Returns:
        [N + 1, N + 1] float32, row = false positives, column = false negatives. No error at all: +inf.
        No error of just one kind, or every guess wrong (both logarithms undefined): −inf, "discarded".

    Raises:
        ValueError: delta is outside [0, 1).
    """
    check_delta(delta)
    rate = np.arange(n_models + 1, dtype=np.float32) / np.float32(n_models)
    with np.errstate(divide="ignore", invalid="ignore"):  # ln 0 and ln(−δ) fall in discarded cells
        log_rate = np.log(rate)
        log_rest = np.log(np.float32(1.0 - delta) - rate)
        by_false_negatives = log_rest[:, np.newaxis] - log_rate
        by_false_positives = log_rest - log_rate[:, np.newaxis]
    table: NDArray[np.float32] = np.fmax(by_false_negatives, by_false_positives).clip(min=0.0)
    table[np.isnan(table)] = DISCARDED
    table[0, :] = table[:, 0] = DISCARDED
    table[0, 0] = np.inf
    return table


@cache
def _best_on_grids() -> Callable[[Samples, NDArray[np.float32]], NDArray[np.float32]]:
    """Return the compiled attacks where there is a compiler, else the same in NumPy."""
    try:
        from scoring.kernel import best_on_grids
    except ImportError:
        return attacks.best_on_grids
    return best_on_grids


def check_confidences(unlearned: NDArray[np.float64], reference: NDArray[np.float64]) -> None:
    """Refuse confidences that cannot be compared; arguments as of `example_epsilons`.

    Raises:
        ValueError: no float64 arrays (in float32 the ranges would be others), unequal or wrong shapes, fewer
            than 3 models, no examples, or a confidence that is not finite or beyond ±10⁴; the message shows
            the value and where.
    """
    for side, confidences in (("unlearned", unlearned), ("reference", reference)):
        found = getattr(confidences, "dtype", type(confidences).__name__)
        if not isinstance(confidences, np.ndarray) or found != np.float64:
            raise ValueError(f"the {side} confidences must be a float64 array, not {found}")
    if unlearned.ndim != 2 or unlearned.shape != reference.shape:
        raise ValueError(
            "unlearned and reference confidences must both be [n_models, n_examples], "
            f"but are {unlearned.shape} and {reference.shape}"
        )
    n_models, n_examples = unlearned.shape
    if n_models < MIN_MODELS or n_examples == 0:
        raise ValueError(
            f"a comparison needs at least {MIN_MODELS} models and 1 example, got {n_models} and {n_examples}"
        )
    _check_values("unlearned", unlearned)
    _check_values("reference", reference)


def check_delta(delta: float) -> None:
    """Raise `ValueError` unless delta is within [0, 1)."""
    if not 0.0 <= delta < 1.0:
        raise ValueError(f"delta must be within [0, 1), got {delta}")


def _check_values(side: str, confidences: NDArray[np.float64]) -> None:
    bad = np.argwhere(~(np.abs(confidences) <= MAX_CONFIDENCE))
    if bad.size:
        model, example = bad[0]
        raise ValueError(
            f"the {side} confidence of model {model}, example {example} is {confidences[model, example]}, "
            f"not a number within ±{MAX_CONFIDENCE:g} ({len(bad)} such in all)"
        )
