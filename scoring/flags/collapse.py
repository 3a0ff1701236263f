"""Collapsed variance: runs that hardly differ, where models trained again would."""

import numpy as np
from numpy.typing import NDArray

from scoring.final import Measurements
from scoring.flags.flag import MIN_RUNS, N_SHUFFLES, Flag, critical_value, found, not_judged, too_few_runs

NAME = "collapsed variance"
_TOLERATED = 0.25  # of the references' spread; honest fine-tuning of one model was seen to keep 0.6 to 0.9
_MAX_SHARE = 1.0 - 1e-12


def collapsed_variance(unlearned: Measurements, reference: Measurements, *, seed: int) -> Flag:
    """Flag runs that spread less than a quarter as far as the references, on the median example.

    The statistic is 1 − sd(unlearned) / sd(reference) of the median example: 0 if they spread alike, 1 if
    all runs are equal, below 0 if they spread further. The threshold is 0.75 and what chance adds to it: runs
    that spread a quarter as far as the references exceed it in 1 % of the cases, and honest ones, which
    spread further, less often. It comes from exchanging unlearned and reference models at random, once both
    are centred and the unlearned stretched fourfold. Models are exchanged whole, so examples may depend on
    each other in any way. Examples on which all references are equal do not count.
    """
    if unlearned.n_models < MIN_RUNS:
        return too_few_runs(NAME, unlearned.n_models)
    counts = np.ptp(reference.confidences, axis=0) > 0.0
    if not counts.any():
        return not_judged(NAME, "The references do not vary, so there is no spread to compare with.")
    stretched = _centred(unlearned.confidences[:, counts]) / _TOLERATED
    both = np.concatenate([stretched, _centred(reference.confidences[:, counts])])
    ratios = _TOLERATED * _sd_ratios(both, np.random.default_rng(seed))
    return found(
        NAME,
        statistic=1.0 - float(ratios[0]),
        threshold=critical_value(1.0 - ratios),
        sentence=f"On the median example the runs spread {ratios[0]:.2f} times as far as the references.",
    )


def _centred(confidences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the deviations from each example's mean; exactly 0 for a constant, whose mean may be rounded."""
    varies = np.ptp(confidences, axis=0) > 0.0
    return np.where(varies, confidences - confidences.mean(axis=0), 0.0)


def _sd_ratios(models: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Return the median over examples of sd(first half) / sd(second half), as given and for random halves."""
    half = len(models) // 2
    in_first = np.zeros((N_SHUFFLES + 1, len(models)))
    in_first[:, :half] = 1.0
    in_first[1:] = generator.permuted(in_first[1:], axis=1)
    scale = models.std(axis=0)  # squares of any size then keep their digits
    first = _variances(in_first, models / scale)
    second = _variances(1.0 - in_first, models / scale)
    both = first + second  # 0 if both halves happen to be constant
    # A share has no pole where the second half happens to be constant, and rises with the ratio.
    share = np.median(first / np.where(both > 0.0, both, 1.0), axis=1).clip(max=_MAX_SHARE)
    ratios: NDArray[np.float64] = np.sqrt(share / (1.0 - share))
    return ratios


def _variances(members: NDArray[np.float64], models: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the variance over the members, [n_groups, n_examples], of groups of equal size."""
    size = members[0].sum()
    variances: NDArray[np.float64] = (members @ models**2) / size - ((members @ models) / size) ** 2
    return variances.clip(min=0.0)
