"""From logits and accuracies to one score."""

import dataclasses

import numpy as np
import pytest

from scoring import (
    Measurements,
    example_epsilons,
    final_score,
    forgetting_quality,
    logit_scaled_confidence,
    score,
    utility_ratio,
)

N_MODELS, N_EXAMPLES = 12, 7
LABELS = np.random.default_rng(1).integers(0, 10, N_EXAMPLES)


def measurements(seed, *, n_models=N_MODELS, shift=0.0):
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(n_models, N_EXAMPLES, 10)).astype(np.float32)
    logits[:, np.arange(N_EXAMPLES), LABELS] += np.float32(shift)
    return Measurements(logits, generator.uniform(0.5, 0.9, n_models), generator.uniform(0.2, 0.4, n_models))


def test_score_is_made_of_its_parts():
    unlearned, reference = measurements(2, shift=0.5), measurements(3)
    result = score(unlearned, reference, labels=LABELS)
    epsilons = example_epsilons(
        logit_scaled_confidence(unlearned.forget_logits, LABELS),
        logit_scaled_confidence(reference.forget_logits, LABELS),
    )
    np.testing.assert_array_equal(result.epsilons, epsilons)
    assert result.forgetting_quality == forgetting_quality(epsilons, N_MODELS) > 0
    assert result.unlearned_retain_accuracy == unlearned.retain_accuracies.mean()
    assert result.unlearned_test_accuracy == unlearned.test_accuracies.mean()
    assert result.reference_retain_accuracy == reference.retain_accuracies.mean()
    assert result.reference_test_accuracy == reference.test_accuracies.mean()
    assert result.retain_ratio == result.unlearned_retain_accuracy / result.reference_retain_accuracy
    assert result.test_ratio == result.unlearned_test_accuracy / result.reference_test_accuracy
    assert result.final_score == result.forgetting_quality * result.retain_ratio * result.test_ratio
    assert (result.n_models, result.n_examples) == (N_MODELS, N_EXAMPLES)


def test_models_pushed_towards_their_labels_score_far_below_models_like_the_references():
    references, alike = measurements(4, n_models=32), measurements(5, n_models=32)
    pushed = measurements(5, n_models=32, shift=4.0)
    alike_score, pushed_score = (score(m, references, labels=LABELS).final_score for m in (alike, pushed))
    assert 0 < pushed_score < alike_score / 5


def test_score_passes_delta_on():
    unlearned, reference = measurements(2), measurements(3)
    strict = score(unlearned, reference, labels=LABELS, delta=0.0)
    loose = score(unlearned, reference, labels=LABELS, delta=0.2)
    assert np.all(loose.epsilons < strict.epsilons)


def test_score_of_unequal_numbers_of_models_names_both():
    with pytest.raises(ValueError, match=r"\(12, 7\) and \(11, 7\)"):
        score(measurements(2), measurements(3, n_models=11), labels=LABELS)


@pytest.mark.parametrize("field", ["retain_accuracies", "test_accuracies"])
def test_score_of_accuracies_for_other_models_names_the_numbers(field):
    short = dataclasses.replace(measurements(2), **{field: np.full(11, 0.5)})
    with pytest.raises(ValueError, match=r"\(11,\) for 12 models"):
        score(short, measurements(3), labels=LABELS)
    with pytest.raises(ValueError, match=r"\(11,\) for 12 models"):
        score(measurements(3), short, labels=LABELS)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_score_of_logits_that_are_not_finite_names_the_place(bad):
    unlearned, reference = measurements(2), measurements(3)
    reference.forget_logits[4, 6, LABELS[6]] = bad
    with pytest.raises(ValueError, match="reference confidence of model 4, example 6 is nan"):
        score(unlearned, reference, labels=LABELS)


def test_utility_ratio_is_of_the_means_and_not_capped():
    assert utility_ratio(np.array([0.6, 1.0]), np.array([0.3, 0.5])) == pytest.approx(2.0)
    assert utility_ratio(np.array([0.0]), np.array([0.5])) == 0.0


@pytest.mark.parametrize("bad", [[], [np.nan], [-0.1], [1.1]])
def test_utility_ratio_of_impossible_accuracies_is_refused(bad):
    good = np.array([0.5])
    with pytest.raises(ValueError, match="unlearned accuracies"):
        utility_ratio(np.array(bad), good)
    with pytest.raises(ValueError, match="reference accuracies"):
        utility_ratio(good, np.array(bad))


def test_utility_ratio_to_references_that_are_never_right_is_refused():
    with pytest.raises(ValueError, match="never right"):
        utility_ratio(np.array([0.5]), np.array([0.0]))


def test_final_score_is_the_product():
    assert final_score(0.5, 0.5, 2.0) == 0.5
    assert final_score(0.25, 1.0, 0.5) == 0.125
