"""Above the ceiling: only an interval wholly above the ceiling's is flagged."""

import pytest

from scoring.flags import above_ceiling
from scoring.uncertainty import Interval


@pytest.mark.parametrize(
    ("quality", "raised"),
    [(Interval(0.21, 0.30), True), (Interval(0.20, 0.30), False), (Interval(0.0, 0.1), False)],
)
def test_only_an_interval_wholly_above_the_ceiling_is_flagged(quality, raised):
    flag = above_ceiling(quality, Interval(0.15, 0.20))
    assert (flag.raised, flag.statistic, flag.threshold) == (raised, quality.low, 0.20)
    assert ("not above" in flag.sentence) == (not raised)
