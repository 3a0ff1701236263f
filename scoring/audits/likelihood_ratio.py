"""The likelihood-ratio attack (U-LiRA): two Gaussians per example, asked about a model they have not seen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.attacks import Confidences
from scoring.audits.held_out_epsilon import held_out_epsilons
from scoring.epsilon import check_confidences
from scoring.forgetting import forgetting_quality

_MIN_SPREAD = 1e-6  # what float32 logits resolve: values closer than this are the same


@dataclass(frozen=True)
class LikelihoodRatio:
    """What the likelihood-ratio attack finds.

    Attributes:
        accuracies: [n_examples] float64, the share of right guesses, 0..1; 0.5 is chance and the best.
        accuracy: their mean.
        auc: how often, of a held-out pair, the unlearned model has the higher ratio (a tie is half), mean
            over examples, 0..1; 0.5 is chance and the best.
        epsilons: [n_examples] float64 in 0..50, from the errors of the guesses; lower is better.
        forgetting_quality: F of them, 0..1; higher is better.
        n_models: models on each side. Each is attacked once, so H's cut-off is that of n_models.
    """

    accuracies: NDArray[np.float64]
    accuracy: float
    auc: float
    epsilons: NDArray[np.float64]
    forgetting_quality: float
    n_models: int


def likelihood_ratio_attack(
    unlearned: Confidences, reference: Confidences, *, delta: float = 1e-5
) -> LikelihoodRatio:
    """Attack every example with the ratio of two Gaussian likelihoods.

    Leave one pair out: Gaussians fitted to the other N − 1 unlearned and N − 1 reference confidences guess
    about the i-th model of either side: unlearned where its Gaussian is the likelier. No model is guessed
    about by a fit that has seen it, and both fits are of equally many, so chance is exactly 0.5. Hayes et
    al. fit to shadow models and attack others; Lethe has one set of either kind, hence the leaving out.

    Args:
        unlearned: [n_models, n_examples] float64, logit-scaled confidences of the unlearned models.
        reference: the same, of as many models retrained without the forget set.
        delta: the δ of (ε, δ)-indistinguishability, in [0, 1), for the epsilons.

    A spread below 10⁻⁶ counts as 10⁻⁶. Equal likelihoods are called "reference": identical constants have
    accuracy and AUC 0.5 and ε = 0.

    Raises:
        ValueError: as of `check_confidences`.

    Source: Hayes et al. 2024, *Inexact Unlearning Needs More Careful Evaluations to Avoid a False Sense of
    Privacy* (U-LiRA); Carlini et al. 2022, *Membership Inference Attacks From First Principles*;
    the AUC over pairs left out: Airola et al. 2011.
    """
    check_confidences(unlearned, reference)
    fits = _Gaussians.without_each(unlearned), _Gaussians.without_each(reference)
    of_unlearned, of_reference = (
        fits[0].log_density(side) - fits[1].log_density(side) for side in (unlearned, reference)
    )
    n_models = len(unlearned)
    false_positives = (of_reference > 0.0).sum(axis=0)
    false_negatives = (of_unlearned <= 0.0).sum(axis=0)
    accuracies = 1.0 - (false_positives + false_negatives) / (2 * n_models)
    epsilons = held_out_epsilons(false_positives, false_negatives, n_models=n_models, delta=delta)
    return LikelihoodRatio(
        accuracies=accuracies,
        accuracy=float(accuracies.mean()),
        auc=float(np.heaviside(of_unlearned - of_reference, 0.5).mean()),
        epsilons=epsilons,
        forgetting_quality=forgetting_quality(epsilons, n_models),
        n_models=n_models,
    )


@dataclass(frozen=True)
class _Gaussians:
    """One Gaussian per model left out and example; both fields [n_models, n_examples]."""

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def without_each(cls, confidences: Confidences) -> "_Gaussians":
        """Fit, for each model, to all the others."""
        n_models = len(confidences)
        mean = confidences.mean(axis=0)
        deviation = confidences - mean
        squares = (deviation**2).sum(axis=0) - deviation**2 * n_models / (n_models - 1)
        # N − 1 values lose one degree of freedom to their mean. Rounding can leave a sum just below 0.
        spread = np.sqrt(squares.clip(min=0.0) / (n_models - 2))
        return cls(mean - deviation / (n_models - 1), spread.clip(min=_MIN_SPREAD))

    def log_density(self, confidences: Confidences) -> NDArray[np.float64]:
        """Return ln of each model's density under the fit without it, up to a constant."""
        deviation = (confidences - self.mean) / self.spread
        log_density: NDArray[np.float64] = -np.log(self.spread) - deviation**2 / 2.0
        return log_density
