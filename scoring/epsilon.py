"""Epsilon: for each forget example, how well the best attack tells unlearned from reference models."""

import numpy as np
from numpy.typing import NDArray

from scoring.attacks import Example

EPSILON_CAP = 50.0
MIN_MODELS = 3
_MIN_RANGE_RATIO = 0.01
_DISCARDED = -np.inf


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
        ValueError: unequal or wrong shapes, fewer than 3 models, no examples, or a confidence that is
            not finite; the message names the numbers.

    Source: *Evaluation for the NeurIPS Machine Unlearning Competition* (2023) and its released code.
    """
    _check_shapes(unlearned, reference)
    _check_finite("unlearned", unlearned)
    _check_finite("reference", reference)
    table = epsilon_table(unlearned.shape[0], delta=delta).ravel()
    samples = zip(unlearned.T, reference.T, strict=True)
    return np.array([_epsilon(Example(*pair), table) for pair in samples])


def epsilon_table(n_models: int, *, delta: float) -> NDArray[np.float32]:
    """Return ε for every pair of error counts, in the released code's float32 steps.

    Args:
        n_models: N, at least 1.
        delta: in [0, 1).

    Returns:
        [N + 1, N + 1] float32, row = false positives, column = false negatives. No error at all: +inf.
        No error of just one kind, or every guess wrong (both logarithms undefined): −inf, "discarded".
    """
    rate = np.arange(n_models + 1, dtype=np.float32) / np.float32(n_models)
    with np.errstate(divide="ignore", invalid="ignore"):  # ln 0 and ln(−δ) fall in discarded cells
        log_rate = np.log(rate)
        log_rest = np.log(np.float32(1.0 - delta) - rate)
        by_false_negatives = log_rest[:, np.newaxis] - log_rate
        by_false_positives = log_rest - log_rate[:, np.newaxis]
    table: NDArray[np.float32] = np.fmax(by_false_negatives, by_false_positives).clip(min=0.0)
    table[np.isnan(table)] = _DISCARDED
    table[0, :] = table[:, 0] = _DISCARDED
    table[0, 0] = np.inf
    return table


def _epsilon(example: Example, table: NDArray[np.float32]) -> float:
    if example.range_ratio() < _MIN_RANGE_RATIO:
        return EPSILON_CAP  # a collapsed sample gives itself away, even between the thresholds
    best = max(
        table[example.single_threshold_cells()].max(initial=_DISCARDED),
        table[example.double_threshold_cells()].max(),
    )
    if best == _DISCARDED:
        best = table[example.data_point_cells()].max()
    # Still discarded: two identical constants, which no attack can tell apart.
    return min(max(float(best), 0.0), EPSILON_CAP)


def _check_shapes(unlearned: NDArray[np.float64], reference: NDArray[np.float64]) -> None:
    if unlearned.ndim != 2 or unlearned.shape != reference.shape:
        raise ValueError(
            "unlearned and reference confidences must both be [n_models, n_examples], "
            f"but are {unlearned.shape} and {reference.shape}"
        )
    n_models, n_examples = unlearned.shape
    if n_models < MIN_MODELS or n_examples == 0:
        raise ValueError(
            f"epsilons need at least {MIN_MODELS} models and 1 example, got {n_models} and {n_examples}"
        )


def _check_finite(side: str, confidences: NDArray[np.float64]) -> None:
    bad = np.argwhere(~np.isfinite(confidences))
    if bad.size:
        model, example = bad[0]
        raise ValueError(
            f"the {side} confidence of model {model}, example {example} is {confidences[model, example]}, "
            f"not a finite number ({len(bad)} such in all)"
        )
