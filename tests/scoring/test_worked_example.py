"""The worked example of docs/metric.md, computed."""

import numpy as np
import pytest

from scoring import example_epsilons, example_qualities, forgetting_quality

UNLEARNED = np.array([1.0, 2.0, 3.0, 6.0])[:, np.newaxis]
REFERENCE = np.array([0.0, 1.5, 2.5, 4.0])[:, np.newaxis]


def test_the_worked_example_comes_out_as_documented():
    epsilons = example_epsilons(UNLEARNED, REFERENCE)
    assert epsilons[0] == pytest.approx(np.log(2) - 2e-5, abs=2e-6)
    assert example_qualities(epsilons, n_models=4) == 0.5


def test_the_documented_forgetting_quality_comes_out():
    assert forgetting_quality(np.array([np.log(2), 0.0, 2.3]), n_models=4) == 0.5
