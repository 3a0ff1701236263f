"""KLoM against its definition written out, by hand, and for Gaussians whose divergence is known."""

import numpy as np
import pytest
from scipy.stats import entropy

from scoring.audits import margin_divergence


def by_definition(unlearned, reference):
    """One example's KLoM: bins as comparisons, the divergence by SciPy."""
    cut = [[min(max(x, -100.0), 100.0) for x in side] for side in (unlearned, reference)]
    low, high = min(map(min, cut)), max(map(max, cut))
    if low == high:
        return 0.0
    edges = np.linspace(low, high, 21)
    p, q = (
        [
            sum(edges[k] <= x < edges[k + 1] or (k == 19 and x == high) for x in side) / len(side)
            for k in range(20)
        ]
        for side in cut
    )
    q = [max(b, 1e-5) if a > 0 else b for a, b in zip(p, q, strict=True)]
    return entropy(p, q)  # makes both add up to 1


def column(values):
    return np.asarray(values, dtype=np.float64)[:, np.newaxis]


def one(unlearned, reference):
    return margin_divergence(column(unlearned), column(reference)).divergences[0]


@pytest.mark.parametrize("scale", [0.01, 1.0, 80.0])  # 80: beyond the cut at 100
def test_divergences_equal_the_definition(scale):
    generator = np.random.default_rng(1)
    unlearned, reference = generator.normal(size=(2, 30, 40)) * scale
    result = margin_divergence(unlearned + scale / 2, reference)
    expected = [by_definition(u + scale / 2, r) for u, r in zip(unlearned.T, reference.T, strict=True)]
    np.testing.assert_allclose(result.divergences, expected, rtol=1e-9)
    assert result.mean == pytest.approx(np.mean(expected))
    assert result.median == pytest.approx(np.median(expected))
    assert result.percentile_95 == pytest.approx(np.percentile(expected, 95))
    assert result.n_models == 30


def test_divergence_by_hand_is_of_the_unlearned_from_the_reference():
    # Bin 0: 3 of 4 unlearned, 1 of 4 reference. Bin 19: 1 and 3.
    assert one([0, 0, 0, 1], [0, 1, 1, 1]) == pytest.approx(0.5 * np.log(3))
    # Bin 0: 4 and 2. Bin 19: 0 and 2: it costs nothing this way round, and much the other.
    assert one([0, 0, 0, 0], [0, 0, 1, 1]) == pytest.approx(np.log(2))
    assert one([0, 0, 1, 1], [0, 0, 0, 0]) == pytest.approx(
        0.5 * np.log(0.5 * (1 + 1e-5)) + 0.5 * np.log(0.5 * (1 + 1e-5) / 1e-5)
    )


def test_samples_without_a_bin_in_common_have_the_largest_divergence():
    assert one([0, 0, 0], [1, 1, 1]) == pytest.approx(np.log((1 + 1e-5) / 1e-5))


def test_identical_samples_and_constants_have_none():
    sample = np.random.default_rng(2).normal(size=9)
    assert one(sample, sample[::-1]) == 0.0
    assert one([1.5] * 4, [1.5] * 4) == 0.0
    assert one([100.0, 120.0, 140.0], [101.0, 200.0, 300.0]) == 0.0  # all cut to 100


def test_largest_margin_counts():
    # Without the last bin's own end, the reference at 1 would vanish: divergence 0.
    assert one([0, 0, 0, 0], [0, 0, 0, 1]) == pytest.approx(np.log(4 / 3))


def test_divergence_of_many_gaussians_is_theirs():
    unlearned, reference = np.random.default_rng(3).normal(size=(2, 100_000))
    assert one(unlearned + 0.5, reference) == pytest.approx(0.5**2 / 2, rel=0.05)


def test_few_alike_models_are_far_from_zero():
    unlearned, reference = np.random.default_rng(4).normal(size=(2, 8, 50))
    assert margin_divergence(unlearned, reference).median > 1.0
