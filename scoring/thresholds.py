"""The grids of thresholds that the attacks try, bit for bit those of the released metric."""

from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# The published grid. The kernel keeps these in its cached machine code: another grid is another kernel.
PER_UNIT = 100
BUFFER = 2.0
N_LEFT_ENDS = 400


class Windows(NamedTuple):
    """The windows [left, right] of the double-threshold attack.

    Attributes:
        left: [400, n_right] float64, the left ends tried with each right end.
        right: [n_right] float64.
    """

    left: NDArray[np.float64]
    right: NDArray[np.float64]


def linspace_float32(start: float, stop: float, n: int) -> NDArray[np.float32]:
    """Return what `torch.linspace(start, stop, n)` returns on a CPU, bit for bit.

    Args:
        start: the first point, rounded to float32.
        stop: the last point, rounded to float32.
        n: how many points, at least 0; a single point is `start`.

    Returns:
        [n] float32. torch walks from both ends to the middle in float32 steps, and its AVX2 and AVX512
        kernels round `end ± step·k` once (a fused multiply-add). float64 holds that sum exactly unless an
        end is within about 1e-7 of zero; there rounding twice may differ, at one point in 10⁸ or fewer.
    """
    first, last = np.float32(start), np.float32(stop)
    if n < 2:
        return np.full(n, first)
    step = np.float64((last - first) / np.float32(n - 1))
    steps = np.arange(n, dtype=np.float64)
    half = n // 2
    up = np.float64(first) + step * steps[:half]
    down = np.float64(last) - step * steps[: n - half][::-1]
    return np.concatenate([up, down]).astype(np.float32)


def single_thresholds(low: float, high: float) -> NDArray[np.float64]:
    """Return the thresholds of the single-threshold attack, about 100 per unit of confidence.

    Args:
        low: the lowest confidence of both samples.
        high: the highest.

    Returns:
        [n] float64, ascending, each a float32 number; empty if `low` equals `high`.
    """
    return linspace_float32(low, high, ceil((high - low) * PER_UNIT)).astype(np.float64)


def double_thresholds(low: float, high: float) -> Windows:
    """Return the windows of the double-threshold attack: about as wide as the narrower sample, around it.

    Args:
        low: the lowest confidence of the sample with the smaller range.
        high: its highest.

    Returns:
        400 left ends for each of 400 right ends (401 where rounding makes their span exceed 4).
    """
    width = high - low
    first, last = low + width - BUFFER, high + BUFFER
    right = np.linspace(first, last, ceil((last - first) * PER_UNIT))
    left = np.linspace(right - width - BUFFER, right - width + BUFFER, N_LEFT_ENDS)
    return Windows(left, right)
