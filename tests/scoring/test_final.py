"""From logits and accuracies to one score."""

import dataclasses
import re

import numpy as np
import pytest

from scoring import (
    Measurements,
    example_epsilons,
    final_score,
    forgetting_quality,
    score,
    utility_ratio,
)

N_MODELS, N_EXAMPLES = 12, 7


def measurements(seed, *, n_models=N_MODELS, shift=0.0):
    generator = np.random.default_rng(seed)
    confidences = generator.normal(shift, size=(n_models, N_EXAMPLES))
    return Measurements(
        confidences, generator.uniform(0.5, 0.9, n_models), generator.uniform(0.2, 0.4, n_models)
    )


def test_score_is_made_of_its_parts():
    unlearned, reference = measurements(2, shift=0.5), measurements(3)
    result = score(unlearned, reference)
    epsilons = example_epsilons(unlearned.confidences, reference.confidences)
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
    alike_score, pushed_score = (score(m, references).final_score for m in (alike, pushed))
    assert 0 < pushed_score < alike_score / 5


def test_score_passes_delta_on():
    unlearned, reference = measurements(2), measurements(3)
    strict = score(unlearned, reference, delta=0.0)
    loose = score(unlearned, reference, delta=0.2)
    assert np.all(loose.epsilons < strict.epsilons)


def test_score_of_unequal_numbers_of_models_names_both():
    with pytest.raises(ValueError, match=r"\(12, 7\) and \(11, 7\)"):
        score(measurements(2), measurements(3, n_models=11))


@pytest.mark.parametrize("field", ["retain_accuracies", "test_accuracies"])
def test_accuracies_for_other_models_are_refused_with_the_numbers(field):
    with pytest.raises(ValueError, match=rf"{field} are of shape \(11,\) for 12 models"):
        dataclasses.replace(measurements(2), **{field: np.full(11, 0.5)})


def test_measurements_of_one_dimension_are_refused_with_their_shape():
    with pytest.raises(ValueError, match=r"\[n_models, n_examples\], but are \(5,\)"):
        Measurements(np.zeros(5), np.zeros(5), np.zeros(5))


def test_taken_models_keep_their_own_numbers_together():
    all_of_them = measurements(2)
    taken = all_of_them.take(np.array([3, 0, 3]))
    for field in ("confidences", "retain_accuracies", "test_accuracies"):
        np.testing.assert_array_equal(getattr(taken, field), getattr(all_of_them, field)[[3, 0, 3]])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_score_of_confidences_that_are_not_finite_names_the_place(bad):
    unlearned, reference = measurements(2), measurements(3)
    reference.confidences[4, 6] = bad
    with pytest.raises(ValueError, match=f"reference confidence of model 4, example 6 is {bad}"):
        score(unlearned, reference)


def test_utility_ratio_is_of_the_means_and_not_capped():
    assert utility_ratio(np.array([0.6, 1.0]), np.array([0.3, 0.5])) == pytest.approx(2.0)
    assert utility_ratio(np.array([0.0]), np.array([0.5])) == 0.0


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1])
def test_an_accuracy_that_cannot_be_is_refused_with_its_place(bad):
    good, other = np.full(1200, 0.5), np.full(1200, 0.5)
    other[1100] = bad
    with pytest.raises(ValueError, match=f"unlearned accuracies .* that of model 1100 is {bad}"):
        utility_ratio(other, good)
    with pytest.raises(ValueError, match=f"reference accuracies .* that of model 1100 is {bad}"):
        utility_ratio(good, other)


@pytest.mark.parametrize(("unlearned", "reference"), [((3,), (4,)), ((3, 2), (3, 2)), ((), ())])
def test_accuracies_of_unequal_or_wrong_shapes_are_refused_with_both(unlearned, reference):
    with pytest.raises(ValueError, match=re.escape(f"but are {unlearned} and {reference}")):
        utility_ratio(np.full(unlearned, 0.5), np.full(reference, 0.5))


def test_no_accuracies_are_refused():
    with pytest.raises(ValueError, match="there are none"):
        utility_ratio(np.zeros(0), np.zeros(0))


def test_utility_ratio_to_references_that_are_never_right_is_refused():
    with pytest.raises(ValueError, match="never right"):
        utility_ratio(np.array([0.5]), np.array([0.0]))
    with pytest.raises(ValueError, match=r"mean accuracy 4\.94066e-324"):
        utility_ratio(np.array([0.5]), np.array([5e-324]))


def test_final_score_is_the_product():
    assert final_score(0.5, 0.5, 2.0) == 0.5
    assert final_score(0.25, 1.0, 0.5) == 0.125


@pytest.mark.parametrize("parts", [(np.nan, 1, 1), (-0.1, 1, 1), (1.1, 1, 1), (0.5, -1, 1), (0.5, 1, np.inf)])
def test_final_score_of_parts_that_cannot_be_is_refused(parts):
    with pytest.raises(ValueError, match="got"):
        final_score(*parts)
