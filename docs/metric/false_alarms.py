"""How often each flag of `scoring.flags` is raised for honest submissions, and for its cheat.

Run as `OMP_NUM_THREADS=1 python docs/metric/false_alarms.py` (about six minutes), or with `--quick` (half a
minute). Prints Markdown tables, of simulated submissions of which the truth is known.
"""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.special import ndtri

from scoring.final import Measurements
from scoring.flags import Flag, above_ceiling, collapsed_variance, drift, duplicate_runs, multimodality
from scoring.flags.dip import dip
from scoring.flags.modes import critical_dip
from scoring.simulation import Examples, Pair, Population, draw_examples, simulate
from scoring.uncertainty import Interval, uncertainty

Generator = np.random.Generator
Submit = Callable[[Pair, Examples, Generator], Measurements]  # what is handed in, given an honest pair

_AS_REFERENCES = Population(n_examples=100)
_HONEST = {
    "as references": _AS_REFERENCES,
    "imperfect": replace(_AS_REFERENCES, shift=0.8, shift_sd=0.7, spread_ratio=0.6, test_ratio=0.95),
    "models differ as wholes": replace(_AS_REFERENCES, common=0.9),
    "heavy tails": replace(_AS_REFERENCES, common=0.0, degrees_of_freedom=3.0),
    "10 examples": replace(_AS_REFERENCES, n_examples=10),
    "a quarter of the spread": replace(_AS_REFERENCES, shift=0.5, spread_ratio=0.25),
}


def main(*, quick: bool) -> None:
    """Print the tables."""
    divisor = 10 if quick else 1
    print("| honest submission | N | simulated | duplicates | collapse | drift | two groups | any of these |")
    print("|---|---|---|---|---|---|---|---|")
    for n_models, repetitions in ((3, 20), (8, 300), (16, 300), (64, 150), (512, 10)):
        _print_false_alarms(n_models, repetitions // divisor)
    print("\n| against the ceiling | N | simulated | F | ceiling | raised |\n|---|---|---|---|---|---|")
    for name in _AT_THE_CEILING:
        for n_models, repetitions in ((3, 100), (8, 100), (16, 100), (64, 30)):
            print(_ceiling_row(name, n_models, repetitions // divisor), flush=True)
    print("\n| cheat | flag | caught at N = 8 | 16 | 64 | 512 |\n|---|---|---|---|---|---|")
    for name in _CHEATS:
        print(_power_row(name, divisor), flush=True)
    print("\n| N | dips of uniform samples | above the critical dip |\n|---|---|---|")
    for n_values, repetitions in ((8, 20_000), (64, 5_000), (512, 1_000)):
        print(_dip_row(n_values, repetitions // divisor), flush=True)


def _print_false_alarms(n_models: int, repetitions: int) -> None:
    """Print a row for each population, and one for all of them together."""
    of_all: Counter[str] = Counter()
    for name, population in _HONEST.items():
        generator = _generator(name, n_models)
        raised: Counter[str] = Counter()
        for seed in range(repetitions):
            pair = simulate(population, n_models, generator)
            found = [flag.name for look in _LOOKS.values() if (flag := look(pair, seed)).raised]
            raised.update(found + ["any"] * bool(found))
        print(_false_alarm_row(name, n_models, raised, repetitions), flush=True)
        of_all += raised
    print(_false_alarm_row("all of these", n_models, of_all, repetitions * len(_HONEST)), flush=True)


def _false_alarm_row(name: str, n_models: int, raised: Counter[str], repetitions: int) -> str:
    rates = " | ".join(_share(raised[key], repetitions) for key in (*_LOOKS, "any"))
    return f"| {name} | {n_models} | {repetitions} | {rates} |"


_LOOKS: dict[str, Callable[[Pair, int], Flag]] = {
    "duplicate runs": lambda pair, _: duplicate_runs(*pair),
    "collapsed variance": lambda pair, seed: collapsed_variance(*pair, seed=seed),
    "drift over run order": lambda pair, seed: drift(pair.unlearned, seed=seed),
    "multimodality across runs": lambda pair, _: multimodality(*pair),
}


def _honest(pair: Pair, _: Examples, __: Generator) -> Measurements:
    return pair.unlearned


def _copied_references(pair: Pair, examples: Examples, generator: Generator) -> Measurements:
    """Hand in the very references, with a little noise: their seeds or confidences have leaked."""
    copied = pair.reference.confidences
    return _with(pair, copied + 0.1 * examples.sds * generator.normal(size=copied.shape))


def _evenly_spread(pair: Pair, examples: Examples, generator: Generator) -> Measurements:
    """Let the runs agree on who takes which quantile, so that they represent the references too well."""
    n_models, n_examples = pair.unlearned.confidences.shape
    quantiles = ndtri((np.arange(n_models) + 0.5) / n_models)
    taken = generator.permuted(np.tile(quantiles, (n_examples, 1)), axis=1).T
    return _with(pair, examples.means + examples.sds * taken)


_AT_THE_CEILING: dict[str, tuple[Population, Submit]] = {
    "as references": (_AS_REFERENCES, _honest),
    "as references, heavy tails": (_HONEST["heavy tails"], _honest),
    "imperfect": (_HONEST["imperfect"], _honest),
    "cheat: copied references": (_AS_REFERENCES, _copied_references),
    "cheat: evenly spread runs": (_AS_REFERENCES, _evenly_spread),
}


def _ceiling_row(name: str, n_models: int, repetitions: int) -> str:
    generator = _generator(name, n_models)
    population, submit = _AT_THE_CEILING[name]
    qualities, ceilings, n_raised = [], [], 0
    for _ in range(repetitions):
        examples = draw_examples(population, generator)
        pair = simulate(population, n_models, generator, examples=examples)
        second = simulate(population, n_models, generator, examples=examples).reference
        quality = _quality(submit(pair, examples, generator), pair.reference)
        ceiling = _quality(second, pair.reference)
        n_raised += above_ceiling(quality, ceiling).raised
        qualities.append(np.mean(quality))
        ceilings.append(np.mean(ceiling))
    means = f"{np.mean(qualities):.3f} | {np.mean(ceilings):.3f}"
    return f"| {name} | {n_models} | {repetitions} | {means} | {_share(n_raised, repetitions)} |"


def _quality(unlearned: Measurements, reference: Measurements) -> Interval:
    return uncertainty(unlearned, reference, seed=0, n_resamples=50).forgetting_quality_of_reruns


def _one_seed(pair: Pair, examples: Examples, generator: Generator) -> Measurements:
    """Seed every run alike, so that only the rounding of a GPU differs."""
    first = np.broadcast_to(pair.unlearned.confidences[0], pair.unlearned.confidences.shape)
    return _with(pair, first + 1e-5 * examples.sds * generator.normal(size=first.shape))


def _few_weights(pair: Pair, examples: Examples, generator: Generator) -> Measurements:
    """Draw each run from N weights that were brought along, and add a little noise."""
    n_models = pair.unlearned.n_models
    drawn = pair.unlearned.take(generator.integers(n_models, size=n_models)).confidences
    return _with(pair, drawn + 1e-3 * examples.sds * generator.normal(size=drawn.shape))


def _shrunk(factor: float) -> Submit:
    def submit(pair: Pair, _: Examples, __: Generator) -> Measurements:
        honest = pair.unlearned.confidences
        return _with(pair, honest.mean(axis=0) + factor * (honest - honest.mean(axis=0)))

    return submit


def _drifting(of_sds: float) -> Submit:
    """Move all confidences, each its own way, from the first run to the last."""

    def submit(pair: Pair, examples: Examples, generator: Generator) -> Measurements:
        time = np.linspace(-0.5, 0.5, pair.unlearned.n_models)[:, np.newaxis]
        ways = generator.choice([-1.0, 1.0], size=examples.sds.size)
        return _with(pair, pair.unlearned.confidences + of_sds * time * ways * examples.sds)

    return submit


def _getting_more_accurate(pair: Pair, _: Examples, __: Generator) -> Measurements:
    honest = pair.unlearned
    gain = np.linspace(0.0, 0.03, honest.n_models)
    return replace(honest, test_accuracies=honest.test_accuracies + gain)


def _coin_flip(probability: float, shift: float) -> Submit:
    """Retrain or, with this probability, hand in something near the original model."""

    def submit(pair: Pair, examples: Examples, generator: Generator) -> Measurements:
        shape = pair.unlearned.confidences.shape
        surer = generator.normal(shift, 1.0, size=shape[1]) + 0.3 * generator.normal(size=shape)
        original = generator.random((shape[0], 1)) < probability
        confidences = np.where(original, examples.means + examples.sds * surer, pair.unlearned.confidences)
        return _with(pair, confidences)

    return submit


_CHEATS: dict[str, tuple[str, Submit]] = {
    "every run has one seed": ("duplicate runs", _one_seed),
    "runs drawn from N fixed weights": ("duplicate runs", _few_weights),
    "noise shrunk to 0.2": ("collapsed variance", _shrunk(0.2)),
    "noise shrunk to 0.1": ("collapsed variance", _shrunk(0.1)),
    "confidences drift by 1 sd": ("drift over run order", _drifting(1.0)),
    "confidences drift by 2 sd": ("drift over run order", _drifting(2.0)),
    "test accuracy drifts by 3 points": ("drift over run order", _getting_more_accurate),
    "coin flip, p = 0.5": ("multimodality across runs", _coin_flip(0.5, 1.4)),
    "coin flip, p = 0.5, half as far": ("multimodality across runs", _coin_flip(0.5, 0.7)),
    "coin flip, p = 0.2": ("multimodality across runs", _coin_flip(0.2, 1.4)),
}


def _power_row(name: str, divisor: int) -> str:
    flag, submit = _CHEATS[name]
    shares = []
    for n_models, repetitions in ((8, 100), (16, 100), (64, 50), (512, 10)):
        generator, n_raised = _generator(name, n_models), 0
        for seed in range(repetitions // divisor):
            examples = draw_examples(_AS_REFERENCES, generator)
            pair = simulate(_AS_REFERENCES, n_models, generator, examples=examples)
            cheating = Pair(submit(pair, examples, generator), pair.reference)
            n_raised += _LOOKS[flag](cheating, seed).raised
        shares.append(f"{n_raised} of {repetitions // divisor}")
    return f"| {name} | {flag} | {' | '.join(shares)} |"


def _dip_row(n_values: int, repetitions: int) -> str:
    generator = _generator("dip", n_values)
    critical = critical_dip(n_values)
    n_above = sum(dip(generator.random(n_values)) > critical for _ in range(repetitions))
    return f"| {n_values} | {repetitions} | {_share(n_above, repetitions)} |"


def _with(pair: Pair, confidences: np.ndarray) -> Measurements:
    return replace(pair.unlearned, confidences=confidences)


def _share(n_raised: int, repetitions: int) -> str:
    return f"{100 * n_raised / repetitions:.1f} % ({n_raised})"


def _generator(name: str, n_models: int) -> Generator:
    return np.random.default_rng([*name.encode(), n_models])


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
