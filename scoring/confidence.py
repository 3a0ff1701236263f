"""The logit-scaled confidence: how sure a model is of the true label, on a scale without ends."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FLOOR = 1e-45  # keeps both logarithms finite when the softmax saturates


def logit_scaled_confidence(
    logits: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]]
) -> NDArray[np.float64]:
    """Return ln p(label) − ln p(any other class) of every model on every example.

    Args:
        logits: [n_models, n_examples, n_classes] float32 or float64; computed on in float64.
        labels: [n_examples] integers, the true classes, 0..n_classes − 1.

    Returns:
        [n_models, n_examples] float64 in about [−103.6, 103.6]; higher is surer of the label.

    Raises:
        ValueError: a type that saturates or rounds (float16), shapes that do not fit, fewer than 2 classes,
            a label that is not a class, or a logit that is not finite; the message shows the value and where.

    Source: Carlini et al. 2022, *Membership Inference Attacks From First Principles*, section IV.
    """
    _check(logits, labels)
    label_of_each = (..., np.arange(labels.size), labels)
    probability = logits.astype(np.float64)
    probability -= probability.max(axis=-1, keepdims=True)
    np.exp(probability, out=probability)
    probability /= probability.sum(axis=-1, keepdims=True)
    right = probability[label_of_each]
    # Summed without the label, not 1 − right: that would lose every digit of a small sum.
    probability[label_of_each] = 0.0
    wrong = probability.sum(axis=-1)
    confidence: NDArray[np.float64] = np.log(right + _FLOOR) - np.log(wrong + _FLOOR)
    return confidence


def _check(logits: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]]) -> None:
    if logits.dtype not in (np.float32, np.float64):
        raise ValueError(
            f"logits are {logits.dtype}, which rounds confidences or saturates: "
            "compute them in float32, do not cast them afterwards"
        )
    if logits.ndim != 3 or logits.shape[2] < 2 or labels.shape != logits.shape[1:2]:
        raise ValueError(
            f"logits of shape {logits.shape} do not fit labels of shape {labels.shape}: "
            "expected [n_models, n_examples, n_classes ≥ 2] and [n_examples]"
        )
    n_classes = logits.shape[2]
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be integers, not {labels.dtype}")
    if outside := np.flatnonzero((labels < 0) | (labels >= n_classes)).tolist():
        first = outside[0]
        raise ValueError(
            f"the label of example {first} is {labels[first]}, not within 0..{n_classes - 1} "
            f"({len(outside)} such in all)"
        )
    if (bad := np.argwhere(~np.isfinite(logits))).size:
        model, example, of_class = bad[0]
        raise ValueError(
            f"the logit of model {model}, example {example}, class {of_class} is "
            f"{logits[model, example, of_class]}, not a finite number ({len(bad)} such in all)"
        )
