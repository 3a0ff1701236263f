"""The shape of the API's answer about reference models."""

from typing import Self

from pydantic import Field

from api.schemas import Answer, Preparation
from core.lifecycle import PhaseState
from core.models import Phase
from core.references import References


class ReferencesAnswer(Answer):
    """How far the reference models of a phase are, for organizers."""

    competition: str
    phase: str
    state: PhaseState = Field(description="`ready` once the baselines are measured too.")
    problem: str = Field(description="What failed, if the phase is `broken`.")
    reference: Preparation = Field(description="The set that submissions are measured against.")
    ceiling: Preparation = Field(description="The second set, which gives the ceiling.")
    seconds_per_model: float | None = Field(description="Median; null before the first is there.")
    time_left_s: float | None = Field(
        description="What the missing models will take the slots that are ready now; null if unknown."
    )
    retraining_s: float | None = Field(
        description="What one plain retraining takes on the phase's hardware; null until it is measured."
    )

    @classmethod
    def of(cls, phase: Phase, references: References) -> Self:
        """Describe the reference models of a stored phase."""
        return cls(
            competition=phase.competition.slug,
            phase=phase.slug,
            state=phase.state,
            problem=phase.problem,
            reference=Preparation.model_validate(references.reference),
            ceiling=Preparation.model_validate(references.ceiling),
            seconds_per_model=references.seconds_per_model,
            time_left_s=references.time_left_s,
            retraining_s=phase.retraining_s,
        )
