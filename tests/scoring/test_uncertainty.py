"""The intervals against simulated truth, and against what can be computed by hand."""

import numpy as np
import pytest

from scoring import Measurements, score
from scoring.simulation import Population, draw_examples, simulate
from scoring.uncertainty import quality_by_n_models, tied_with_leader, uncertainty

POPULATION = Population(n_examples=40, shift=0.3, shift_sd=0.5, test_ratio=0.95)
N_MODELS = 12


def pair(seed, **changes):
    return simulate(POPULATION, N_MODELS, np.random.default_rng(seed), **changes)


def test_intervals_of_reruns_hold_the_simulated_truth_about_as_often_as_they_say():
    generator = np.random.default_rng(1)
    people = draw_examples(POPULATION, generator)
    draws = [simulate(POPULATION, N_MODELS, generator, examples=people) for _ in range(300)]
    scores = [score(*one) for one in draws]
    quality, test_ratio, final = (
        np.mean([getattr(one, name) for one in scores])
        for name in ("forgetting_quality", "test_ratio", "final_score")
    )
    found = [uncertainty(*one, seed=0, n_resamples=60) for one in draws[:80]]
    for truth, intervals in (
        (quality, [one.forgetting_quality_of_reruns for one in found]),
        (final, [one.final_score_of_reruns for one in found]),
        (test_ratio, [one.test_ratio for one in found]),
    ):
        # 80 draws of 95 % fall below 70 hits one time in 400; percentiles of the resamples hit none.
        assert sum(low <= truth <= high for low, high in intervals) >= 70
        assert np.mean([high - low for low, high in intervals]) < 0.6 * truth


def test_people_widen_the_interval_of_reruns():
    mixed = Population(n_examples=40, shift=1.0, shift_sd=2.0)
    found = uncertainty(*simulate(mixed, N_MODELS, np.random.default_rng(2)), seed=0)
    for wide, narrow in (
        (found.forgetting_quality, found.forgetting_quality_of_reruns),
        (found.final_score, found.final_score_of_reruns),
    ):
        assert wide.low < narrow.low < narrow.high < wide.high


def test_interval_of_a_ratio_is_that_of_two_means():
    # For a ratio of two means the delta method gives the width; N − 1 = 199 degrees of freedom, t = 1.972.
    sides = simulate(Population(n_examples=1), 200, np.random.default_rng(3))
    found = uncertainty(*sides, seed=0, n_resamples=2000).retain_ratio
    relative_sds = [side.retain_accuracies.std(ddof=1) / side.retain_accuracies.mean() for side in sides]
    reach = 1.972 * score(*sides).retain_ratio * np.hypot(*relative_sds) / np.sqrt(200)
    assert (found.high - found.low) / 2 == pytest.approx(reach, rel=0.05)


def test_few_models_widen_the_interval_as_students_t_does():
    # Constant references: the ratio is a mean of 4, with 3 degrees of freedom, t = 3.182.
    accuracies = np.array([0.2, 0.3, 0.3, 0.6])
    constant = np.full(4, 0.5)
    confidences = np.arange(4.0)[:, np.newaxis]
    unlearned, reference = (Measurements(confidences, one, constant) for one in (accuracies, constant))
    found = uncertainty(unlearned, reference, seed=0, n_resamples=4000).retain_ratio
    reach = 3.182 * accuracies.std(ddof=1) / np.sqrt(4) / 0.5
    assert found.high - 0.7 == pytest.approx(reach, rel=0.05)


def test_the_final_score_varies_as_much_as_the_observed_quality_times_its_ratios():
    # The same confidences on both sides: F is 1, while its resamples are all far lower.
    sides = simulate(Population(n_examples=60, common=0.0), N_MODELS, np.random.default_rng(12))
    constant, varying = np.full(N_MODELS, 0.5), np.tile([0.1, 0.9], N_MODELS // 2)
    unlearned = Measurements(sides.reference.confidences, constant, varying)
    reference = Measurements(sides.reference.confidences, constant, constant)
    found = uncertainty(unlearned, reference, seed=0)
    width = found.test_ratio.high - found.test_ratio.low
    for final in (found.final_score, found.final_score_of_reruns):
        assert final.high - final.low == pytest.approx(width, rel=0.1)


def test_without_accuracies_that_vary_the_final_score_varies_as_its_quality():
    sides = simulate(Population(n_examples=40, shift=1.0, shift_sd=2.0), N_MODELS, np.random.default_rng(2))
    unlearned, reference = (
        Measurements(side.confidences, np.full(N_MODELS, accuracy), np.full(N_MODELS, 0.5))
        for side, accuracy in zip(sides, (0.4, 0.5), strict=True)
    )
    found = uncertainty(unlearned, reference, seed=0)
    assert found.final_score == pytest.approx(0.8 * np.array(found.forgetting_quality))
    assert found.final_score_of_reruns == pytest.approx(0.8 * np.array(found.forgetting_quality_of_reruns))


def test_intervals_are_centred_on_the_observed_numbers_and_within_their_bounds():
    sides = pair(4)
    observed, found = score(*sides), uncertainty(*sides, seed=0)
    for name in ("final_score", "forgetting_quality", "retain_ratio", "test_ratio"):
        low, high = getattr(found, name)
        assert low < getattr(observed, name) < high
        assert (low + high) / 2 == pytest.approx(getattr(observed, name))
    assert found.replicates.mean() == pytest.approx(observed.final_score)
    assert np.ptp(found.replicates) > 0


def test_forgetting_quality_never_leaves_its_range():
    sides = pair(5)
    worst = Measurements(sides.unlearned.confidences + 50, *[np.full(N_MODELS, 0.5)] * 2)
    found = uncertainty(worst, sides.reference, seed=0, n_resamples=20)
    assert found.forgetting_quality == (0.0, 0.0) == found.final_score
    alike = uncertainty(sides.reference, sides.reference, seed=0, n_resamples=20).forgetting_quality
    assert alike.low < alike.high == 1.0
    poor = simulate(Population(n_examples=2, shift=2.0), 4, np.random.default_rng(5))
    assert score(*poor).forgetting_quality > 0.0 == uncertainty(*poor, seed=0).forgetting_quality.low
    same = Measurements(np.zeros((4, 2)), np.full(4, 0.5), np.full(4, 0.5))
    assert uncertainty(same, same, seed=0, n_resamples=20).forgetting_quality == (1.0, 1.0)


def test_resamples_whose_references_are_never_right_are_survived():
    seldom = np.array([0.5, 0.0, 0.0])
    side = Measurements(np.random.default_rng(6).normal(size=(3, 4)), seldom, seldom)
    found = uncertainty(side, side, seed=0, n_resamples=50)
    assert np.all(np.isfinite(found.replicates))


def test_the_same_seed_gives_the_same_intervals_and_leaves_its_inputs_alone():
    sides = pair(7)
    before = [side.confidences.copy() for side in sides]
    first, second = (uncertainty(*sides, seed=3, n_resamples=10) for _ in range(2))
    np.testing.assert_array_equal(first.replicates, second.replicates)
    assert uncertainty(*sides, seed=4, n_resamples=10).final_score != first.final_score
    np.testing.assert_array_equal(before, [side.confidences for side in sides])


def test_one_resample_is_refused():
    with pytest.raises(ValueError, match="at least 2 resamples, got 1"):
        uncertainty(*pair(0), seed=0, n_resamples=1)


def test_replicates_of_two_submissions_share_their_references():
    generator = np.random.default_rng(8)
    people = draw_examples(POPULATION, generator)
    sides, rival = (simulate(POPULATION, N_MODELS, generator, examples=people) for _ in range(2))
    with_same, with_own = (
        uncertainty(rival.unlearned, reference, seed=0).replicates
        for reference in (sides.reference, rival.reference)
    )
    ours = uncertainty(*sides, seed=0).replicates
    assert np.std(ours - with_same) < np.std(ours - with_own)


def test_submissions_of_one_population_are_tied_and_a_much_worse_one_is_not():
    generator = np.random.default_rng(9)
    people = draw_examples(POPULATION, generator)
    sides = simulate(POPULATION, N_MODELS, generator, examples=people)
    equal = simulate(POPULATION, N_MODELS, generator, examples=people).unlearned
    worse = Measurements(sides.unlearned.confidences + 4, *[np.full(N_MODELS, 0.5)] * 2)
    submissions = [equal, worse, sides.unlearned]
    scores = np.array([score(one, sides.reference).final_score for one in submissions])
    replicates = np.array([uncertainty(one, sides.reference, seed=0).replicates for one in submissions])
    np.testing.assert_array_equal(tied_with_leader(scores, replicates), [True, False, True])
    np.testing.assert_array_equal(
        tied_with_leader(scores, replicates.astype(np.float32)), [True, False, True]
    )


def test_a_tie_ends_where_chance_seldom_leads_by_so_much():
    # The first is ahead of the second by −99 … 99 hundredths, each as often: 95 % of the leads are below .89.
    replicates = np.array([np.arange(-99, 100) / 100, np.zeros(199)]) + 7
    assert tied_with_leader(np.array([0.88, 0.0]), replicates).tolist() == [True, True]
    assert tied_with_leader(np.array([0.90, 0.0]), replicates).tolist() == [True, False]
    assert tied_with_leader(np.array([0.3]), replicates[:1]).tolist() == [True]


def test_of_many_equal_submissions_each_is_tied_in_about_19_of_20_leaderboards():
    generator = np.random.default_rng(0)
    tied = []
    for _ in range(200):
        replicates = generator.normal(size=(20, 400))
        tied.append(tied_with_leader(generator.normal(size=20), replicates)[0])
    assert 0.91 <= np.mean(tied) <= 0.99


@pytest.mark.parametrize(("scores", "replicates"), [((0,), (0, 5)), ((2,), (3, 5)), ((2,), (2,))])
def test_replicates_that_do_not_fit_their_scores_are_refused(scores, replicates):
    with pytest.raises(ValueError, match="do not fit replicates"):
        tied_with_leader(np.zeros(scores), np.zeros(replicates))


def test_fewer_models_flatter_a_poor_submission():
    poor = Population(n_examples=40, shift=2.0)
    by_size = quality_by_n_models(*simulate(poor, 40, np.random.default_rng(10)), seed=0)
    assert [at.n_models for at in by_size] == [4, 8, 16, 32, 40]
    assert by_size[0].mean > 2 * by_size[-1].mean > 0


def test_all_models_give_the_quality_itself():
    sides = pair(11)
    *_, last = quality_by_n_models(*sides, seed=0)
    assert last == (N_MODELS, score(*sides).forgetting_quality, 0.0)
    three = Measurements(np.eye(3), np.ones(3), np.ones(3))
    assert [at.n_models for at in quality_by_n_models(three, three, seed=0)] == [3]
