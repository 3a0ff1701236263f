"""The shapes of requests to rescore a phase, and of the answers."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import Answer
from core.models import Phase
from core.rescoring import Rescoring


class RescoringRequest(BaseModel):
    """What an organizer wants a phase to be scored under."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scoring_version: str | None = Field(
        default=None, max_length=64, description="The newest that Lethe knows, if left out."
    )


class RescoringProgress(Answer):
    """How far a rescoring is."""

    scoring_version: str
    done: int = Field(description="Scores that exist; the baselines count as one.")
    total: int
    problem: str = Field(description="What failed; empty while the rescoring is under way.")


class RescoringAnswer(Answer):
    """Under which version a phase is scored, and its way to another, for organizers."""

    competition: str
    phase: str
    scoring_version: str = Field(description="The version of the metric that ranks.")
    rescoring: RescoringProgress | None = Field(description="Null if none is under way or has failed.")

    @classmethod
    def of(cls, phase: Phase, rescoring: Rescoring | None) -> Self:
        """Describe how a stored phase is scored."""
        return cls(
            competition=phase.competition.slug,
            phase=phase.slug,
            scoring_version=phase.scoring_version,
            rescoring=None if rescoring is None else RescoringProgress.model_validate(rescoring),
        )
