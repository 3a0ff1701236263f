"""The shapes of a leaderboard, for programs and for the page."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import Field

from api import disclosure
from api.schemas import Answer, Numbers
from core import leaderboard as core_leaderboard
from core.lifecycle import PhaseState
from core.models import Baseline, Phase, Score


class LeaderboardRow(Answer):
    """One participant's place."""

    rank: int
    participant: str
    submission_id: UUID
    filename: str
    submitted_at: datetime
    mean_run_seconds: float = Field(description="In a hidden phase the next power of two, at least 1.")
    tied_with_leader: bool | None = Field(
        description="Whether the difference to rank 1 may be chance; null where that cannot be told."
    )
    score: Numbers = Field(description="Under the version that ranks.")
    scores: dict[str, Numbers] = Field(description="That one, and those under other versions, by version.")

    @classmethod
    def of(cls, phase: Phase, row: core_leaderboard.Row) -> Self:
        """Describe one place."""
        return cls(
            rank=row.rank,
            participant=row.participant,
            submission_id=row.submission.id,
            filename=row.submission.filename,
            submitted_at=row.submission.created_at,
            mean_run_seconds=disclosure.mean_run_seconds(phase, row.mean_run_seconds),
            tied_with_leader=row.tied_with_leader,
            score=Numbers.of(phase, row.score),
            scores=_by_version(phase, row.scores),
        )


class BaselineRow(Answer):
    """What the phase's own models score: `ceiling` or `floor`; the scores as in the ranking."""

    name: str
    score: Numbers
    scores: dict[str, Numbers]

    @classmethod
    def of(cls, phase: Phase, row: core_leaderboard.BaselineRow) -> Self:
        """Describe the scores of one kind of models."""
        return cls(name=row.name, score=Numbers.of(phase, row.score), scores=_by_version(phase, row.scores))


def _by_version(phase: Phase, scores: Mapping[str, Score | Baseline]) -> dict[str, Numbers]:
    return {version: Numbers.of(phase, score) for version, score in scores.items()}


class LeaderboardAnswer(Answer):
    """The ranking of a phase, and apart from it what the phase's own models score."""

    competition: str
    phase: str
    state: PhaseState
    n_models: int
    scoring_version: str = Field(description="The version of the metric that ranks.")
    n_waiting: int = Field(description="Submissions that are queued, running or being scored.")
    rows: list[LeaderboardRow]
    baselines: list[BaselineRow]

    @classmethod
    def of(cls, phase: Phase, board: core_leaderboard.Leaderboard) -> Self:
        """Describe the leaderboard of a phase."""
        return cls(
            competition=phase.competition.slug,
            phase=phase.slug,
            state=phase.state,
            n_models=phase.n_models,
            scoring_version=phase.scoring_version,
            n_waiting=board.n_waiting,
            rows=[LeaderboardRow.of(phase, row) for row in board.rows],
            baselines=[BaselineRow.of(phase, row) for row in board.baselines],
        )
