"""Artifacts of simulated submissions."""

import numpy as np

from scoring import SCORING_VERSION
from scoring.artifact import Artifact, Labels, ModelSet, Provenance
from scoring.final import Measurements
from scoring.simulation import Population, draw_examples, simulate

N_CLASSES = 10


def simulated_artifact(population: Population, n_models: int, *, seed: int = 0) -> Artifact:
    """Return the artifact of a simulated submission, with a second reference set and an original model."""
    generator = np.random.default_rng(seed)
    people = draw_examples(population, generator)
    others = [draw_examples(Population(n_examples=population.n_examples), generator) for _ in range(2)]
    forget = simulate(population, n_models, generator, examples=people)
    second = simulate(population, n_models, generator, examples=people).reference
    retain, test = (simulate(population, n_models, generator, examples=one) for one in others)
    labels = generator.integers(N_CLASSES, size=(3, population.n_examples))

    def model_set(models: Measurements, retain: Measurements, test: Measurements) -> ModelSet:
        return ModelSet(
            *(logits_of(side, of) for side, of in zip((models, retain, test), labels, strict=True)),
            models.retain_accuracies,
            models.test_accuracies,
        )

    one = np.array([0])
    return Artifact(
        unlearned=model_set(forget.unlearned, retain.unlearned, test.unlearned),
        reference=model_set(forget.reference, retain.reference, test.reference),
        ceiling=model_set(second, retain.reference, test.reference),
        original=model_set(second.take(one), retain.reference.take(one), test.reference.take(one)),
        labels=Labels(*labels),
        seconds=generator.uniform(1.0, 2.0, n_models),
        seed_fingerprints=tuple(f"{index:016x}" for index in range(n_models)),
        provenance=Provenance(
            "b" * 64, {"name": "resnet18"}, "c" * 64, ("bubblewrap",), "2", SCORING_VERSION
        ),
    )


def logits_of(models: Measurements, labels: np.ndarray) -> np.ndarray:
    """Return logits of the measured confidences: 0 for every class but the label."""
    logits = np.zeros((*models.confidences.shape, N_CLASSES), np.float32)
    logits[:, np.arange(labels.size), labels] = models.confidences + np.log(N_CLASSES - 1)
    return logits
