"""The numbers of a submission: how well it forgot, what it cost in accuracy, and its final score."""

from scoring.confidence import logit_scaled_confidence
from scoring.epsilon import example_epsilons
from scoring.final import Measurements, Score, final_score, score, utility_ratio
from scoring.forgetting import example_qualities, forgetting_quality
from scoring.versions import SCORING_VERSION, VERSIONS

__all__ = [
    "SCORING_VERSION",
    "VERSIONS",
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
