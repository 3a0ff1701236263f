"""Logit-scaled confidence against its definition, computed one example at a time in decimals."""

import re
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


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_logit_that_is_not_finite_is_refused_with_its_place(bad):
    logits = np.zeros((2, 2, 10), np.float32)
    logits[1, 0, 5] = bad
    with pytest.raises(ValueError, match=rf"model 1, example 0, class 5 is {bad}, .*1 such"):
        logit_scaled_confidence(logits, np.array([5, 5]))


@pytest.mark.parametrize("label", [-1, 10])
def test_a_label_outside_the_classes_is_refused_with_its_place(label):
    with pytest.raises(ValueError, match=rf"label of example 1 is {label}, not within 0\.\.9 \(1 such"):
        logit_scaled_confidence(np.zeros((1, 2, 10)), np.array([3, label]))


@pytest.mark.parametrize("dtype", [np.float16, np.int64])
def test_logits_of_a_type_that_loses_digits_are_refused(dtype):
    with pytest.raises(ValueError, match=f"logits are {np.dtype(dtype)}"):
        logit_scaled_confidence(np.zeros((1, 2, 10), dtype), np.array([0, 1]))


def test_labels_that_are_not_integers_are_refused():
    with pytest.raises(ValueError, match="integers, not float64"):
        logit_scaled_confidence(np.zeros((1, 2, 10)), np.array([0.0, 1.0]))


@pytest.mark.parametrize(("logits", "labels"), [((1, 2, 10), 3), ((2, 10), 2), ((1, 2, 1), 2)])
def test_shapes_that_do_not_fit_are_refused_with_both(logits, labels):
    with pytest.raises(ValueError, match=re.escape(f"{logits} do not fit labels of shape ({labels},)")):
        logit_scaled_confidence(np.zeros(logits), np.zeros(labels, np.int64))
