"""A leaderboard as the page draws it."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from api.leaderboard_schemas import BaselineRow, LeaderboardAnswer, LeaderboardRow
from api.schemas import Preparation
from core import references
from core.board_rows import CEILING
from core.competitions import has_closed
from core.leaderboard import leaderboard
from core.lifecycle import PhaseState
from core.limits import limits_of
from core.models import Phase, utc_now
from core.paging import Page
from core.visibility import Viewer

_MEANINGS = {CEILING: "retrained without the forget set", "floor": "the original model, unchanged"}


@dataclass(frozen=True)
class Board:
    """What is seen of a ranking, how far the preparation is while it lasts, its time limit and end."""

    answer: LeaderboardAnswer
    page: Page
    next_cursor: str | None
    preparation: Preparation | None
    run_timeout_s: float | None
    closed: bool

    @property
    def version(self) -> str:
        """A name for exactly this content, so that the page redraws only what has changed."""
        content = f"{self.answer.model_dump_json()}{self.preparation}{self.run_timeout_s}{self.closed}"
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    @property
    def busy(self) -> bool:
        """Whether a change is to be expected soon."""
        return self.preparation is not None or bool(self.answer.n_waiting)

    @property
    def first_query(self) -> str:
        """The query of the address of the first page, with its question mark."""
        return self._query(None)

    @property
    def next_query(self) -> str:
        """The query of the address of the next page."""
        return self._query(self.next_cursor)

    @property
    def poll_query(self) -> str:
        """The query that asks for this page, should it have changed."""
        return self._query(self.page.cursor, version=self.version)

    def _query(self, cursor: str | None, **more: str) -> str:
        given = more | {"limit": str(self.page.limit)} | ({} if cursor is None else {"cursor": cursor})
        return f"?{urlencode(given)}"

    @cached_property
    def ceiling(self) -> BaselineRow | None:
        """What the reference models score against other reference models, once it is measured."""
        return next((row for row in self.answer.baselines if row.name == CEILING), None)

    @cached_property
    def other_versions(self) -> list[str]:
        """The versions whose scores stand beside those that rank, in the order of their names."""
        rows: list[LeaderboardRow | BaselineRow] = [*self.answer.rows, *self.answer.baselines]
        return sorted({version for row in rows for version in row.scores} - {self.answer.scoring_version})

    def meaning_of(self, baseline: BaselineRow) -> str:
        """Return what the models of a baseline are."""
        return _MEANINGS.get(baseline.name, "set by the organizers")

    def bar_percent(self, final_score: float) -> float:
        """Return how far along its bar a score is, in percent; the highest end of an interval is at 100."""
        return 0.0 if self._longest <= 0 else round(100 * max(final_score, 0.0) / self._longest, 2)

    @cached_property
    def _longest(self) -> float:
        scores = [row.score for row in self.answer.rows] + [row.score for row in self.answer.baselines]
        return max((max(one.final_score, one.final_score_high or 0.0) for one in scores), default=0.0)


def read_board(session: Session, phase: Phase, *, viewer: Viewer, page: Page) -> Board:
    """Return a page of the leaderboard as somebody may see it and, while it is prepared, how far that is.

    Raises:
        InvalidCursorError: the page's cursor is not one of this list's.
    """
    preparation = None
    if phase.state is PhaseState.PREPARING:
        progress = references.preparation_progress(session, phase)
        preparation = Preparation(done=progress.done, total=progress.total)
    found = leaderboard(session, phase, viewer=viewer, page=page)
    return Board(
        LeaderboardAnswer.of(phase, found),
        page,
        found.next_cursor,
        preparation,
        run_timeout_s=limits_of(phase).run_timeout_s,
        closed=has_closed(phase, utc_now()),
    )
