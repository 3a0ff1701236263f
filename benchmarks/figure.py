"""One figure: two ways of doing the same thing, timed in turn, so that a slow minute slows both."""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """Medians over `n` pairs; `ratio` is the median of the pairs' ratios, ours over baseline."""

    name: str
    ours: float
    baseline: float
    ratio: float
    unit: str
    n: int

    def to_json(self) -> str:
        """Return the figure as one line of JSON."""
        rounded = {
            key: round(value, 5) if isinstance(value, float) else value for key, value in asdict(self).items()
        }
        return json.dumps(rounded)


def measure(
    name: str, *, ours: Callable[[], None], baseline: Callable[[], None], n: int, repeats: int = 1
) -> Figure:
    """Time both in turn, `n` times after one warm-up each, in seconds for each of a call's `repeats`."""
    _seconds(ours), _seconds(baseline)
    pairs = [(_seconds(ours) / repeats, _seconds(baseline) / repeats) for _ in range(n)]
    return Figure(
        name,
        ours=statistics.median(mine for mine, _ in pairs),
        baseline=statistics.median(theirs for _, theirs in pairs),
        ratio=statistics.median(mine / theirs for mine, theirs in pairs),
        unit="s",
        n=n,
    )


def _seconds(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
