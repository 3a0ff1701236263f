"""Drift over run order: a submission that keeps state from run to run, or changes with the time of day."""

import numpy as np
from numpy.typing import NDArray

from scoring.final import Measurements
from scoring.flags.flag import (
    MIN_RUNS,
    N_SHUFFLES,
    Flag,
    critical_value,
    found,
    standardised,
    too_few_runs,
)

NAME = "drift over run order"
_N_WAVES = 3
_MEASURED = ("confidences", "retain accuracies", "test accuracies")


def drift(unlearned: Measurements, *, seed: int) -> Flag:
    """Flag runs whose confidences or accuracies follow the order in which they ran.

    Each of the three kinds of measurements is standardised over the runs and compared with slow waves over
    the run order: half a wave, one, one and a half, for trends, steps and swings. Their squared correlations
    are summed over examples and waves, with weights 1, 1/2 and 1/3. The statistic is how far the largest of
    the three sums lies above its mean over shuffled orders, in standard deviations. The threshold is what
    1 % of the shuffled orders exceed: exact, since honest runs are drawn alike and independently, whatever
    depends on what within a run.
    """
    if unlearned.n_models < MIN_RUNS:
        return too_few_runs(NAME, unlearned.n_models)
    waves = _shuffled_waves(unlearned.n_models, np.random.default_rng(seed))
    excesses = np.stack(
        [
            _excess(waves, unlearned.confidences),
            _excess(waves, unlearned.retain_accuracies[:, np.newaxis]),
            _excess(waves, unlearned.test_accuracies[:, np.newaxis]),
        ]
    )
    largest, statistic = excesses.max(axis=0), float(excesses[:, 0].max())
    follows = _MEASURED[int(excesses[:, 0].argmax())]
    threshold = critical_value(largest)
    sentence = "Nothing follows the order of the runs more than chance would have it."
    if statistic > threshold:
        sentence = (
            f"The {follows} follow the order of the runs {statistic:.1f} standard deviations more than "
            f"in shuffled orders, of which 1 % exceed {threshold:.1f}."
        )
    return found(NAME, statistic=statistic, threshold=threshold, sentence=sentence)


def _shuffled_waves(n_runs: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return [n_waves, orders, n_runs]: cosines over the runs as they came, and in shuffled orders."""
    orders = np.tile(np.arange(n_runs), (N_SHUFFLES + 1, 1))
    orders[1:] = generator.permuted(orders[1:], axis=1)
    halves = np.arange(1, _N_WAVES + 1)[:, np.newaxis]
    # Trends are likeliest: at equal weights few runs could not show one; at 1 / halves² only trends count.
    waves = np.cos(np.pi * halves * (np.arange(n_runs) + 0.5) / n_runs) / np.sqrt(halves)
    shuffled: NDArray[np.float64] = waves[:, orders]
    return shuffled


def _excess(waves: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return [orders], how much the values [n_runs, n] follow the waves, standardised over the orders."""
    follows = ((waves @ standardised(values)) ** 2).sum(axis=(0, 2))
    return standardised(follows[:, np.newaxis])[:, 0]
