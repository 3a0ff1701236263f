"""The loss attack: one model's losses, asked which examples it was to forget and which it never saw."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from scoring.confidence import logit_scaled_confidence
from scoring.epsilon import MAX_CONFIDENCE

Losses = NDArray[np.float64]

_GUESSED_SHARE = 0.1
_MAX_STEPS = 50  # 5 are common, 22 were the most in simulations
_MIN_STEP = 1e-8


@dataclass(frozen=True)
class LossAttack:
    """What the loss attack finds.

    Attributes:
        accuracies: [n_models] float64, the share of right guesses about each model's losses, mean over the
            splits, 0..1; 0.5 says that they cannot be told apart.
        accuracy: their mean. Compare it with that of the references: forget and test examples may differ
            for other reasons than memory.
        n_models: models attacked.
        n_per_class: forget examples used, and test examples used.
        n_splits: how often each model's losses were split into those that fit and those that are guessed.
    """

    accuracies: NDArray[np.float64]
    accuracy: float
    n_models: int
    n_per_class: int
    n_splits: int


class Logistic(NamedTuple):
    """Logistic regressions of one variable; they say "positive" where slope · x + intercept > 0.

    Attributes:
        slope: [n_fits] float64.
        intercept: the same.
    """

    slope: NDArray[np.float64]
    intercept: NDArray[np.float64]


def cross_entropy_losses(logits: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]]) -> Losses:
    """Return −ln p(label) of every model on every example.

    Args:
        logits: [n_models, n_examples, n_classes] float32 or float64.
        labels: [n_examples] integers, the true classes.

    Returns:
        [n_models, n_examples] float64, 0..103.6: the confidence's floor is the ceiling of the loss.

    Raises:
        ValueError: as of `scoring.logit_scaled_confidence`.
    """
    losses: Losses = np.logaddexp(0.0, -logit_scaled_confidence(logits, labels))
    return losses


def logistic_loss_attack(
    forget_losses: Losses, test_losses: Losses, *, seed: int, n_splits: int = 10
) -> LossAttack:
    """Attack every model with a logistic regression of "forget or test?" on its losses.

    Nine tenths of the losses fit, one tenth is guessed about, `n_splits` times, with as many forget as test
    examples in each part. The larger of the two sets is first cut to the size of the smaller. Subset and
    splits are drawn once and serve all models, as in the starter kit. Call it once for the unlearned models
    and once for the references.

    Args:
        forget_losses: [n_models, n_forget] float64, cross-entropies, 0..10⁴.
        test_losses: [n_models, n_test] float64, of the same models.
        seed: draws subset and splits.
        n_splits: at least 1.

    A loss exactly on the boundary is called "test": constant losses have accuracy 0.5.

    Raises:
        ValueError: shapes that do not fit, fewer than 2 examples of a kind, a loss outside 0..10⁴, or no
            splits; the message shows the value and where.

    Source: the starting kit of the NeurIPS 2023 Machine Unlearning Challenge, `simple_mia`.
    """
    _check("forget", forget_losses)
    _check("test", test_losses)
    if len(forget_losses) != len(test_losses) or n_splits < 1:
        raise ValueError(
            f"the attack needs losses of the same models and a split: got {len(forget_losses)} models on "
            f"forget, {len(test_losses)} on test examples, and {n_splits} splits"
        )
    generator = np.random.default_rng(seed)
    n_per_class = min(forget_losses.shape[1], test_losses.shape[1])
    test, forget = (
        losses[:, generator.permutation(losses.shape[1])[:n_per_class]]
        for losses in (test_losses, forget_losses)
    )
    splits = _draw_splits(n_per_class, n_splits, generator)
    # Model by model: all splits of one model fit in the processor's cache, those of all models do not.
    accuracies = np.array([_accuracy(losses, splits) for losses in np.concatenate([test, forget], axis=1)])
    return LossAttack(accuracies, float(accuracies.mean()), len(accuracies), n_per_class, n_splits)


def fit_logistic(x: NDArray[np.float64], is_positive: NDArray[np.bool_]) -> Logistic:
    """Fit logistic regressions of one variable, all at once, by Newton's method.

    Args:
        x: [n_fits, n_samples] float64.
        is_positive: [n_fits, n_samples] bool, both classes in every fit.

    Returns:
        The minima of slope²/2 + the sum of the log losses: scikit-learn's `LogisticRegression()` with its
        defaults, C = 1 and an intercept that is not penalised. Constant x gives slope 0.
    """
    centre = x.mean(axis=1, keepdims=True)
    x = x - centre
    weights = np.zeros((2, len(x)))  # slope, intercept
    for _ in range(_MAX_STEPS):
        step = _newton_step(x, is_positive, weights)
        weights = weights - step
        if np.abs(step).max() < _MIN_STEP:
            break
    slope, intercept = weights
    return Logistic(slope, intercept - slope * centre[:, 0])


def _newton_step(
    x: Losses, is_positive: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the inverse of the 2 × 2 second derivatives times the first ones, [2, n_fits]."""
    slope, intercept = weights
    probability = expit(slope[:, np.newaxis] * x + intercept[:, np.newaxis])
    excess = probability - is_positive
    by_slope, by_intercept = (excess * x).sum(axis=1) + slope, excess.sum(axis=1)
    curvature = probability * (1.0 - probability)
    slope_twice = (curvature * x**2).sum(axis=1) + 1.0
    mixed = (curvature * x).sum(axis=1)
    intercept_twice = curvature.sum(axis=1)
    step = np.stack(
        [
            intercept_twice * by_slope - mixed * by_intercept,
            slope_twice * by_intercept - mixed * by_slope,
        ]
    )
    step /= slope_twice * intercept_twice - mixed**2
    return step


class _Splits(NamedTuple):
    """Indices into one model's test losses followed by its forget losses, [n_splits, ...] of each part."""

    fitted: NDArray[np.int64]
    guessed: NDArray[np.int64]


def _draw_splits(n_per_class: int, n_splits: int, generator: np.random.Generator) -> _Splits:
    examples = np.tile(np.arange(n_per_class), (n_splits, 1))
    test, forget = generator.permuted(examples, axis=1), generator.permuted(examples, axis=1) + n_per_class
    n_guessed = max(1, round(_GUESSED_SHARE * n_per_class))
    return _Splits(
        fitted=np.concatenate([test[:, n_guessed:], forget[:, n_guessed:]], axis=1),
        guessed=np.concatenate([test[:, :n_guessed], forget[:, :n_guessed]], axis=1),
    )


def _accuracy(losses: Losses, splits: _Splits) -> float:
    is_forget = np.arange(losses.size) >= losses.size // 2
    fit = fit_logistic(losses[splits.fitted], is_forget[splits.fitted])
    called_forget = fit.slope[:, np.newaxis] * losses[splits.guessed] + fit.intercept[:, np.newaxis] > 0.0
    return float((called_forget == is_forget[splits.guessed]).mean())


def _check(kind: str, losses: Losses) -> None:
    if losses.ndim != 2 or len(losses) == 0 or losses.shape[1] < 2:
        raise ValueError(f"{kind} losses must be [n_models, n_examples ≥ 2], but are {losses.shape}")
    if (bad := np.argwhere(~((losses >= 0.0) & (losses <= MAX_CONFIDENCE)))).size:
        model, example = bad[0]
        raise ValueError(
            f"the {kind} loss of model {model}, example {example} is {losses[model, example]}, "
            f"not a number within 0..{MAX_CONFIDENCE:g} ({len(bad)} such in all)"
        )
