"""All flags together: what is returned whatever comes in."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from scoring.flags import flags
from scoring.simulation import Population, simulate
from scoring.uncertainty import Interval

LOW, HIGH = Interval(0.1, 0.2), Interval(0.3, 0.4)


def pair(n_models, n_examples=30):
    return simulate(Population(n_examples=n_examples), n_models, np.random.default_rng(0))


def constant(measurements):
    return replace(
        measurements,
        confidences=np.full_like(measurements.confidences, 0.1),
        retain_accuracies=np.full_like(measurements.retain_accuracies, 0.9),
        test_accuracies=np.full_like(measurements.test_accuracies, 0.6),
    )


def all_flags(unlearned, reference, *, seed=0):
    return flags(unlearned, reference, quality=LOW, ceiling=HIGH, seed=seed)


def test_every_flag_is_returned_raised_or_not():
    assert [flag.name for flag in all_flags(*pair(16))] == [
        "duplicate runs",
        "collapsed variance",
        "drift over run order",
        "multimodality across runs",
        "score above the ceiling",
    ]


def test_without_a_ceiling_its_flag_is_left_out():
    found = flags(*pair(16), quality=LOW, ceiling=None, seed=0)
    assert len(found) == 4
    assert "score above the ceiling" not in [flag.name for flag in found]


def test_each_flag_looks_at_the_submission():
    unlearned, reference = pair(16)
    in_order = unlearned.take(unlearned.confidences.mean(axis=1).argsort())
    equal = unlearned.take(np.zeros(16, dtype=np.intp))
    two = unlearned.take(np.array([0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0]))
    raised = [[flag.raised for flag in all_flags(runs, reference)[:4]] for runs in (in_order, equal, two)]
    assert raised == [
        [False, False, True, False],
        [True, True, False, False],
        [True, False, False, True],
    ]


def test_a_perfect_copy_is_above_the_ceiling():
    assert flags(*pair(16), quality=HIGH, ceiling=LOW, seed=0)[-1].raised


@pytest.mark.parametrize("n_models", [3, 7])
def test_too_few_runs_are_named_and_not_judged(n_models):
    found = all_flags(*pair(n_models))
    assert not any(flag.raised for flag in found)
    assert [flag.sentence for flag in found].count(
        f"Not enough runs: {n_models}, and this check needs 8."
    ) == 3


@pytest.mark.parametrize("n_models", [3, 8, 17])
@pytest.mark.parametrize("n_examples", [1, 2, 30])
@pytest.mark.parametrize("sides", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_numbers_are_finite_whatever_is_constant(n_models, n_examples, sides):
    unlearned, reference = (
        constant(side) if is_constant else side
        for side, is_constant in zip(pair(n_models, n_examples), sides, strict=True)
    )
    found = all_flags(unlearned, reference)
    json.dumps([asdict(flag) for flag in found], allow_nan=False)
    for flag in found:
        if flag.statistic is None:
            assert not flag.raised
        else:
            assert flag.raised == (flag.statistic > flag.threshold)


def test_the_same_seed_gives_the_same_flags():
    sides = pair(16)
    assert all_flags(*sides, seed=5) == all_flags(*sides, seed=5)
    assert all_flags(*sides, seed=5) != all_flags(*sides, seed=6)


def test_confidences_are_left_as_they_were():
    unlearned, reference = pair(16)
    before = unlearned.confidences.copy(), reference.confidences.copy()
    all_flags(unlearned, reference)
    assert np.array_equal(before[0], unlearned.confidences)
    assert np.array_equal(before[1], reference.confidences)


def test_a_confidence_that_is_not_finite_is_refused():
    unlearned, reference = pair(16)
    confidences = unlearned.confidences.copy()
    confidences[3, 7] = np.nan
    with pytest.raises(ValueError, match="model 3, example 7 is nan"):
        all_flags(replace(unlearned, confidences=confidences), reference)
