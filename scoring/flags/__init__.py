"""Flags: findings that say to an organizer "look at this submission", with a known rate of false alarms.

A flag never changes a score. Each of the five is raised for at most 1 % of honest submissions, so at most 5 %
of them have any; `docs/metric/false_alarms.py` measures this, and how much of its cheat each flag catches.
"""

from scoring.epsilon import check_confidences
from scoring.final import Measurements
from scoring.flags.above_ceiling import above_ceiling
from scoring.flags.collapse import collapsed_variance
from scoring.flags.drift import drift
from scoring.flags.duplicates import duplicate_runs
from scoring.flags.flag import Flag
from scoring.flags.modes import multimodality
from scoring.uncertainty import Interval

__all__ = [
    "Flag",
    "above_ceiling",
    "collapsed_variance",
    "drift",
    "duplicate_runs",
    "flags",
    "multimodality",
]


def flags(
    unlearned: Measurements,
    reference: Measurements,
    *,
    quality: Interval,
    ceiling: Interval | None,
    seed: int,
) -> tuple[Flag, ...]:
    """Return every flag of one submission, raised or not.

    Args:
        unlearned: the submission's N models, in the order in which they ran.
        reference: as many references, in any order.
        quality: 95 % interval of the submission's F over reruns.
        ceiling: the same of references against references; None if there is none, which leaves its flag out.
        seed: shuffles runs where a threshold comes from shuffles; the same seed gives the same flags.

    Raises:
        ValueError: confidences that `scoring.epsilon.check_confidences` refuses.
    """
    check_confidences(unlearned.confidences, reference.confidences)
    found = (
        duplicate_runs(unlearned, reference),
        collapsed_variance(unlearned, reference, seed=seed),
        drift(unlearned, seed=seed),
        multimodality(unlearned, reference),
    )
    return found if ceiling is None else (*found, above_ceiling(quality, ceiling))
