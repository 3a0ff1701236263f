"""The attacks on the released grids, compiled: loops over thresholds instead of arrays of them.

`best_on_grids` here and in `scoring.attacks` compare the same floats and return the same bits. This one keeps
no thresholds, and passes over right ends that no left end can make the best.
"""

from math import ceil
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scoring.attacks import Confidences, Counts, Samples
from scoring.thresholds import BUFFER, N_LEFT_ENDS, PER_UNIT

Table = NDArray[np.float32]


def best_on_grids(samples: Samples, table: Table) -> NDArray[np.float32]:
    """Return the largest epsilon over the released grids of thresholds, as `scoring.attacks` does."""
    best: NDArray[np.float32] = _best_of_each(
        samples.values,
        samples.single_code,
        samples.double_code,
        (samples.narrow_low, samples.narrow_high),
        table,
    )
    return best


def _compiled(function: Any) -> Any:
    try:
        return njit(cache=True)(function)
    except RuntimeError:  # no folder to keep machine code in: every process compiles for itself
        return njit(function)


@_compiled
def _best_of_each(
    values: Confidences,
    single_code: Counts,
    double_code: Counts,
    narrow: tuple[Confidences, Confidences],
    table: Table,
) -> Table:
    low, high = narrow
    best = np.empty(len(values), dtype=np.float32)
    for i in range(len(values)):
        single = _best_single(values[i], single_code[i], table)
        best[i] = _best_double(values[i], double_code[i], (low[i], high[i]), table, single)
    return best


@_compiled
def _best_single(values: Confidences, code: Counts, table: Table) -> np.float32:
    """Guess positive where x ≥ t, with t on the float32 grid of `thresholds.linspace_float32`."""
    n_both = values.size
    n_models = n_both // 2
    first, last = np.float32(values[0]), np.float32(values[-1])
    n = ceil((values[-1] - values[0]) * PER_UNIT)
    step = np.float64(np.float32(last - first) / np.float32(max(n - 1, 1)))
    best = np.float32(-np.inf)
    start = 0
    for i in range(n):
        up = i < n // 2 or n == 1
        t = np.float32(np.float64(first) + step * i if up else np.float64(last) - step * (n - 1 - i))
        while start < n_both and values[start] < t:
            start += 1
        while start > 0 and values[start - 1] >= t:  # the grid's two halves may cross by one rounding
            start -= 1
        best = max(best, table[code[n_both] + n_models - code[start]])
    return best


@_compiled
def _best_double(
    values: Confidences, code: Counts, narrow: tuple[float, float], table: Table, best: np.float32
) -> np.float32:
    """Guess positive where left ≤ x ≤ right, on the grid of `thresholds.double_thresholds`.

    Starts from the best so far, and steps as `np.linspace` does: i · step + first, and the last point itself.
    """
    low, high = narrow
    width = high - low
    first, last = low + width - BUFFER, high + BUFFER
    n = ceil((last - first) * PER_UNIT)
    step = (last - first) / (n - 1)
    known_stop, bound = -1, best
    lowest_start = stop = 0
    for j in range(n):
        right = last if j == n - 1 else j * step + first
        left_first, left_last = right - width - BUFFER, right - width + BUFFER
        left_step = (left_last - left_first) / (N_LEFT_ENDS - 1)
        while stop < values.size and values[stop] <= right:
            stop += 1
        while lowest_start < stop and values[lowest_start] < left_first:
            lowest_start += 1
        here = code[stop] + values.size // 2
        if stop != known_stop:
            # No left end of this right end, or of the next with the same stop, beats the best of all starts.
            known_stop, bound = stop, np.float32(-np.inf)
            for start in range(lowest_start, stop + 1):
                bound = max(bound, table[here - code[start]])
        start, i = lowest_start, 0
        while best < bound and i < N_LEFT_ENDS:
            left = left_last if i == N_LEFT_ENDS - 1 else i * left_step + left_first
            while start < stop and values[start] < left:
                start += 1
            best = max(best, table[here - code[start]])
            if start == stop:
                break
            # The next left end that passes a value, less one for rounding: those between change nothing.
            i = max(i + 1, int((values[start] - left_first) / left_step) - 1)
    return best
