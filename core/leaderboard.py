"""The leaderboard of a phase as somebody may see it: a page of the ranking, and beside it the baselines."""

from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy.orm import Session

from core import board, paging, results
from core.board_rows import BaselineRow, Board, Row
from core.lifecycle import BoardVisibility
from core.models import Phase
from core.paging import Page
from core.recent import Recent
from core.settings import get_settings
from core.visibility import NOBODY, Viewer, sight


@dataclass(frozen=True)
class Leaderboard:
    """What somebody sees of a board.

    Attributes:
        visibility: how much that is: all, the row of their own team without its rank, or nothing.
        rows: a page of the ranking, best first.
        baselines: apart from the ranking, the higher score first; on every page.
        n_teams: how many teams rank; None where nothing may be seen.
        n_waiting: submissions that are queued, running or being scored; None unless all may be seen.
        next_cursor: where the next page begins; None on the last.
    """

    visibility: BoardVisibility
    rows: list[Row]
    baselines: list[BaselineRow]
    n_teams: int | None
    n_waiting: int | None
    next_cursor: str | None = None


_recent: Recent[Leaderboard] = Recent()


def leaderboard(
    session: Session, phase: Phase, *, viewer: Viewer = NOBODY, page: Page | None = None, anew: bool = False
) -> Leaderboard:
    """Return the leaderboard of a phase, or one page of it; see `core.standings` for who ranks where.

    Published results are served as they were frozen. A version that a rescoring has not completed is not
    shown at all. The ranks of a page hold for the moment of its reading, which may be as long ago as the
    setting `board_age_s` says, unless it is to be read `anew`.

    Raises:
        InvalidCursorError: the page's cursor is not one of this list's.
    """
    seen = sight(phase, viewer)
    if seen is BoardVisibility.HIDDEN:
        return Leaderboard(seen, [], [], n_teams=None, n_waiting=None)
    if seen is BoardVisibility.OWN:
        own = board.read(session, phase, partial(board.team_of, phase=phase, user_id=viewer.user_id))
        # A rank says how the others score, and a team that submits often could find that out bit by bit.
        rows = [replace(row, rank=None, tied_with_leader=None) for row in own.rows]
        return Leaderboard(seen, rows, own.baselines, n_teams=own.n_teams, n_waiting=None)
    after, limit = _part(page)
    if anew or phase.results_sha256 is not None:
        return _public(session, phase, after, limit)
    # Many look at one board when a phase ends; where to look, and whether one may, is asked every time.
    facts = (phase.id, phase.scoring_version, phase.rescoring_version, phase.board_rule, phase.score_decimals)
    key = (*facts, phase.show_logs, phase.retraining_s, after, limit)
    read = partial(_public, session, phase, after, limit)
    return _recent.get(key, read, age_s=get_settings().board_age_s)


def _public(session: Session, phase: Phase, after: int, limit: int | None) -> Leaderboard:
    if phase.results_sha256 is not None:
        frozen = results.read(phase.results_sha256).board
        rows = frozen.rows[after:] if limit is None else frozen.rows[after : after + limit]
        found, n_waiting = replace(frozen, rows=rows), 0
    else:
        found = board.read(session, phase, partial(board.everybody, after=after, limit=limit))
        n_waiting = board.count_waiting(session, phase)
    return _page(found, n_waiting)


def _part(page: Page | None) -> tuple[int, int | None]:
    if page is None:
        return 0, None
    after = 0 if page.cursor is None else paging.decode(page.cursor, [int])[0]
    return min(max(after, 0), board.LAST_RANK), page.limit


def _page(found: Board, n_waiting: int) -> Leaderboard:
    last = found.rows[-1].rank if found.rows else None
    more = last is not None and last < found.n_teams
    cursor = paging.encode(last) if last is not None and more else None
    return Leaderboard(
        BoardVisibility.PUBLIC,
        found.rows,
        found.baselines,
        n_teams=found.n_teams,
        n_waiting=n_waiting,
        next_cursor=cursor,
    )
