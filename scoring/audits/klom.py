"""KLoM: how far the margins of the unlearned models are from those of the references, as a divergence."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.attacks import Confidences
from scoring.epsilon import check_confidences

_N_BINS = 20
_SAME = 1e-9  # margins this near are one value: no 20 bins lie between them
_FARTHEST = 100.0
_MIN_PROBABILITY = 1e-5


@dataclass(frozen=True)
class MarginDivergence:
    """The KLoM of a set of examples, in nats; lower is better.

    Attributes:
        divergences: [n_examples] float64, 0..about 11.5 (no bin in common).
        mean: over the examples.
        median: the same.
        percentile_95: what its authors report: the divergence that 95 % of the examples stay below.
        n_models: models on each side.
    """

    divergences: NDArray[np.float64]
    mean: float
    median: float
    percentile_95: float
    n_models: int


def margin_divergence(unlearned: Confidences, reference: Confidences) -> MarginDivergence:
    """Return KL(unlearned ‖ reference) of every example's margins, binned.

    Forget, retain and test examples are three calls. Few models leave many bins to one side alone, so compare
    with what references have against other references at the same N, never with 0.

    Args:
        unlearned: [n_models, n_examples] float64, the margins of the unlearned models: the logit of the label
            less the log-sum-exp of the others, which is the logit-scaled confidence (but for its floor).
        reference: the same, of as many models retrained without the forget set.

    As in the authors' code: margins are cut to ±100, 20 equal bins cover both samples, and where unlearned
    models are in a bin the references are given a probability of at least 10⁻⁵ before theirs are made to add
    up to 1 again. Unlike it, the largest margin is counted, in the last bin. Samples of one and the same
    value have divergence 0.

    Raises:
        ValueError: as of `check_confidences`.

    Source: Georgiev et al. 2024, *Attribute-to-Delete: Machine Unlearning via Datamodel Matching*, section 2
    and appendix E.1, and its code, `RoyRin/data-unlearning-bench`, which takes the divergence this way round.
    """
    check_confidences(unlearned, reference)
    samples = zip(unlearned.T, reference.T, strict=True)
    divergences = np.array([_binned_divergence(*pair) for pair in samples])
    return MarginDivergence(
        divergences=divergences,
        mean=float(divergences.mean()),
        median=float(np.median(divergences)),
        percentile_95=float(np.percentile(divergences, 95)),
        n_models=len(unlearned),
    )


def _binned_divergence(unlearned: Confidences, reference: Confidences) -> float:
    both = np.stack([unlearned, reference]).clip(-_FARTHEST, _FARTHEST)
    if np.ptp(both) < _SAME:
        return 0.0
    edges = np.histogram_bin_edges(both, bins=_N_BINS)
    p, q = (np.histogram(side, bins=edges)[0] / side.size for side in both)
    q = np.where(p > 0.0, np.maximum(q, _MIN_PROBABILITY), q)
    q /= q.sum()
    inside = p > 0.0
    return float((p[inside] * np.log(p[inside] / q[inside])).sum())
