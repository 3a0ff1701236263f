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
        values = asdict(self).items()
        rounded = {key: float(f"{value:.4g}") if isinstance(value, float) else value for key, value in values}
        return json.dumps(rounded)


def measure(
    name: str,
    *,
    ours: Callable[[], object],
    baseline: Callable[[], object],
    n: int,
    repeats: int = 1,
    baseline_repeats: int | None = None,
) -> Figure:
    """Time both in turn, `n` times after one warm-up each, in seconds for each of a call's `repeats`.

    A baseline too slow for as many repeats may have its own number of them.
    """
    _seconds(ours), _seconds(baseline)
    pairs = [(_seconds(ours) / repeats, _seconds(baseline) / (baseline_repeats or repeats)) for _ in range(n)]
    return Figure(
        name,
        ours=statistics.median(mine for mine, _ in pairs),
        baseline=statistics.median(theirs for _, theirs in pairs),
        ratio=statistics.median(mine / theirs for mine, theirs in pairs),
        unit="s",
        n=n,
    )


def _seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
