"""Speed of the epsilons: compiled and plain, against every model compared with every threshold."""

import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.figure import Figure, measure
from scoring import attacks, example_epsilons
from scoring.epsilon import epsilon_table
from tests.support.slow_epsilon import slow_epsilon

_N_MODELS, _N_EXAMPLES = 512, 1500
_N_SLOW = 2  # examples that the slow definition is given; it takes each as long as any other

Confidences = NDArray[np.float64]


def figures() -> Iterator[Figure]:
    """Measure seconds per example of 1,500, with 512 models on each side; print the whole as well."""
    unlearned, reference = _confidences()

    def ours() -> None:
        example_epsilons(unlearned, reference)

    def plain() -> None:
        samples = attacks.sort_samples(unlearned[:, :100], reference[:, :100])
        attacks.best_on_grids(samples, epsilon_table(_N_MODELS, delta=1e-5).ravel())

    def slow() -> None:
        for example in range(_N_SLOW):
            slow_epsilon(unlearned[:, example], reference[:, example])

    whole = measure(
        "epsilon_512_models", ours=ours, baseline=slow, n=9, repeats=_N_EXAMPLES, baseline_repeats=_N_SLOW
    )
    yield whole
    seconds, peak_mb = whole.ours * _N_EXAMPLES, _peak_bytes(ours) / 1e6
    print(f"# epsilons of 1,500 examples x 512 models: {seconds:.3f} s, {peak_mb:.0f} MB of arrays")
    name = "epsilon_512_models_plain_numpy"
    yield measure(name, ours=plain, baseline=slow, n=3, repeats=100, baseline_repeats=_N_SLOW)


def _peak_bytes(action: Callable[[], None]) -> int:
    """Return the most memory that an action held at a time, on top of what was there before."""
    tracemalloc.start()
    action()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _confidences() -> tuple[Confidences, Confidences]:
    """Return a good submission: means and spreads differ from example to example as a ResNet's do."""
    generator = np.random.default_rng(0)
    mean = generator.normal(0.5, 2.0, _N_EXAMPLES)
    spread = generator.uniform(0.6, 1.5, _N_EXAMPLES)
    reference = generator.normal(mean, spread, (_N_MODELS, _N_EXAMPLES))
    unlearned = generator.normal(mean + 0.3 * spread, 1.05 * spread, (_N_MODELS, _N_EXAMPLES))
    return unlearned, reference
