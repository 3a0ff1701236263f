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
        logits: [n_models, n_examples, n_classes], any float type; computed on in float64.
        labels: [n_examples], the true classes, 0..n_classes − 1.

    Returns:
        [n_models, n_examples] float64 in about [−103.6, 103.6]; higher is surer of the label.
        Logits that are not finite give NaN, which `example_epsilons` refuses by name.

    Raises:
        ValueError: the shapes do not fit, or a label is not a class.

    Source: Carlini et al. 2022, *Membership Inference Attacks From First Principles*, section IV.
    """
    if logits.ndim != 3 or labels.shape != logits.shape[1:2]:
        raise ValueError(
            f"logits of shape {logits.shape} do not fit labels of shape {labels.shape}: "
            "expected [n_models, n_examples, n_classes] and [n_examples]"
        )
    n_examples, n_classes = logits.shape[1:]
    if np.any((labels < 0) | (labels >= n_classes)):
        raise ValueError(f"labels run from {labels.min()} to {labels.max()}, not within 0..{n_classes - 1}")
    label_of_each = (..., np.arange(n_examples), labels)
    with np.errstate(invalid="ignore"):  # inf − inf: the NaN is the answer
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
