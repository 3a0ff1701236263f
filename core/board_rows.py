"""The rows of a leaderboard, live or frozen; all numbers in them are as participants may see them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

CEILING = "ceiling"
OWN_BASELINES = (CEILING, "floor")
"""What the phase's own models score; baselines that organizers add have other names."""


@dataclass(frozen=True)
class Numbers:
    """What one set of models earned under one version of the metric; see `core.models.Score`."""

    scoring_version: str
    final_score: float
    final_score_low: float | None
    final_score_high: float | None
    forgetting_quality: float
    forgetting_quality_low: float | None
    forgetting_quality_high: float | None
    retain_ratio: float
    test_ratio: float
    retain_accuracy: float
    test_accuracy: float
    n_models: int


@dataclass(frozen=True)
class Row:
    """One team's place.

    Attributes:
        rank: from 1; None where ranks may not be seen.
        members: the names of the team's members, in order.
        mean_run_seconds: mean over the runs; in a hidden phase a power of two.
        runtime_share: that over the seconds of one retraining; None while that is not measured.
        ceiling_share: forgetting quality over that of the ceiling, both as shown; None without one, or where
            it is 0.
        tied_with_leader: whether the difference to rank 1 may be chance; None where that cannot be told.
        score: the one that ranks, under the version of the phase.
        scores: that one and those under other versions, by version.
    """

    rank: int | None
    team_id: UUID
    team: str
    members: tuple[str, ...]
    submission_id: UUID
    filename: str
    submitted_at: datetime
    mean_run_seconds: float
    runtime_share: float | None
    ceiling_share: float | None
    tied_with_leader: bool | None
    score: Numbers
    scores: dict[str, Numbers]


@dataclass(frozen=True)
class BaselineRow:
    """What stands beside the ranking: the phase's own models, or a submission that organizers named so.

    The phase's own models, `ceiling` and `floor`, have no submission and no time.
    """

    name: str
    submission_id: UUID | None
    mean_run_seconds: float | None
    runtime_share: float | None
    ceiling_share: float | None
    score: Numbers
    scores: dict[str, Numbers]


@dataclass(frozen=True)
class Board:
    """Rows in order of rank, the baselines, the higher score first, and how many teams rank in all."""

    rows: list[Row]
    baselines: list[BaselineRow]
    n_teams: int
