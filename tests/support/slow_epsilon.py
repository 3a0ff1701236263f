"""The official epsilon straight from its published rules: loops, and every model against every threshold."""

import numpy as np
import torch
from numpy.typing import NDArray

Confidences = NDArray[np.float64]
ErrorPairs = set[tuple[int, int]]


def mean_float32(n_errors: int, n_models: int) -> np.float32:
    errors = torch.zeros(n_models, dtype=torch.float32)
    errors[:n_errors] = 1
    return np.float32(torch.mean(errors).item())


def epsilon_of_errors(
    false_positives: int, false_negatives: int, n_models: int, delta: float
) -> float | None:
    """The epsilon of one threshold, or None where it is discarded."""
    fpr, fnr = mean_float32(false_positives, n_models), mean_float32(false_negatives, n_models)
    if fpr == 0 and fnr == 0:
        return np.inf
    if fpr == 0 or fnr == 0:
        return None
    with np.errstate(all="ignore"):
        candidates = [np.log(1 - delta - fpr) - np.log(fnr), np.log(1 - delta - fnr) - np.log(fpr)]
    assert all(c.dtype == np.float32 for c in candidates)
    defined = [c for c in candidates if not np.isnan(c)]
    return max(0, *defined) if defined else None


def errors(
    positive: Confidences, negative: Confidences, left: Confidences, right: float | Confidences
) -> ErrorPairs:
    """The distinct (false positives, false negatives) of "left ≤ x ≤ right", over all thresholds."""
    false_positives = ((left <= negative[:, None]) & (negative[:, None] <= right)).sum(axis=0)
    false_negatives = (~((left <= positive[:, None]) & (positive[:, None] <= right))).sum(axis=0)
    return set(zip(false_positives.tolist(), false_negatives.tolist(), strict=True))


def best_epsilon(error_pairs: ErrorPairs, n_models: int, delta: float) -> float | None:
    epsilons = [epsilon_of_errors(fp, fn, n_models, delta) for fp, fn in error_pairs]
    return max((e for e in epsilons if e is not None), default=None)


def slow_epsilon(unlearned: Confidences, reference: Confidences, delta: float = 1e-5) -> float:
    n_models = len(unlearned)
    unlearned_range, reference_range = np.ptp(unlearned), np.ptp(reference)
    width, widest = sorted([unlearned_range, reference_range])
    if widest > 0 and width / widest < 0.01:
        return 50.0

    single = (
        (unlearned, reference) if np.median(unlearned) >= np.median(reference) else (reference, unlearned)
    )
    if unlearned_range == reference_range:
        double = single[::-1]
    else:
        double = (unlearned, reference) if unlearned_range < reference_range else (reference, unlearned)

    every = np.concatenate([unlearned, reference])
    n_thresholds = int(np.ceil(100 * (every.max() - every.min())))
    ends = torch.tensor([every.min(), every.max()])
    thresholds = torch.linspace(ends[0], ends[1], n_thresholds, dtype=torch.float32).numpy()
    found = errors(*single, thresholds.astype(np.float64), np.inf)
    low, high = double[0].min() + width - 2, double[0].max() + 2
    for right in np.linspace(low, high, int(np.ceil(100 * (high - low)))):
        found |= errors(*double, np.linspace(right - width - 2, right - width + 2, 400), right)
    best = best_epsilon(found, n_models, delta)

    if best is None:
        found = errors(*single, every, np.inf)
        for right in every:
            found |= errors(*double, every, right)
        best = best_epsilon(found, n_models, delta)
    return 0.0 if best is None else min(float(best), 50.0)
