"""The best interval rule against trying every interval by comparison, and against rules found by hand."""

import numpy as np
import pytest

from scoring.audits.interval_rules import Rule, best_rule, errors_elsewhere, gains_inside
from scoring.epsilon import epsilon_table


def gains_of(n_models):
    return gains_inside(epsilon_table(n_models, delta=1e-5))


def errors_of(rule, unlearned, reference):
    return rule.calls_unlearned(reference).sum(), (~rule.calls_unlearned(unlearned)).sum()


@pytest.mark.parametrize("n_models", [1, 2, 3, 8, 50, 150])  # 150: more starts than one block holds
def test_best_rule_gains_on_its_own_models_what_it_says(n_models):
    generator = np.random.default_rng(n_models)
    table = epsilon_table(n_models, delta=1e-5)
    for digits in (0, 1, 9):  # from many ties to none
        unlearned = np.round(generator.normal(0.7, size=n_models), digits)
        reference = np.round(generator.normal(size=n_models), digits)
        choice = best_rule(unlearned, reference, gains_of(n_models))
        if choice.gain > 0:
            assert table[errors_of(choice.rule, unlearned, reference)] == choice.gain


def test_rule_ends_half_way_to_the_next_data_point():
    unlearned, reference = np.array([1.0, 2.0, 3.0]), np.array([-2.0, 7.0, 8.0])
    choice = best_rule(unlearned, reference, gains_of(3))
    assert choice == (Rule(-0.5, 5.0, unlearned_inside=True), np.inf)
    assert best_rule(reference, unlearned, gains_of(3)).rule == Rule(-0.5, 5.0, unlearned_inside=False)


@pytest.mark.parametrize("n_models", [1, 3, 100])  # 100: the equal intervals lie in different blocks
def test_rule_beyond_the_last_data_point_has_no_end(n_models):
    low, high = np.arange(n_models) - 200.0, np.arange(n_models) + 200.0
    cut = (low[-1] + high[0]) / 2
    # Of two equal intervals, all below the cut and all above, the first.
    for sides, unlearned_inside in (((low, high), True), ((high, low), False)):
        choice = best_rule(*sides, gains_of(n_models))
        assert choice == (Rule(-np.inf, cut, unlearned_inside), np.inf)


def test_equal_values_are_never_parted():
    unlearned, reference = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0])
    choice = best_rule(unlearned, reference, gains_of(3))
    assert choice.rule == Rule(-np.inf, 0.5, unlearned_inside=True)
    assert choice.gain == epsilon_table(3, delta=1e-5)[1, 1]


def test_rule_of_identical_constants_has_no_gain():
    assert best_rule(np.full(3, 1.5), np.full(3, 1.5), gains_of(3)).gain == -np.inf


def test_errors_elsewhere_are_counted_on_the_measured_models_only():
    unlearned = np.array([[1.0], [2.0], [1.5], [9.0], [1.2]])
    reference = np.array([[5.0], [6.0], [1.4], [7.0], [1.6]])
    choosing, measured = np.array([0, 1]), np.array([2, 3, 4])  # the rule: unlearned below 3.5
    errors = errors_elsewhere(
        unlearned, reference, choosing=choosing, measured=measured, gains=gains_of(choosing.size)
    )
    assert (errors.false_positives.tolist(), errors.false_negatives.tolist()) == ([2], [1])


def test_gains_inside_take_the_better_of_both_guesses():
    table = epsilon_table(4, delta=1e-5)
    gains = gains_of(4)
    for n_unlearned in range(5):
        for n_reference in range(5):
            guess_unlearned = table[n_reference, 4 - n_unlearned]
            guess_reference = table[n_unlearned, 4 - n_reference]
            expected = max(guess_unlearned, guess_reference) if n_unlearned + n_reference else -np.inf
            assert gains[n_unlearned, n_reference] == expected
    assert gains_inside(np.zeros((5, 5)))[0, 0] == -np.inf
