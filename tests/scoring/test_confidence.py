"""Logit-scaled confidence against its definition, computed one example at a time in decimals."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from scoring import logit_scaled_confidence


def by_definition(logits, label):
    with localcontext(prec=60):
        exponentials = [Decimal(float(z)).exp() for z in logits]
        wrong = sum(e for j, e in enumerate(exponentials) if j != label)
        total = sum(exponentials)
        floor = Decimal("1e-45")
        return float((exponentials[label] / total + floor).ln() - (wrong / total + floor).ln())


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0, 60.0])
def test_confidence_of_float32_logits_matches_the_definition(scale):
    generator = np.random.default_rng(7)
    logits = (generator.normal(size=(4, 5, 10)) * scale).astype(np.float32)
    labels = generator.integers(0, 10, 5)
    confidence = logit_scaled_confidence(logits, labels)
    expected = [[by_definition(model[i], labels[i]) for i in range(5)] for model in logits]
    assert confidence.dtype == np.float64
    np.testing.assert_allclose(confidence, expected, rtol=1e-12, atol=1e-12)


def test_confidence_of_a_saturated_softmax_stays_finite():
    logits = np.zeros((1, 2, 10), np.float32)
    logits[0, :, 3] = 1e4
    certain, wrong = logit_scaled_confidence(logits, np.array([3, 4]))[0]
    assert certain == pytest.approx(-np.log(1e-45), rel=1e-12)
    assert wrong == pytest.approx(np.log(1e-45), rel=1e-12)


def test_confidence_leaves_its_logits_alone():
    logits = np.random.default_rng(0).normal(size=(2, 3, 10))
    before = logits.copy()
    logit_scaled_confidence(logits, np.array([0, 1, 2]))
    np.testing.assert_array_equal(logits, before)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_confidence_of_logits_that_are_not_finite_is_nan_without_a_warning(bad):
    logits = np.zeros((2, 2, 10), np.float32)
    logits[1, 0, 5] = bad
    confidence = logit_scaled_confidence(logits, np.array([5, 5]))
    np.testing.assert_array_equal(np.isnan(confidence), [[False, False], [True, False]])


def test_confidence_of_labels_outside_the_classes_is_refused():
    with pytest.raises(ValueError, match=r"-1 to 3, not within 0\.\.9"):
        logit_scaled_confidence(np.zeros((1, 2, 10)), np.array([-1, 3]))
    with pytest.raises(ValueError, match=r"3 to 10, not within 0\.\.9"):
        logit_scaled_confidence(np.zeros((1, 2, 10)), np.array([10, 3]))


def test_confidence_of_shapes_that_do_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"\(1, 2, 10\) do not fit labels of shape \(3,\)"):
        logit_scaled_confidence(np.zeros((1, 2, 10)), np.array([0, 1, 2]))
    with pytest.raises(ValueError, match=r"\(2, 10\) do not fit"):
        logit_scaled_confidence(np.zeros((2, 10)), np.array([0, 1]))
