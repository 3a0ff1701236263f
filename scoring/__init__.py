"""The numbers of a submission: how well it forgot, what it cost in accuracy, and its final score."""

from scoring.confidence import logit_scaled_confidence
from scoring.epsilon import example_epsilons
from scoring.final import Measurements, Score, final_score, score, utility_ratio
from scoring.forgetting import example_qualities, forgetting_quality

# Changes with any change of a number; stored scores are keyed by it.
SCORING_VERSION = "neurips2023-1"

__all__ = [
    "SCORING_VERSION",
    "Measurements",
    "Score",
    "example_epsilons",
    "example_qualities",
    "final_score",
    "forgetting_quality",
    "logit_scaled_confidence",
    "score",
    "utility_ratio",
]
