"""The flag: one finding that says to an organizer "look at this submission", and never changes a score."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FALSE_ALARM_RATE = 0.01
MIN_RUNS = 8  # below, no honest test at 1 % has any power
N_SHUFFLES = 999


@dataclass(frozen=True)
class Flag:
    """What one check found in one submission.

    Attributes:
        name: what was looked for.
        raised: whether the statistic is above the threshold.
        statistic: the more of what was looked for the higher; None if nothing could be measured.
        threshold: what at most `false_alarm_rate` of honest submissions exceed; None as the statistic.
        false_alarm_rate: 0..1, how many honest submissions are flagged, at most.
        sentence: the finding in words, for an organizer.
    """

    name: str
    raised: bool
    statistic: float | None
    threshold: float | None
    false_alarm_rate: float
    sentence: str


def found(name: str, *, statistic: float, threshold: float, sentence: str) -> Flag:
    """Return the flag of a check that measured something; it is raised beyond the threshold only."""
    return Flag(name, statistic > threshold, statistic, threshold, FALSE_ALARM_RATE, sentence)


def not_judged(name: str, why: str) -> Flag:
    """Return the flag of a check that could measure nothing, which is not raised; `why` is its sentence."""
    return Flag(name, False, None, None, FALSE_ALARM_RATE, why)


def too_few_runs(name: str, n_runs: int) -> Flag:
    """Return the flag of a check that needs more runs."""
    return not_judged(name, f"Not enough runs: {n_runs}, and this check needs {MIN_RUNS}.")


def critical_value(shuffled: NDArray[np.float64]) -> float:
    """Return what an honest statistic exceeds with a probability of `FALSE_ALARM_RATE` at most.

    Args:
        shuffled: [n] float64, the statistic of the runs as they came and of n − 1 random shuffles of them,
            n at least 100. If all orders are equally likely the bound is exact, whatever depends on what.

    Source: Phipson and Smyth 2010, *Permutation P-values Should Never Be Zero*.
    """
    return float(np.sort(shuffled)[::-1][int(shuffled.size * FALSE_ALARM_RATE)])


def standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return [n_runs, n] values with mean 0 and variance 1 over the runs; a constant column is all 0."""
    varies = np.ptp(values, axis=0) > 0.0
    centred = np.where(varies, values - values.mean(axis=0), 0.0)
    scaled: NDArray[np.float64] = centred / np.where(varies, centred.std(axis=0), 1.0)
    return scaled
