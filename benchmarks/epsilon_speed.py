"""Speed of the epsilons: compiled and plain, against every model compared with every threshold."""

import subprocess
import sys
from collections.abc import Iterator
from functools import partial

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
    good, alike = _confidences(shift=0.3), _confidences(shift=0.0)

    def plain() -> None:
        samples = attacks.sort_samples(good[0][:, :100], good[1][:, :100])
        attacks.best_on_grids(samples, epsilon_table(_N_MODELS, delta=1e-5).ravel())

    def slow() -> None:
        for example in range(_N_SLOW):
            slow_epsilon(good[0][:, example], good[1][:, example])

    for name, sides in (("good", good), ("like_references", alike)):
        whole = measure(
            f"epsilon_512_models_{name}",
            ours=partial(example_epsilons, *sides),
            baseline=slow,
            n=5,
            repeats=_N_EXAMPLES,
            baseline_repeats=_N_SLOW,
        )
        yield whole
        print(f"# {name}: epsilons of 1,500 examples x 512 models in {whole.ours * _N_EXAMPLES:.3f} s")
    print(f"# a process that computes them and nothing else: at most {_peak_mb():.0f} MB")
    name = "epsilon_512_models_plain_numpy"
    yield measure(name, ours=plain, baseline=slow, n=3, repeats=100, baseline_repeats=_N_SLOW)


def _peak_mb() -> float:
    """Return the peak resident memory of a process that only computes these epsilons."""
    program = (
        "import re, numpy, scoring\n"
        f"sides = numpy.random.default_rng(0).normal(size=(2, {_N_MODELS}, {_N_EXAMPLES}))\n"
        "scoring.example_epsilons(*sides)\n"
        # Not ru_maxrss, which a child inherits from the process that started it.
        "print(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read()).group(1))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return int(ended.stdout) * 1.024e-3


def _confidences(*, shift: float) -> tuple[Confidences, Confidences]:
    """Return a submission: means and spreads differ from example to example as a ResNet's do."""
    generator = np.random.default_rng(0)
    mean = generator.normal(0.5, 2.0, _N_EXAMPLES)
    spread = generator.uniform(0.6, 1.5, _N_EXAMPLES)
    reference = generator.normal(mean, spread, (_N_MODELS, _N_EXAMPLES))
    unlearned = generator.normal(mean + shift * spread, spread, (_N_MODELS, _N_EXAMPLES))
    return unlearned, reference
