"""Multimodality across runs: a submission that tosses a coin, in each run, between two methods."""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from scoring.final import Measurements
from scoring.flags.dip import dip
from scoring.flags.flag import MIN_RUNS, Flag, found, not_judged, standardised, too_few_runs

NAME = "multimodality across runs"


def multimodality(unlearned: Measurements, reference: Measurements) -> Flag:
    """Flag runs that fall into two groups.

    Each run becomes one number in two ways: its place along the direction in which the runs differ most
    (first principal component of the standardised confidences), and the same once each run's mean is taken
    away, so that runs which are surer of everything cannot hide two groups. The statistic is the larger of
    the two dips, 0..0.25. Of all distributions with one mode the uniform has the largest dips (for large N),
    and its `critical_dip` is the threshold; so the rate is a bound, whatever honest runs look like. If the
    references' own statistic is above the threshold, two groups are in the nature of training here, and
    nothing is judged.

    Source: Hartigan and Hartigan 1985, *The Dip Test of Unimodality*, Annals of Statistics 13, section 4.
    """
    n_runs = unlearned.n_models
    if n_runs < MIN_RUNS:
        return too_few_runs(NAME, n_runs)
    threshold = critical_dip(n_runs)
    if max(dip(places) for places in _places(reference.confidences)) > threshold:
        return not_judged(NAME, "The references fall into groups themselves.")
    widest = max(_places(unlearned.confidences), key=dip)
    statistic = dip(widest)
    sentence = f"No two groups are seen among the {n_runs} runs."
    if statistic > threshold:
        n_smaller = _smaller_group(widest)
        sentence = f"The runs fall into two groups; the smaller has {n_smaller} of {n_runs} runs."
    return found(NAME, statistic=statistic, threshold=threshold, sentence=sentence)


def critical_dip(n_values: int) -> float:
    """Return what 0.5 % of the dips of `n_values` uniform values exceed: half of 1 %, for one of two dips.

    A curve through simulated quantiles, within 1 % of each for 8 to 4096 values;
    `docs/metric/false_alarms.py` measures it again.
    """
    return (0.666 - 0.44 / sqrt(n_values)) / sqrt(n_values)


def _places(confidences: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values = standardised(confidences)
    return _along_first_component(values), _along_first_component(values - values.mean(axis=1, keepdims=True))


def _along_first_component(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return [n_runs] places along the first principal component; all 0 if the values are."""
    similarity = values @ values.T
    places: NDArray[np.float64] = similarity @ np.linalg.eigh(similarity).eigenvectors[:, -1]
    return places


def _smaller_group(places: NDArray[np.float64]) -> int:
    """Return the size of the smaller of the two groups with the least variance within (2-means)."""
    ascending = np.sort(places - places.mean())
    size = np.arange(1, ascending.size)
    between = np.cumsum(ascending)[:-1] ** 2 / (size * (ascending.size - size))
    n_lower = int(size[between.argmax()])
    return min(n_lower, ascending.size - n_lower)
