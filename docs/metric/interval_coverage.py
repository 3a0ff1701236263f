"""How often the 95 % intervals of `scoring.uncertainty` hold the truth, simulated; prints a Markdown table.

Run as `python docs/metric/interval_coverage.py` (some ten minutes), or with `--quick` (half a minute).
"""

import sys
from collections import defaultdict
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from scoring import example_epsilons, forgetting_quality, score
from scoring.simulation import Examples, Pair, Population, draw_examples, simulate
from scoring.uncertainty import Interval, tied_with_leader, uncertainty

_PERFECT = Population(n_examples=100)
_GOOD = replace(_PERFECT, shift=0.3, shift_sd=0.5, retain_ratio=0.99, test_ratio=0.97)
_MIDDLING = replace(_PERFECT, shift=0.8, shift_sd=0.7, spread_ratio=0.8, test_ratio=0.95)
_POOR = replace(_PERFECT, shift=2.5, shift_sd=1.0, spread_ratio=0.7)
_HOPELESS = replace(_PERFECT, shift=5.0)
_POPULATIONS = {"as references": _PERFECT, "good": _GOOD, "middling": _MIDDLING, "poor": _POOR}

_COLUMNS = ("F, reruns", "F, reruns and people", "final score", "test ratio", "F, percentiles", "equals tied")


class Scenario(NamedTuple):
    """One row: which submission, how many models, and how often it is simulated."""

    name: str
    population: Population
    n_models: int
    n_repetitions: int
    n_resamples: int = 60


class Truth(NamedTuple):
    """What the numbers of a scenario are on average."""

    forgetting_quality: float
    final_score: float
    test_ratio: float


def main(*, quick: bool) -> None:
    """Print the table."""
    scenarios = [Scenario(name, population, 16, 100) for name, population in _POPULATIONS.items()]
    scenarios += [Scenario("hopeless", _HOPELESS, 16, 100)]
    scenarios += [Scenario(name, population, 64, 40) for name, population in _POPULATIONS.items()]
    scenarios += [Scenario("good, 40 examples", replace(_GOOD, n_examples=40), 512, 20)]
    if quick:
        scenarios = [scenario._replace(n_repetitions=20, n_resamples=50) for scenario in scenarios[:4]]
    print(f"| submission | N | F | {' | '.join(_COLUMNS)} | repetitions |")
    print("|---" * (len(_COLUMNS) + 4) + "|")
    for scenario in scenarios:
        print(_row(scenario), flush=True)


def _row(scenario: Scenario) -> str:
    generator = np.random.default_rng(scenario.n_models)
    people = draw_examples(scenario.population, generator)
    same, other = _truth(scenario, people, generator), _truth(scenario, None, generator)
    hits: dict[str, list[bool]] = defaultdict(list)
    for _ in range(scenario.n_repetitions):
        pair = _draw(scenario, people, generator)
        held = uncertainty(*pair, seed=0, n_resamples=scenario.n_resamples)
        hits["F, reruns"].append(_holds(held.forgetting_quality_of_reruns, same.forgetting_quality))
        hits["F, percentiles"].append(_holds(_percentiles(scenario, pair), same.forgetting_quality))
        rival = Pair(_draw(scenario, people, generator).unlearned, pair.reference)
        scores = np.array([score(*one).final_score for one in (pair, rival)])
        rivals = uncertainty(*rival, seed=0, n_resamples=scenario.n_resamples)
        tied = tied_with_leader(scores, np.array([held.replicates, rivals.replicates]))
        hits["equals tied"].append(bool(tied[1]))
        held = uncertainty(*_draw(scenario, None, generator), seed=0, n_resamples=scenario.n_resamples)
        hits["F, reruns and people"].append(_holds(held.forgetting_quality, other.forgetting_quality))
        hits["final score"].append(_holds(held.final_score, other.final_score))
        hits["test ratio"].append(_holds(held.test_ratio, other.test_ratio))
    shares = " | ".join(f"{100 * np.mean(hits[column]):.0f} %" for column in _COLUMNS)
    return (
        f"| {scenario.name} | {scenario.n_models} | {other.forgetting_quality:.3f} | {shares} "
        f"| {scenario.n_repetitions} |"
    )


def _draw(scenario: Scenario, people: Examples | None, generator: np.random.Generator) -> Pair:
    return simulate(scenario.population, scenario.n_models, generator, examples=people)


def _truth(scenario: Scenario, people: Examples | None, generator: np.random.Generator) -> Truth:
    """Return the mean of many draws: of the same people, or of new ones each time."""
    n_draws = 4 * scenario.n_repetitions
    scores = [score(*_draw(scenario, people, generator)) for _ in range(n_draws)]
    return Truth(
        forgetting_quality=float(np.mean([one.forgetting_quality for one in scores])),
        final_score=float(np.mean([one.final_score for one in scores])),
        test_ratio=float(np.mean([one.test_ratio for one in scores])),
    )


def _percentiles(scenario: Scenario, pair: Pair) -> Interval:
    """Return the percentile bootstrap interval of F over reruns, which ties spoil."""
    generator, n = np.random.default_rng(0), scenario.n_models
    qualities = []
    for _ in range(scenario.n_resamples):
        unlearned, reference = (side.take(generator.integers(n, size=n)).confidences for side in pair)
        qualities.append(forgetting_quality(example_epsilons(unlearned, reference), n))
    return Interval(*np.quantile(qualities, [0.025, 0.975]))


def _holds(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


if __name__ == "__main__":
    main(quick="--quick" in sys.argv[1:])
