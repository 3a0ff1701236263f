"""Uncertainty: how far the numbers of a submission would move if it were run again, or on other people.

Models and forget examples are resampled with replacement (bootstrap). Resampled models bring ties, ties make
the attack look stronger, and so the resampled F lies well below F: an interval of its quantiles misses the
truth almost always. Its **spread**, however, is about right. So every interval here is centred on what was
observed, and as wide as the resamples vary. `docs/metric.md` has the coverage measured by simulation.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from scoring.final import Measurements, Metric, score

_Z95 = 1.96  # two-sided 95 % of a normal distribution
_N_SUBSETS = 20


class Interval(NamedTuple):
    """An interval with a nominal confidence of 95 %."""

    low: float
    high: float


@dataclass(frozen=True)
class Uncertainty:
    """95 % intervals of what one submission would score on average, over reruns and over other people.

    What varies is everything random: the runs, the references, and which people were drawn to be forgotten.
    The intervals `of_reruns` hold the people fixed. All are widened for few models as Student's t is.

    Attributes:
        final_score: from 0 up.
        forgetting_quality: within 0..1.
        retain_ratio: from 0 up; the examples of the retain and test sets are held fixed.
        test_ratio: as the retain ratio.
        final_score_of_reruns: the final score over new runs and references only.
        forgetting_quality_of_reruns: the same of F.
        replicates: [n_resamples] float64, final scores that vary around the observed one as much as its
            interval says. Those of two submissions with one seed, N and forget set share the resampled
            references and examples.
    """

    final_score: Interval
    forgetting_quality: Interval
    retain_ratio: Interval
    test_ratio: Interval
    final_score_of_reruns: Interval
    forgetting_quality_of_reruns: Interval
    replicates: NDArray[np.float64]


class QualityAt(NamedTuple):
    """F of random subsets of the models, `n_models` of each side: mean and standard deviation over them."""

    n_models: int
    mean: float
    sd: float


def uncertainty(
    unlearned: Measurements,
    reference: Measurements,
    *,
    seed: int,
    metric: Metric = score,
    n_resamples: int = 200,
) -> Uncertainty:
    """Return 95 % intervals of a submission's numbers.

    Args:
        unlearned: the submission's N models.
        reference: N models retrained without the forget set, on the same forget examples.
        seed: draws the resamples; one for all submissions that are to be compared.
        metric: the version of the metric.
        n_resamples: more of them make the widths surer, to about 1 part in √(2 · n_resamples).

    Near F = 0, where only a few examples earn points at all, the resamples see too little: the intervals
    hold the truth in about three of four cases only, and have no width where no example earns any.

    Raises:
        ValueError: what the metric refuses, or fewer than 2 resamples.

    Source: Efron and Tibshirani 1993, *An Introduction to the Bootstrap*, chapters 6 and 13 (standard
    intervals); Owen 2007, *The pigeonhole bootstrap*, for resampling models and examples at once.
    """
    if n_resamples < 2:
        raise ValueError(f"intervals need at least 2 resamples, got {n_resamples}")
    observed = metric(unlearned, reference)
    drawn = _resample(unlearned, reference, metric, np.random.default_rng(seed), n_resamples)
    ratios = drawn.retain_ratios * drawn.test_ratios
    quality, n_models = observed.forgetting_quality, unlearned.n_models

    def interval(number: float, deviations: NDArray[np.float64], highest: float = np.inf) -> Interval:
        reach = _Z95 * float(deviations.std())
        return Interval(max(number - reach, 0.0), min(number + reach, highest))

    # The resampled F lies too low for the product: only its deviations go in.
    of_reruns = _deviations((quality + drawn.reruns - drawn.reruns.mean()) * ratios, n_models)
    of_both = _deviations((quality + drawn.qualities - drawn.qualities.mean()) * ratios, n_models)
    return Uncertainty(
        final_score=interval(observed.final_score, of_both),
        forgetting_quality=interval(quality, _deviations(drawn.qualities, n_models), 1.0),
        retain_ratio=interval(observed.retain_ratio, _deviations(drawn.retain_ratios, n_models)),
        test_ratio=interval(observed.test_ratio, _deviations(drawn.test_ratios, n_models)),
        final_score_of_reruns=interval(observed.final_score, of_reruns),
        forgetting_quality_of_reruns=interval(quality, _deviations(drawn.reruns, n_models), 1.0),
        replicates=observed.final_score + of_both,
    )


def tied_with_leader(
    final_scores: NDArray[np.float64],
    replicates: NDArray[np.float32] | NDArray[np.float64],
    *,
    n_contenders: int | None = None,
) -> NDArray[np.bool_]:
    """Return which submissions cannot be told apart from the best one: its lead may be chance.

    Args:
        final_scores: [n_submissions] float64, one or more.
        replicates: [n_submissions, n_resamples], of `Uncertainty.replicates` with one seed, so that what the
            submissions share (references and people) cancels in their differences.
        n_contenders: how many of the first submissions may be the best in truth; by default all. What is
            said of one of them, or of another, then depends on nobody but these and itself.

    Returns:
        [n_submissions] bool; the leader is tied with itself. Each submission as good as the best is tied in
        about 95 % of all leaderboards: that the leader was picked as the best of many, which flatters it,
        is reckoned with.

    Raises:
        ValueError: no submissions, or shapes that do not fit.

    Source: multiple comparisons with the best (Hsu 1981), with the replicates as the joint distribution.
    """
    if not final_scores.size or replicates.ndim != 2 or replicates.shape[:1] != final_scores.shape:
        raise ValueError(
            f"final scores of shape {final_scores.shape} do not fit replicates of shape {replicates.shape}: "
            "expected [n_submissions ≥ 1] and [n_submissions, n_resamples]"
        )
    chances = replicates.astype(np.float64)
    chances -= chances.mean(axis=1, keepdims=True)
    # How far the best of equally good submissions is ahead of each, by chance alone.
    best = np.maximum(chances[:n_contenders].max(axis=0), chances)
    leads_by_chance = np.quantile(best - chances, 0.95, axis=1)
    tied: NDArray[np.bool_] = final_scores.max() - final_scores <= leads_by_chance
    return tied


def quality_by_n_models(
    unlearned: Measurements, reference: Measurements, *, seed: int, metric: Metric = score
) -> tuple[QualityAt, ...]:
    """Return F as it would be with fewer models: at 4, 8, 16 … and at all N.

    With few models no attack can show a large epsilon, whatever the truth is: N models measure up to about
    ln(N − 1). So everybody looks better with few models, references against references too (0.26 at N = 4,
    0.17 to 0.19 from 8 on), and a poor method gains most. Compare with the ceiling's F at the same N.

    Args:
        unlearned: the submission's N models.
        reference: as many references.
        seed: draws the subsets, without replacement, 20 a size.
        metric: the version of the metric.
    """
    generator = np.random.default_rng(seed)
    n_models = unlearned.n_models
    sizes = [4 * 2**k for k in range(n_models.bit_length()) if 4 * 2**k < n_models]
    by_size = []
    for size in sizes:
        qualities = [
            _quality(
                metric,
                unlearned.confidences[generator.permutation(n_models)[:size]],
                reference.confidences[generator.permutation(n_models)[:size]],
            )
            for _ in range(_N_SUBSETS)
        ]
        by_size.append(QualityAt(size, float(np.mean(qualities)), float(np.std(qualities))))
    whole = _quality(metric, unlearned.confidences, reference.confidences)
    return (*by_size, QualityAt(n_models, whole, 0.0))


def _quality(metric: Metric, *confidences: NDArray[np.float64]) -> float:
    """Return F alone, which does not depend on accuracies: a subset of the references may be never right."""
    sides = [Measurements(side, np.ones(len(side)), np.ones(len(side))) for side in confidences]
    return metric(*sides).forgetting_quality


class _Resamples(NamedTuple):
    """[n_resamples] float64 each: F over new models, F over new models and examples, and both ratios."""

    reruns: NDArray[np.float64]
    qualities: NDArray[np.float64]
    retain_ratios: NDArray[np.float64]
    test_ratios: NDArray[np.float64]


def _resample(
    unlearned: Measurements, reference: Measurements, metric: Metric, generator: np.random.Generator, n: int
) -> _Resamples:
    n_models, n_examples = unlearned.n_models, unlearned.confidences.shape[1]
    numbers = []
    for _ in range(n):
        # In this order, whatever the submission: references and examples are then the same for all.
        references = _resampled(reference, generator)
        examples = generator.integers(n_examples, size=n_examples)
        runs = unlearned.take(generator.integers(n_models, size=n_models))
        drawn = metric(runs, references)
        quality = drawn.qualities[examples].mean()
        numbers.append((drawn.forgetting_quality, quality, drawn.retain_ratio, drawn.test_ratio))
    return _Resamples(*np.array(numbers).T)


def _resampled(reference: Measurements, generator: np.random.Generator) -> Measurements:
    """Draw references with replacement, again if they happen to be never right: no ratio to them exists."""
    n_models = reference.n_models
    while True:
        drawn = reference.take(generator.integers(n_models, size=n_models))
        if drawn.retain_accuracies.any() and drawn.test_accuracies.any():
            return drawn


def _deviations(resampled: NDArray[np.float64], n_models: int) -> NDArray[np.float64]:
    """Return deviations from the mean, widened for few models.

    A bootstrap of N models is too narrow by √(1 − 1/N), and N − 1 degrees of freedom are less sure than many.
    """
    widening = stdtrit(n_models - 1, 0.975) / _Z95 / np.sqrt(1.0 - 1.0 / n_models)
    deviations: NDArray[np.float64] = widening * (resampled - resampled.mean())
    return deviations
