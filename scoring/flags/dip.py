"""The dip: how far a sample is from every distribution with a single mode."""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def dip(values: Values) -> float:
    """Return Hartigan's dip: how far the sample's distribution function is from a unimodal one.

    Args:
        values: [n] float64, finite, n at least 1; in any order, ties allowed.

    Returns:
        0..0.25; higher is further from one mode. Two equal, narrow, distant groups approach 0.25; a constant
        sample has 0, evenly spaced values 1/(2n). Shifts and scales change nothing.

    Source: Hartigan and Hartigan 1985, *The Dip Test of Unimodality*, Annals of Statistics 13; computed as in
    P. M. Hartigan 1985, *Algorithm AS 217*, Applied Statistics 34.
    """
    points, counts = np.unique(values, return_counts=True)
    after = np.cumsum(counts) / values.size  # the distribution function at each point ...
    before = after - counts / values.size  # ... and just below it
    twice_dip = 0.0
    low, high = 0, points.size - 1  # where the mode may still lie
    while low < high:
        within = slice(low, high + 1)
        convex_knots = low + _lower_hull(points[within], before[within])
        concave_knots = low + _lower_hull(points[within], -after[within])
        convex = np.interp(points[within], points[convex_knots], before[convex_knots])
        concave = np.interp(points[within], points[concave_knots], after[concave_knots])
        # Sought at knots only: anywhere else rounding could find it, and the interval would never shrink.
        knots = np.union1d(convex_knots, concave_knots)
        widest = knots[np.argmax((concave - convex)[knots - low])]
        mode_low = convex_knots[convex_knots <= widest][-1]
        mode_high = concave_knots[concave_knots >= widest][0]
        # The ends of the new interval may hold the mode, where a jump costs nothing: not counted yet.
        left, right = slice(0, mode_low - low), slice(mode_high + 1 - low, None)
        off_left = (after[within] - convex)[left].max(initial=0.0)
        off_right = (concave - before[within])[right].max(initial=0.0)
        twice_dip = max(twice_dip, off_left, off_right)
        low, high = mode_low, mode_high
    return float(twice_dip / 2.0)


def _lower_hull(x: Values, y: Values) -> NDArray[np.intp]:
    """Return the indices of the corners of the largest convex function below the points; x ascends."""
    corners: list[int] = []
    for i in range(x.size):
        while len(corners) > 1:
            a, b = corners[-2:]
            if (y[b] - y[a]) * (x[i] - x[a]) < (y[i] - y[a]) * (x[b] - x[a]):
                break
            corners.pop()
        corners.append(i)
    return np.array(corners)
