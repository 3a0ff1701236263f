"""The phase's own models in a submission's place: the ceiling (references) and the floor (the original)."""

from enum import StrEnum
from typing import NamedTuple

import numpy as np

from scoring.epsilon import MIN_MODELS
from scoring.final import Measurements


class CeilingKind(StrEnum):
    """Which references stand in for a submission in the ceiling."""

    SECOND_SET = "second set"
    SPLIT_HALVES = "split halves"


class Sides(NamedTuple):
    """Two sides to be scored against each other, as a submission and its references are."""

    unlearned: Measurements
    reference: Measurements


class Ceiling(NamedTuple):
    """The sides of a ceiling, and where they come from."""

    kind: CeilingKind
    sides: Sides


def ceiling(reference: Measurements, second: Measurements | None) -> Ceiling | None:
    """Return references against references: what a perfect method scores on average.

    Args:
        reference: the N references that submissions are scored against.
        second: N other references, trained alike, if there are any.

    Returns:
        The second set against the first. Without one, the halves of the first: the references with an even
        index against those with an odd one (the last of an odd N is left out), with N // 2 models a side, so
        that F is of another N than the submissions'. None if that leaves fewer than 3 models a side, or
        a half that is never right, to which no utility ratio exists.
    """
    if second is not None:
        return Ceiling(CeilingKind.SECOND_SET, Sides(second, reference))
    half = reference.n_models // 2
    if half < MIN_MODELS:
        return None
    even, odd = (reference.take(np.arange(half) * 2 + first) for first in (0, 1))
    if not (odd.retain_accuracies.any() and odd.test_accuracies.any()):
        return None
    return Ceiling(CeilingKind.SPLIT_HALVES, Sides(even, odd))


def floor(reference: Measurements, original: Measurements) -> Sides:
    """Return the original model, as often as there are references, against these: what doing nothing scores.

    Raises:
        ValueError: there is not exactly one original model.
    """
    if original.n_models != 1:
        raise ValueError(f"the floor is of one original model, not of {original.n_models}")
    return Sides(original.take(np.zeros(reference.n_models, dtype=np.intp)), reference)
