"""The shapes of leaderboards, their history, published results and winners."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import Answer, Numbers
from core import standings
from core.leaderboard import Leaderboard
from core.lifecycle import BoardRule, BoardVisibility, PhaseState
from core.models import Phase
from core.rank_history import History
from core.winners import Winner

_SECONDS = "Mean over the runs; in a hidden phase the next power of two, at least 1."
_RUNTIME = "mean_run_seconds over the seconds of one retraining; null while that is not measured."
_CEILING = "forgetting_quality over that of the ceiling; null without a ceiling."
_VISIBILITY = (
    "How much the asker sees: `public` all, `own` the row of their team without its rank, `hidden` nothing."
)
_ALL_SCORES = "The one that ranks, and those under other versions, by version."


class LeaderboardRow(Answer):
    """One team's place."""

    rank: int | None = Field(description="From 1; null where the asker may not see ranks.")
    team_id: UUID
    team: str
    members: list[str]
    submission_id: UUID
    filename: str
    submitted_at: datetime
    mean_run_seconds: float = Field(description=_SECONDS)
    runtime_share: float | None = Field(description=_RUNTIME)
    ceiling_share: float | None = Field(description=_CEILING)
    tied_with_leader: bool | None = Field(
        description="Whether the difference to rank 1 may be chance; null where that cannot be told."
    )
    score: Numbers = Field(description="Under the version that ranks.")
    scores: dict[str, Numbers] = Field(description=_ALL_SCORES)


class BaselineRow(Answer):
    """What stands apart from the ranking: `ceiling`, `floor`, or a submission that organizers named."""

    name: str
    submission_id: UUID | None = Field(description="Null for the phase's own models.")
    mean_run_seconds: float | None = Field(description=_SECONDS)
    runtime_share: float | None = Field(description=_RUNTIME)
    ceiling_share: float | None = Field(description=_CEILING)
    score: Numbers
    scores: dict[str, Numbers] = Field(description=_ALL_SCORES)


class LeaderboardAnswer(Answer):
    """A page of the ranking of a phase, and apart from it what the baselines score."""

    competition: str
    phase: str
    state: PhaseState
    n_models: int
    scoring_version: str = Field(description="The version of the metric that ranks.")
    score_decimals: int | None = Field(description="Decimals of every score shown; null: all.")
    board_rule: BoardRule = Field(description="Which submission stands for a team.")
    order: str = Field(description="What ranks first, and how equals are told apart.")
    visibility: BoardVisibility = Field(description=_VISIBILITY)
    notice: str = Field(description="What the asker does not see, and until when; empty if that is nothing.")
    published_at: datetime | None = Field(description="When the results were published and frozen.")
    results_sha256: str | None = Field(description="The sha256 of the published results file.")
    n_teams: int | None = Field(description="How many teams rank; null where the board is hidden.")
    n_waiting: int | None = Field(
        description="Submissions that are queued, running or being scored; null unless all is visible."
    )
    rows: list[LeaderboardRow]
    baselines: list[BaselineRow]

    @classmethod
    def of(cls, phase: Phase, board: Leaderboard) -> Self:
        """Describe what somebody sees of the leaderboard of a phase."""
        return cls(
            competition=phase.competition.slug,
            phase=phase.slug,
            state=phase.state,
            n_models=phase.n_models,
            scoring_version=phase.scoring_version,
            score_decimals=phase.score_decimals,
            board_rule=phase.board_rule,
            order=standings.BEST_FIRST,
            visibility=board.visibility,
            notice=notice(phase, board.visibility),
            published_at=phase.published_at,
            results_sha256=phase.results_sha256,
            n_teams=board.n_teams,
            n_waiting=board.n_waiting,
            rows=[LeaderboardRow.model_validate(row) for row in board.rows],
            baselines=[BaselineRow.model_validate(row) for row in board.baselines],
        )


def notice(phase: Phase, visibility: BoardVisibility) -> str:
    """Return what somebody does not see of a phase's leaderboard, and until when."""
    if visibility is BoardVisibility.PUBLIC:
        return ""
    until = "until the organizers publish the results"
    if phase.closes_at is not None:
        until += f", which they may do from {phase.closes_at:%Y-%m-%d %H:%M} UTC on"
    if visibility is BoardVisibility.HIDDEN:
        return f"This leaderboard is hidden {until}."
    return f"You see your own team alone, without its rank, {until}."


class RankChange(Answer):
    """Another submission stands for a team from now on."""

    at: datetime = Field(description="When its score came; in a hidden phase when it was submitted.")
    team_id: UUID
    team: str
    submission_id: UUID
    rank: int | None = Field(description="From then on, until another team passes; null as on the board.")
    previous_rank: int | None = Field(description="Just before; null for a team that had none.")
    final_score: float


class HistoryAnswer(Answer):
    """A page of the changes of a ranking, the first first."""

    competition: str
    phase: str
    scoring_version: str
    visibility: BoardVisibility = Field(description=_VISIBILITY)
    notice: str
    changes: list[RankChange]

    @classmethod
    def of(cls, phase: Phase, history: History) -> Self:
        """Describe what somebody sees of the history of a phase's ranking."""
        return cls(
            competition=phase.competition.slug,
            phase=phase.slug,
            scoring_version=phase.scoring_version,
            visibility=history.visibility,
            notice=notice(phase, history.visibility),
            changes=[RankChange.model_validate(change) for change in history.changes],
        )


class PublicationAnswer(Answer):
    """Whether and as what the results of a phase are published."""

    competition: str
    phase: str
    published_at: datetime | None
    results_sha256: str | None = Field(description="Of the file that `GET …/results` gives.")

    @classmethod
    def of(cls, phase: Phase, competition: str) -> Self:
        """Describe a phase."""
        return cls(
            competition=competition,
            phase=phase.slug,
            published_at=phase.published_at,
            results_sha256=phase.results_sha256,
        )


class WinnerRequest(BaseModel):
    """A winner to announce."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    team: str = Field(min_length=1, max_length=64)
    place: int = Field(ge=1, le=1000)
    prize: str = Field(default="", max_length=200)
    note: str = Field(default="", max_length=1000)

    def to_winner(self) -> Winner:
        """Return it as core knows it."""
        return Winner(self.team, self.place, self.prize, self.note)


class WinnerAnswer(Answer):
    """A winner as announced."""

    team: str
    place: int
    prize: str
    note: str


class BaselineRequest(BaseModel):
    """Under what name a submission stands beside the ranking."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        min_length=1, max_length=64, pattern=r"^[^\s\x00]([^\x00\n]*[^\s\x00])?$", examples=["fine-tuning"]
    )


class BaselineAnswer(Answer):
    """A submission and the name under which it stands beside the ranking; null: it ranks."""

    id: UUID
    baseline_name: str | None
