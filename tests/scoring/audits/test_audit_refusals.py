"""What no audit accepts, through each of the audits that take confidences."""

import numpy as np
import pytest

from scoring.audits import (
    bounded_epsilons,
    exact_interval_attack,
    held_out_attack,
    likelihood_ratio_attack,
    margin_divergence,
)

AUDITS = {
    "bounded": lambda u, r: bounded_epsilons(u, r, seed=0),
    "exact": exact_interval_attack,
    "held out": lambda u, r: held_out_attack(u, r, seed=0),
    "likelihood ratio": likelihood_ratio_attack,
    "klom": margin_divergence,
}
pytestmark = pytest.mark.parametrize("audit", AUDITS.values(), ids=AUDITS)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("side", ["unlearned", "reference"])
def test_a_confidence_that_is_no_number_of_this_scale_is_refused_with_its_place(audit, side, bad):
    samples = {"unlearned": np.zeros((4, 3)), "reference": np.zeros((4, 3))}
    samples[side][2, 1] = bad
    with pytest.raises(ValueError, match=rf"the {side} confidence of model 2, example 1 is .*\(1 such"):
        audit(samples["unlearned"], samples["reference"])


def test_shapes_that_do_not_fit_are_refused_with_both(audit):
    with pytest.raises(ValueError, match=r"are \(5, 2\) and \(6, 2\)"):
        audit(np.zeros((5, 2)), np.zeros((6, 2)))
    with pytest.raises(ValueError, match=r"are \(5,\) and \(5,\)"):
        audit(np.zeros(5), np.zeros(5))


def test_too_few_models_or_examples_are_refused_with_their_numbers(audit):
    with pytest.raises(ValueError, match="3 models and 1 example, got 2 and 7"):
        audit(np.zeros((2, 7)), np.zeros((2, 7)))
    with pytest.raises(ValueError, match="got 5 and 0"):
        audit(np.zeros((5, 0)), np.zeros((5, 0)))


def test_three_models_are_enough_and_inputs_are_left_alone(audit):
    unlearned, reference = np.random.default_rng(1).normal(size=(2, 3, 4))
    before = unlearned.copy(), reference.copy()
    assert audit(unlearned, reference).n_models == 3
    np.testing.assert_array_equal((unlearned, reference), before)


def test_the_same_input_gives_the_same_result(audit):
    unlearned, reference = np.random.default_rng(2).normal(size=(2, 9, 6))
    np.testing.assert_equal(vars(audit(unlearned, reference)), vars(audit(unlearned, reference)))
