"""Simulated models, of which the truth is known: what scoring's own claims are checked with."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.final import Measurements


class Pair(NamedTuple):
    """The two sides of one simulated submission, of as many models and the same examples."""

    unlearned: Measurements
    reference: Measurements


@dataclass(frozen=True)
class Population:
    """How references vary, and how a submission's models differ from them; all shifts are in reference sds.

    The defaults are an honest submission that no attack can tell from references.

    Attributes:
        n_examples: size of the forget set.
        shift: mean over examples of how far the unlearned confidences lie above the reference's.
        shift_sd: how much that differs between examples.
        spread_ratio: sd over models of the unlearned confidences over that of the references', above 0.
        common: correlation over models between any two examples, 0..1: some models are surer of everything.
        degrees_of_freedom: of Student's t for what is not common, above 2; fewer are heavier tails at the
            same sd, and 30 are about normal.
        retain_ratio: expected retain accuracy of an unlearned model over a reference's, 0..1.
        test_ratio: the same of the test accuracy.
    """

    n_examples: int = 100
    shift: float = 0.0
    shift_sd: float = 0.0
    spread_ratio: float = 1.0
    common: float = 0.2
    degrees_of_freedom: float = 30.0
    retain_ratio: float = 1.0
    test_ratio: float = 1.0


class Examples(NamedTuple):
    """The drawn properties of the forget examples themselves: what stays when models are trained again.

    Attributes:
        means: [n_examples] float64, mean confidence of the references.
        sds: [n_examples] float64, its sd over references.
        shifts: [n_examples] float64, mean unlearned minus mean reference confidence, in those sds.
    """

    means: NDArray[np.float64]
    sds: NDArray[np.float64]
    shifts: NDArray[np.float64]


_REFERENCE_RETAIN_ACCURACY, _REFERENCE_TEST_ACCURACY = 0.95, 0.65
_ACCURACY_SD = 0.01  # over models


def draw_examples(population: Population, generator: np.random.Generator) -> Examples:
    """Return the examples of one forget set drawn from the population; means are N(0.5, 2²), sds 0.6..1.5."""
    n = population.n_examples
    return Examples(
        means=generator.normal(0.5, 2.0, n),
        sds=generator.uniform(0.6, 1.5, n),
        shifts=generator.normal(population.shift, population.shift_sd, n),
    )


def simulate(
    population: Population,
    n_models: int,
    generator: np.random.Generator,
    *,
    examples: Examples | None = None,
) -> Pair:
    """Return the measurements of `n_models` unlearned and as many reference models.

    Args:
        population: what they are drawn from.
        n_models: N, at least 1.
        generator: moves on; the same state gives the same models.
        examples: the forget set, from `draw_examples`, if it shall stay the same from draw to draw;
            a new one otherwise.
    """
    if examples is None:
        examples = draw_examples(population, generator)
    means, sds, shifts = examples
    reference = means + sds * _deviations(population, n_models, generator)
    unlearned = means + sds * (
        shifts + population.spread_ratio * _deviations(population, n_models, generator)
    )
    return Pair(
        unlearned=_measurements(unlearned, population.retain_ratio, population.test_ratio, generator),
        reference=_measurements(reference, 1.0, 1.0, generator),
    )


def _deviations(population: Population, n_models: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return [n_models, n_examples] deviations from an example's mean, of variance 1 over models."""
    degrees, common = population.degrees_of_freedom, population.common
    of_model = generator.normal(size=(n_models, 1))
    own = generator.standard_t(degrees, (n_models, population.n_examples)) * np.sqrt((degrees - 2) / degrees)
    deviations: NDArray[np.float64] = np.sqrt(common) * of_model + np.sqrt(1 - common) * own
    return deviations


def _measurements(
    confidences: NDArray[np.float64], retain_ratio: float, test_ratio: float, generator: np.random.Generator
) -> Measurements:
    n_models = len(confidences)
    retain = generator.normal(_REFERENCE_RETAIN_ACCURACY * retain_ratio, _ACCURACY_SD, n_models)
    test = generator.normal(_REFERENCE_TEST_ACCURACY * test_ratio, _ACCURACY_SD, n_models)
    return Measurements(confidences, retain.clip(0.0, 1.0), test.clip(0.0, 1.0))
