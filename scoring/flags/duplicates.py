"""Duplicate runs: a submission that seeds itself, or returns weights that it brought along."""

import numpy as np
from numpy.typing import NDArray

from scoring.final import Measurements
from scoring.flags.flag import Flag, found

NAME = "duplicate runs"
_TOLERANCE = 0.01  # of the references' standard deviation: rounding, or a little noise to look different
_SHARE = 0.95  # of the examples
_MIN_EXAMPLES = 20  # on fewer, two honest runs may be so close by chance


def duplicate_runs(unlearned: Measurements, reference: Measurements) -> Flag:
    """Flag runs that repeat an earlier run.

    Two runs are one if on 95 % of the examples their confidences differ by at most 1 % of the references'
    standard deviation; with fewer than 20 examples, if they are equal. Honest runs agree so well on one
    example in a hundred, so on 20 or more they never do. The statistic counts the repeats, 0..N − 1, and one
    is enough. A method without any randomness is flagged too: its N runs are one.
    """
    spread = reference.confidences.std(axis=0)
    tolerance = _TOLERANCE * spread if spread.size >= _MIN_EXAMPLES else np.zeros_like(spread)
    n_runs, n_repeats = unlearned.n_models, _count_repeats(unlearned.confidences, tolerance)
    return found(
        NAME,
        statistic=float(n_repeats),
        threshold=0.0,
        sentence=f"{n_runs - n_repeats} of {n_runs} runs are distinct"
        + (f"; {n_repeats} repeat an earlier one." if n_repeats else "."),
    )


def _count_repeats(confidences: NDArray[np.float64], tolerance: NDArray[np.float64]) -> int:
    needed = _SHARE * tolerance.size
    n_repeats = 0
    for run in range(1, len(confidences)):
        agrees = np.abs(confidences[:run] - confidences[run]) <= tolerance
        n_repeats += bool((agrees.sum(axis=1) >= needed).any())
    return n_repeats
