"""The versions of the metric: a published score can always be computed again under the version it names."""

from scoring.final import Metric, score

# Changes with any change of a number; stored scores are keyed by it.
SCORING_VERSION = "neurips2023-1"

VERSIONS: dict[str, Metric] = {SCORING_VERSION: score}
"""What each version makes of unlearned models and references; an entry never changes and never goes."""
