"""Epsilons against the released metric's own outputs, and against its rules written out the slow way."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scoring import example_epsilons, forgetting_quality
from scoring.epsilon import epsilon_table

with np.load(Path(__file__).parent / "golden" / "forgetting_quality.npz") as archive:
    GOLDEN = dict(archive)
CASES = sorted({key.split("/")[0] for key in GOLDEN})

# The golden file was made with NumPy's own float32 logarithm, which is not the C library's.
needs_vector_log = pytest.mark.skipif(
    np.log(np.float32(25 / 64)) == np.float32(np.log(25 / 64)),
    reason="NumPy takes float32 logarithms from the C library here: needs an x86-64 CPU with AVX2",
)


# The reference: the published rules as loops and [models × thresholds] comparisons; nothing is looked up.


def mean_float32(n_errors, n_models):
    errors = torch.zeros(n_models, dtype=torch.float32)
    errors[:n_errors] = 1
    return torch.mean(errors).numpy()


def epsilon_of_errors(false_positives, false_negatives, n_models, delta):
    """The epsilon of one threshold, or None where it is discarded."""
    fpr, fnr = mean_float32(false_positives, n_models), mean_float32(false_negatives, n_models)
    if fpr == 0 and fnr == 0:
        return np.inf
    if fpr == 0 or fnr == 0:
        return None
    with np.errstate(all="ignore"):
        candidates = [np.log(1 - delta - fpr) - np.log(fnr), np.log(1 - delta - fnr) - np.log(fpr)]
    assert all(c.dtype == np.float32 for c in candidates)
    defined = [c for c in candidates if not np.isnan(c)]
    return max(0, *defined) if defined else None


def errors(positive, negative, left, right):
    """The distinct (false positives, false negatives) of "left ≤ x ≤ right", over all thresholds."""
    false_positives = ((left <= negative[:, None]) & (negative[:, None] <= right)).sum(axis=0)
    false_negatives = (~((left <= positive[:, None]) & (positive[:, None] <= right))).sum(axis=0)
    return set(zip(false_positives.tolist(), false_negatives.tolist(), strict=True))


def best_epsilon(error_pairs, n_models, delta):
    epsilons = [epsilon_of_errors(fp, fn, n_models, delta) for fp, fn in error_pairs]
    return max((e for e in epsilons if e is not None), default=None)


def slow_epsilon(unlearned, reference, delta=1e-5):
    n_models = len(unlearned)
    unlearned_range, reference_range = np.ptp(unlearned), np.ptp(reference)
    width, widest = sorted([unlearned_range, reference_range])
    if widest > 0 and width / widest < 0.01:
        return 50.0

    single = (
        (unlearned, reference) if np.median(unlearned) >= np.median(reference) else (reference, unlearned)
    )
    if unlearned_range == reference_range:
        double = single[::-1]
    else:
        double = (unlearned, reference) if unlearned_range < reference_range else (reference, unlearned)

    every = np.concatenate([unlearned, reference])
    n_thresholds = int(np.ceil(100 * (every.max() - every.min())))
    ends = torch.tensor([every.min(), every.max()])
    thresholds = torch.linspace(ends[0], ends[1], n_thresholds, dtype=torch.float32).numpy()
    found = errors(*single, thresholds.astype(np.float64), np.inf)
    low, high = double[0].min() + width - 2, double[0].max() + 2
    for right in np.linspace(low, high, int(np.ceil(100 * (high - low)))):
        found |= errors(*double, np.linspace(right - width - 2, right - width + 2, 400), right)
    best = best_epsilon(found, n_models, delta)

    if best is None:
        found = errors(*single, every, np.inf)
        for right in every:
            found |= errors(*double, every, right)
        best = best_epsilon(found, n_models, delta)
    return 0.0 if best is None else min(float(best), 50.0)


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
    return (unlearned, reference) if draw(st.booleans()) else (reference, unlearned)


def typed_samples():
    """Lists of numbers that Hypothesis itself varies and shrinks."""
    number = st.floats(-104, 104)
    lists = st.integers(3, 9).flatmap(lambda n: st.tuples(*[st.lists(number, min_size=n, max_size=n)] * 2))
    return lists.map(lambda pair: (np.array(pair[0]), np.array(pair[1])))


def column(values):
    return np.asarray(values, dtype=np.float64)[:, np.newaxis]


@needs_vector_log
@pytest.mark.parametrize("case", CASES)
def test_epsilons_and_quality_equal_the_released_code_bit_for_bit(case):
    unlearned, reference = GOLDEN[f"{case}/unlearned"], GOLDEN[f"{case}/retrained"]
    epsilons = example_epsilons(unlearned, reference)
    assert epsilons.dtype == np.float64
    np.testing.assert_array_equal(epsilons, GOLDEN[f"{case}/epsilon"])
    assert forgetting_quality(epsilons, len(unlearned)) == GOLDEN[f"{case}/forgetting_quality"]


@settings(max_examples=250, deadline=None)
@given(drawn_samples() | typed_samples())
@example((np.array([0.0, 1.0, 2.0]), np.array([2.0, 3.0, 4.0])))  # touching in one value
def test_epsilon_equals_the_slow_reference(samples):
    unlearned, reference = samples
    assert example_epsilons(column(unlearned), column(reference)) == slow_epsilon(unlearned, reference)


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


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", ["unlearned", "reference"])
def test_a_confidence_that_is_not_finite_is_refused_by_name(side, bad):
    samples = {"unlearned": np.zeros((4, 3)), "reference": np.zeros((4, 3))}
    samples[side][2, 1] = bad
    with pytest.raises(ValueError, match=rf"the {side} confidence of model 2, example 1 is {bad}, .*1 such"):
        example_epsilons(**samples)


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
