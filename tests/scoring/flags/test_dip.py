"""The dip against values known by thought, and against the published algorithm's."""

import numpy as np
import pytest

from scoring.flags.dip import dip
from scoring.flags.modes import critical_dip


def test_dip_of_evenly_spaced_values_is_half_a_step():
    assert dip(np.arange(10.0)) == pytest.approx(1 / 20)


@pytest.mark.parametrize(("n_lower", "n_upper"), [(5, 5), (3, 7), (8, 2)])
def test_dip_of_two_points_is_half_the_smaller_share(n_lower, n_upper):
    values = np.repeat([0.0, 1.0], [n_lower, n_upper])
    assert dip(values) == pytest.approx(min(n_lower, n_upper) / 20)


@pytest.mark.parametrize("values", [[3.0], [3.0] * 8])
def test_dip_of_a_constant_is_zero(values):
    assert dip(np.array(values)) == 0.0


def test_dip_counts_a_heap_at_the_mode_as_one_mode():
    values = np.array([1.0, 2.0, *[3.0] * 12, 4.0, 5.0])
    assert dip(values) == pytest.approx(1 / 32)  # half a step of the other values


@pytest.mark.parametrize(
    ("seed", "published"),
    [(0, 0.04894736842105264), (1, 0.04423076923076923), (2, 0.06007751937984495), (3, 0.07578718783930512)],
)
def test_dip_equals_algorithm_as_217(seed, published):
    """Published: of the PyPI package `diptest`, a port of P. M. Hartigan's own program."""
    generator = np.random.default_rng(seed)
    values = np.concatenate([generator.normal(size=20), generator.normal(seed, 1.0, 10)]).round(2)
    assert dip(values) == pytest.approx(published, abs=1e-12)


def test_dip_ignores_order_shift_and_scale():
    values = np.random.default_rng(0).normal(size=40)
    assert dip(7.0 - 0.01 * values[::-1]) == pytest.approx(dip(values), abs=1e-12)


@pytest.mark.parametrize("n_values", [8, 24])
def test_critical_dip_is_exceeded_by_half_a_percent_of_uniform_samples(n_values):
    generator = np.random.default_rng(n_values)
    n_above = sum(dip(generator.random(n_values)) > critical_dip(n_values) for _ in range(3000))
    assert 5 <= n_above <= 28  # 15 expected; 99.8 % of such counts
