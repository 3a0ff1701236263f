"""The bounded epsilon: how far apart the models of an example are at least, with a stated confidence."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from scoring.attacks import Confidences
from scoring.audits.interval_rules import errors_elsewhere, gains_inside
from scoring.epsilon import EPSILON_CAP, check_confidences, check_delta


@dataclass(frozen=True)
class BoundedEpsilons:
    """Lower confidence bounds of epsilon.

    Attributes:
        epsilons: [n_examples] float64, at least 0; lower is better. Each is below the true ε with
            probability `level` or more; 0 says nothing.
        share_above_zero: the share of examples with a bound above 0; lower is better. References against
            references have 1 − `level` or less on average, but examples rise and fall together.
        largest: the bound of a rule without a single error: more cannot be shown with so few models.
        level: the confidence of each bound, not of all of them at once.
        n_models: models on each side.
        n_measured: those of them that the bounds are measured on; the others choose the rules.
    """

    epsilons: NDArray[np.float64]
    share_above_zero: float
    largest: float
    level: float
    n_models: int
    n_measured: int


def bounded_epsilons(
    unlearned: Confidences, reference: Confidences, *, seed: int, level: float = 0.95, delta: float = 1e-5
) -> BoundedEpsilons:
    """Return a lower confidence bound of every example's epsilon.

    One half of the models chooses the interval with the best bound; its errors on the other half, each rate
    replaced by its upper Clopper-Pearson bound, give ε = max(ln(1 − δ − FPR) − ln FNR, ln(1 − δ − FNR) −
    ln FPR), at least 0. Both bounds hold at once with probability `level` (half of the rest each), and they
    hold because the rule was fixed before these models were looked at. Done one way round only: the better
    of two bounds would have to be paid for.

    Args:
        unlearned: [n_models, n_examples] float64, logit-scaled confidences of the unlearned models.
        reference: the same, of as many models retrained without the forget set.
        seed: draws the halves, the same for every example; of an odd N the larger one is measured.
        level: the confidence of a bound, in (0, 1).
        delta: the δ of (ε, δ)-indistinguishability, in [0, 1).

    Raises:
        ValueError: a level outside (0, 1), or as of `check_confidences`.

    Source: *Evaluation for the NeurIPS Machine Unlearning Competition* (2023), equation 2, where the released
    code puts the rates themselves; Clopper-Pearson bounds in it: Jagielski et al. 2020, *Auditing
    Differentially Private Machine Learning*; Nasr et al. 2021, *Adversary Instantiation*.
    """
    check_confidences(unlearned, reference)
    check_delta(delta)
    if not 0.0 < level < 1.0:
        raise ValueError(f"the level of a confidence bound must be within (0, 1), got {level}")
    n_models = len(unlearned)
    order = np.random.default_rng(seed).permutation(n_models)
    choosing, measured = order[: n_models // 2], order[n_models // 2 :]
    gains = gains_inside(_bound_table(choosing.size, level=level, delta=delta))
    errors = errors_elsewhere(unlearned, reference, choosing=choosing, measured=measured, gains=gains)
    table = _bound_table(measured.size, level=level, delta=delta).clip(0.0, EPSILON_CAP)
    epsilons = table[errors.false_positives, errors.false_negatives]
    return BoundedEpsilons(
        epsilons=epsilons,
        share_above_zero=float((epsilons > 0.0).mean()),
        largest=float(table[0, 0]),
        level=level,
        n_models=n_models,
        n_measured=measured.size,
    )


def _bound_table(n_models: int, *, level: float, delta: float) -> NDArray[np.float64]:
    """Return the bound by false positives and false negatives, [N + 1, N + 1]; 0 or less says nothing."""
    rate = _upper_bounds(n_models, level=(1.0 + level) / 2.0)
    with np.errstate(divide="ignore"):  # ln 0: such an error rate says nothing
        by_false_negatives = np.log(np.maximum(1.0 - delta - rate, 0.0))[:, np.newaxis] - np.log(rate)
    table: NDArray[np.float64] = np.maximum(by_false_negatives, by_false_negatives.T)
    return table


def _upper_bounds(n_models: int, *, level: float) -> NDArray[np.float64]:
    """Return the one-sided Clopper-Pearson bounds of a rate, by how many of n models were errors, 0..n."""
    errors = np.arange(n_models)
    bounds: NDArray[np.float64] = betaincinv(errors + 1, n_models - errors, level)
    return np.append(bounds, 1.0)
