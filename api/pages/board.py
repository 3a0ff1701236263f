"""A leaderboard as the page draws it."""

import hashlib
from dataclasses import dataclass

from sqlalchemy.orm import Session

from api.leaderboard_schemas import BaselineRow, LeaderboardAnswer, LeaderboardRow
from api.schemas import Preparation
from core import references
from core.leaderboard import leaderboard
from core.lifecycle import PhaseState
from core.limits import limits_of
from core.models import Phase


@dataclass(frozen=True)
class Board:
    """The ranking, the phase's own models, how far the preparation is while it lasts, and the time limit."""

    answer: LeaderboardAnswer
    preparation: Preparation | None
    run_timeout_s: float | None

    @property
    def version(self) -> str:
        """A name for exactly this content, so that the page redraws only what has changed."""
        content = f"{self.answer.model_dump_json()}{self.preparation}{self.run_timeout_s}"
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    @property
    def busy(self) -> bool:
        """Whether a change is to be expected soon."""
        return self.preparation is not None or self.answer.n_waiting > 0

    @property
    def ceiling(self) -> BaselineRow | None:
        """What the reference models score against other reference models, once it is measured."""
        return next((row for row in self.answer.baselines if row.name == "ceiling"), None)

    @property
    def floor(self) -> BaselineRow | None:
        """What the original model scores, once it is measured."""
        return next((row for row in self.answer.baselines if row.name == "floor"), None)

    @property
    def other_versions(self) -> list[str]:
        """The versions whose scores stand beside those that rank, in the order of their names."""
        rows: list[LeaderboardRow | BaselineRow] = [*self.answer.rows, *self.answer.baselines]
        return sorted({version for row in rows for version in row.scores} - {self.answer.scoring_version})

    def bar_percent(self, final_score: float) -> float:
        """Return how far along its bar a score is, in percent; the highest end of an interval is at 100."""
        scores = [row.score for row in self.answer.rows] + [row.score for row in self.answer.baselines]
        longest = max((max(one.final_score, one.final_score_high or 0.0) for one in scores), default=0.0)
        return 0.0 if longest <= 0 else round(100 * max(final_score, 0.0) / longest, 2)


def read_board(session: Session, phase: Phase) -> Board:
    """Return the leaderboard of a phase and, while it is being prepared, how far that is."""
    preparation = None
    if phase.state is PhaseState.PREPARING:
        progress = references.preparation_progress(session, phase)
        preparation = Preparation(done=progress.done, total=progress.total)
    answer = LeaderboardAnswer.of(phase, leaderboard(session, phase))
    return Board(answer, preparation, run_timeout_s=limits_of(phase).run_timeout_s)
