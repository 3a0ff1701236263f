"""The history of a ranking: who took which rank when, replayed from the scores that count now."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import access, paging, standings
from core.lifecycle import BoardRule, BoardVisibility
from core.models import Phase, Score, Submission, Team
from core.paging import Page
from core.recent import Recent
from core.settings import get_settings
from core.visibility import Viewer, rounded, sight


@dataclass(frozen=True)
class Change:
    """Another submission stands for a team from now on.

    Attributes:
        at: when its score came; in a hidden phase when it was submitted, since durations can carry data.
        rank: of the team from then on, until somebody passes it; None where ranks may not be seen.
        previous_rank: its rank just before; None if it had none, or where ranks may not be seen.
        final_score: as participants may see it.
    """

    at: datetime
    team_id: UUID
    team: str
    submission_id: UUID
    rank: int | None
    previous_rank: int | None
    final_score: float


@dataclass(frozen=True)
class History:
    """A part of the changes, the first first."""

    visibility: BoardVisibility
    changes: list[Change]
    next_cursor: str | None = None


_recent: Recent[list[Change]] = Recent()


class _Stand(NamedTuple):
    """A submission in the order of the ranking: the least stands first."""

    falling_score: float
    created_at: datetime
    submission_id: UUID


class _Event(NamedTuple):
    at: datetime
    stand: _Stand
    team_id: UUID
    team: str


def history(session: Session, phase: Phase, *, viewer: Viewer, page: Page) -> History:
    """Return a page of the changes of a phase's ranking, as far as somebody may see it.

    What no longer counts (disqualified, superseded, scored under another version) never did here. It holds
    for a moment as long ago as the setting `board_age_s` says.

    Raises:
        InvalidCursorError: the page's cursor is not one of this list's.
    """
    seen = sight(phase, viewer)
    if seen is BoardVisibility.HIDDEN:
        return History(seen, [])
    # Replaying takes long, and is the same for everybody; what they see of it is asked every time.
    facts = (phase.id, phase.scoring_version, phase.board_rule, phase.score_decimals, phase.show_logs)
    changes = _recent.get(facts, partial(_changes, session, phase), age_s=get_settings().board_age_s)
    if seen is BoardVisibility.OWN:
        own = session.scalar(access.own_team(viewer.user_id, phase.competition_id))
        changes = [replace(one, rank=None, previous_rank=None) for one in changes if one.team_id == own]
    start = 0 if page.cursor is None else max(paging.decode(page.cursor, [int])[0], 0)
    end = start + page.limit
    return History(seen, changes[start:end], paging.encode(end) if end < len(changes) else None)


def _changes(session: Session, phase: Phase) -> list[Change]:
    return list(_replay(_events(session, phase), phase))


def _events(session: Session, phase: Phase) -> list[_Event]:
    query = (
        select(
            Submission.id,
            Submission.created_at,
            Submission.ended_at,
            Submission.selected_at,
            Submission.team_id,
            Team.name,
            Score.final_score,
        )
        .join(Team, Submission.team_id == Team.id)
        .join(Score, Score.submission_id == Submission.id)
        .where(*standings.may_stand(phase), Score.scoring_version == phase.scoring_version)
    )
    selects = phase.board_rule is BoardRule.SELECTED
    found = []
    for row in session.execute(query):
        moments = [row.ended_at, row.selected_at if selects else None] if phase.show_logs else []
        at = max([row.created_at, *(moment for moment in moments if moment is not None)])
        stand = _Stand(-row.final_score, row.created_at, row.id)
        found.append(_Event(at, stand, row.team_id, row.name))
    return sorted(found, key=lambda event: (event.at, event.stand.created_at, event.stand.submission_id))


def _replay(events: Iterable[_Event], phase: Phase) -> Iterator[Change]:
    """Yield a change for each event after which another submission stands for its team."""
    order: list[_Stand] = []
    standing: dict[UUID, _Stand] = {}
    for event in events:
        before, now = standing.get(event.team_id), event.stand
        if before is not None and not _replaces(now, before, phase.board_rule):
            continue
        previous_rank = None
        if before is not None:
            previous_rank = bisect_left(order, before) + 1
            del order[previous_rank - 1]
        insort(order, now)
        standing[event.team_id] = now
        yield Change(
            at=event.at,
            team_id=event.team_id,
            team=event.team,
            submission_id=now.submission_id,
            rank=bisect_left(order, now) + 1,
            previous_rank=previous_rank,
            final_score=rounded(phase, -now.falling_score),
        )


def _replaces(now: _Stand, before: _Stand, rule: BoardRule) -> bool:
    if rule is BoardRule.LAST:
        return (now.created_at, now.submission_id) > (before.created_at, before.submission_id)
    return now < before
