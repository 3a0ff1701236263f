"""Epsilons against the released metric's own outputs, and against its rules written out the slow way."""

import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scoring import attacks, epsilon, example_epsilons, forgetting_quality, kernel
from scoring.epsilon import epsilon_table
from scoring.thresholds import double_thresholds, single_thresholds
from tests.support.slow_epsilon import epsilon_of_errors, slow_epsilon

with np.load(Path(__file__).parent / "golden" / "forgetting_quality.npz") as archive:
    GOLDEN = dict(archive)
CASES = sorted({key.split("/")[0] for key in GOLDEN})

# The golden file was made with NumPy's own float32 logarithm, which is not the C library's.
needs_vector_log = pytest.mark.skipif(
    np.log(np.float32(25 / 64)) == np.float32(np.log(25 / 64)),
    reason="NumPy takes float32 logarithms from the C library here: needs an x86-64 CPU with AVX2",
)


SHAPES = {
    "normal": lambda g, n: g.normal(g.normal(), g.uniform(0.3, 3), n),
    "tied": lambda g, n: np.round(g.normal(size=n), 1),
    "few values": lambda g, n: g.integers(-2, 3, n) / 2,
    "on the grid": lambda g, n: 1 + 0.01 * g.integers(0, 60, n),
    "narrow": lambda g, n: 1 + 10 ** g.uniform(-8, -1) * g.normal(size=n),
    "dyadic": lambda g, n: 3 + 2.0**-20 * g.integers(0, 9, n),
    "constant": lambda g, n: np.full(n, 1.0),
    "saturated": lambda g, n: np.clip(g.normal(4, 12, n), -8, 16),
    "two modes": lambda g, n: np.where(g.random(n) < 0.7, 0.3, 5.0) + 0.4 * g.normal(size=n),
    "heavy tails": lambda g, n: g.standard_t(1.5, n).clip(-100, 100),
}


def snapped(wide, narrow, generator):
    """Put inner confidences of the wider sample on thresholds, or on the floats next to them."""
    if np.ptp(narrow) > np.ptp(wide):
        wide, narrow = narrow, wide
    low, high = min(wide.min(), narrow.min()), max(wide.max(), narrow.max())
    left, right = double_thresholds(float(narrow.min()), float(narrow.max()))
    one = single_thresholds(float(low), float(high))
    grids = [one, one[one.size // 2 - 1 : one.size // 2 + 1], right, right[-1:], left.ravel(), left[-1]]
    grids = [inside for grid in grids if (inside := grid[(grid > wide.min()) & (grid < wide.max())]).size]
    result = wide.copy()
    for place in np.flatnonzero((wide > wide.min()) & (wide < wide.max())):
        if grids and generator.random() < 0.8:
            threshold = generator.choice(grids[generator.integers(len(grids))])
            result[place] = np.nextafter(threshold, threshold + generator.integers(-1, 2))
    return result, narrow


@st.composite
def drawn_samples(draw):
    n_models = draw(st.integers(3, 64))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    names = st.sampled_from(sorted(SHAPES))
    reference = SHAPES[draw(names)](generator, n_models)
    related = draw(st.sampled_from(["no", "no", "copy", "shuffled", "shifted", "mirrored"]))
    unlearned = {
        "no": lambda: SHAPES[draw(names)](generator, n_models),
        "copy": reference.copy,
        "shuffled": lambda: generator.permutation(reference),
        "shifted": lambda: reference + draw(st.sampled_from([-1.0, -0.125, 2.0**-20, 0.5, 4.0])),
        "mirrored": lambda: -reference,
    }[related]()
    if draw(st.booleans()):
        unlearned, reference = snapped(unlearned, reference, generator)
    return (unlearned, reference) if draw(st.booleans()) else (reference, unlearned)


def typed_samples():
    """Lists of numbers that Hypothesis itself varies and shrinks."""
    number = st.floats(-104, 104)
    lists = st.integers(3, 9).flatmap(lambda n: st.tuples(*[st.lists(number, min_size=n, max_size=n)] * 2))
    return lists.map(lambda pair: (np.array(pair[0]), np.array(pair[1])))


def column(values):
    return np.asarray(values, dtype=np.float64)[:, np.newaxis]


def epsilons_by(implementation, unlearned, reference):
    with mock.patch.object(epsilon, "_best_on_grids", return_value=implementation.best_on_grids):
        return example_epsilons(unlearned, reference)


@needs_vector_log
@pytest.mark.parametrize("implementation", [attacks, kernel])
@pytest.mark.parametrize("case", CASES)
def test_epsilons_and_quality_equal_the_released_code_bit_for_bit(case, implementation):
    unlearned, reference = GOLDEN[f"{case}/unlearned"], GOLDEN[f"{case}/retrained"]
    epsilons = epsilons_by(implementation, unlearned, reference)
    assert epsilons.dtype == np.float64
    np.testing.assert_array_equal(epsilons, GOLDEN[f"{case}/epsilon"])
    assert forgetting_quality(epsilons, len(unlearned)) == GOLDEN[f"{case}/forgetting_quality"]


@settings(max_examples=250, deadline=None)
@given(drawn_samples() | typed_samples())
@example((np.array([0.0, 1.0, 2.0]), np.array([2.0, 3.0, 4.0])))  # touching in one value
def test_epsilon_equals_the_slow_reference(samples):
    unlearned, reference = samples
    expected = slow_epsilon(unlearned, reference)
    for implementation in (attacks, kernel):
        assert epsilons_by(implementation, column(unlearned), column(reference)) == expected


@settings(max_examples=60, deadline=None)
@given(st.integers(65, 200), st.integers(0, 2**32 - 1), st.sampled_from(sorted(SHAPES)))
def test_compiled_and_plain_attacks_agree_for_many_models(n_models, seed, shape):
    generator = np.random.default_rng(seed)
    unlearned, reference = (
        np.stack([SHAPES[shape](generator, n_models) for _ in range(3)], axis=1) for _ in range(2)
    )
    np.testing.assert_array_equal(
        epsilons_by(kernel, unlearned, reference), epsilons_by(attacks, unlearned, reference)
    )


def test_without_a_compiler_the_plain_attacks_are_taken():
    epsilon._best_on_grids.cache_clear()
    with mock.patch.dict(sys.modules, {"numba": None}):
        del sys.modules["scoring.kernel"]
        assert epsilon._best_on_grids() is attacks.best_on_grids
    epsilon._best_on_grids.cache_clear()
    assert epsilon._best_on_grids() is kernel.best_on_grids


@pytest.mark.parametrize("delta", [0.0, 1e-5, 0.1])
@pytest.mark.parametrize("n_models", [3, 7, 24])
def test_epsilon_table_equals_the_slow_reference_in_every_cell(n_models, delta):
    table = epsilon_table(n_models, delta=delta)
    assert table.dtype == np.float32
    for false_positives in range(n_models + 1):
        for false_negatives in range(n_models + 1):
            expected = epsilon_of_errors(false_positives, false_negatives, n_models, delta)
            found = table[false_positives, false_negatives]
            assert found == (-np.inf if expected is None else expected)


def test_every_example_gets_the_epsilon_of_its_own_column():
    generator = np.random.default_rng(3)
    unlearned, reference = generator.normal(size=(2, 10, 5))
    unlearned += np.arange(5)
    together = example_epsilons(unlearned, reference)
    alone = [example_epsilons(unlearned[:, [i]], reference[:, [i]])[0] for i in range(5)]
    np.testing.assert_array_equal(together, alone)
    assert len(set(together)) > 1


def test_epsilons_leave_their_inputs_alone():
    unlearned, reference = np.random.default_rng(4).normal(size=(2, 6, 3))
    before = unlearned.copy(), reference.copy()
    example_epsilons(unlearned, reference)
    np.testing.assert_array_equal((unlearned, reference), before)


def test_two_identical_constants_have_epsilon_zero():
    assert example_epsilons(column([1.5] * 5), column([1.5] * 5)) == 0.0


def test_two_different_constants_have_the_largest_epsilon():
    for gap in (1e-9, 0.003, 1.0):
        assert example_epsilons(column([1.5] * 5), column([1.5 + gap] * 5)) == 50.0


def test_a_collapsed_sample_has_the_largest_epsilon_even_inside_the_other():
    spread = np.linspace(-3, 3, 9)
    assert example_epsilons(column(spread * 0.009), column(spread)) == 50.0
    assert example_epsilons(column(spread), column(spread * 0.009)) == 50.0
    assert example_epsilons(column(spread * 0.5), column(spread)) < 50.0


@pytest.mark.parametrize("location", [0.0, 1.0, -2.0])
def test_samples_that_slip_through_the_grid_are_told_apart_at_their_own_values(location):
    narrow = location + 2.0**-20 * np.arange(6)
    apart, overlapping = narrow + 2.0**-20 * 10, narrow + 2.0**-20 * 3
    assert example_epsilons(column(narrow), column(apart)) == 50.0
    assert example_epsilons(column(apart), column(narrow)) == 50.0
    # The best threshold leaves 1 and 2 errors of 6: ln(1 − 2/6) − ln(1/6) = ln 4.
    expected = pytest.approx(np.log(4), abs=1e-4)
    assert example_epsilons(column(narrow), column(overlapping)) == expected
    assert example_epsilons(column(overlapping), column(narrow)) == expected


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 10_001.0])
@pytest.mark.parametrize("side", ["unlearned", "reference"])
def test_a_confidence_that_is_not_finite_or_absurd_is_refused_by_name(side, bad):
    samples = {"unlearned": np.zeros((4, 3)), "reference": np.zeros((4, 3))}
    samples[side][2, 1] = bad
    with pytest.raises(ValueError, match=rf"the {side} confidence of model 2, example 1 is {bad}, .*1 such"):
        example_epsilons(**samples)


@pytest.mark.parametrize("delta", [-1e-9, 1.0, 2.0, np.nan])
def test_a_delta_that_is_no_probability_is_refused(delta):
    with pytest.raises(ValueError, match=r"delta must be within \[0, 1\), got"):
        example_epsilons(np.zeros((3, 1)), np.zeros((3, 1)), delta=delta)


@pytest.mark.parametrize("bad", [np.zeros((3, 1), np.float32), np.zeros((3, 1), int), [[0.0]] * 3])
def test_confidences_that_are_no_float64_array_are_refused_by_side(bad):
    good = np.zeros((3, 1))
    with pytest.raises(ValueError, match="the unlearned confidences must be a float64 array, not"):
        example_epsilons(bad, good)
    with pytest.raises(ValueError, match="the reference confidences must be a float64 array, not"):
        example_epsilons(good, bad)


def test_fewer_than_three_models_are_refused_with_their_number():
    with pytest.raises(ValueError, match="at least 3 models and 1 example, got 2 and 7"):
        example_epsilons(np.zeros((2, 7)), np.zeros((2, 7)))
    assert example_epsilons(np.zeros((3, 1)), np.zeros((3, 1))).shape == (1,)


def test_no_examples_are_refused():
    with pytest.raises(ValueError, match="got 5 and 0"):
        example_epsilons(np.zeros((5, 0)), np.zeros((5, 0)))


def test_unequal_counts_are_refused_with_both_shapes():
    for other in ((6, 2), (5, 3)):
        with pytest.raises(ValueError, match=rf"are \(5, 2\) and \({other[0]}, {other[1]}\)"):
            example_epsilons(np.zeros((5, 2)), np.zeros(other))
