"""A leaderboard as it stands in the database: ranked rows, and beside them what the baselines score.

Every number here is as participants may see it (`core.visibility`); ranks and ties are found before.
"""

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import fields, replace
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from sqlalchemy import ColumnElement, String, Uuid, cast, func, literal, null, select, true, union_all
from sqlalchemy.orm import Session

from core import access, standings
from core.board_rows import CEILING, BaselineRow, Board, Numbers, Row
from core.lifecycle import SubmissionState
from core.models import REPLICATES, Baseline, Participant, Phase, Score, Submission, Team, User
from core.visibility import mean_run_seconds, rounded
from scoring.uncertainty import tied_with_leader

N_CONTENDERS = 50
"""How many of the first may be the best in truth, when ties with the leader are found."""
LAST_RANK = 2**31
"""No board is that long."""
_NAME_ENDS = "\x1f"
_WAITING = (SubmissionState.QUEUED, SubmissionState.RUNNING, SubmissionState.SCORING)


class _Place(NamedTuple):
    """A row as the database gives it."""

    rank: int
    n_teams: int
    is_wanted: bool
    submission: Any
    numbers: Numbers
    replicates: bytes | None


_NAMES = [field.name for field in fields(Numbers)]


def everybody(ranking: Any, *, after: int = 0, limit: int | None = None) -> ColumnElement[bool]:
    """Return what is true of the rows behind rank `after`, at most `limit` of them."""
    end = true() if limit is None else ranking.c.rank <= after + limit
    behind: ColumnElement[bool] = ranking.c.rank > after
    return behind & end


def team_of(ranking: Any, phase: Phase, user_id: UUID | None) -> ColumnElement[bool]:
    """Return what is true of the row of somebody's team."""
    is_own: ColumnElement[bool] = ranking.c.team_id.in_(access.own_team(user_id, phase.competition_id))
    return is_own


def read(session: Session, phase: Phase, wanted: Callable[[Any], ColumnElement[bool]]) -> Board:
    """Return some rows of a phase's ranking and all baselines, in two queries.

    Args:
        session: where to read.
        phase: whose board.
        wanted: what is true of the rows to return, given the ranking as a subquery.
    """
    places = _read_places(session, phase, wanted)
    beside = _read_beside(session, phase, [place.submission.id for place in places if place.is_wanted])
    ceiling = _ceiling_quality(phase, beside)
    tied = _tied_with_leader(places)
    rows = [
        Row(
            rank=place.rank,
            team_id=place.submission.team_id,
            team=place.submission.team,
            members=tuple(sorted((place.submission.members or "").split(_NAME_ENDS))),
            submission_id=place.submission.id,
            filename=place.submission.filename,
            submitted_at=place.submission.created_at,
            mean_run_seconds=mean_run_seconds(phase, place.submission.mean_run_seconds or 0.0),
            runtime_share=_runtime_share(phase, place.submission.mean_run_seconds),
            ceiling_share=_ceiling_share(phase, place.numbers, ceiling),
            tied_with_leader=tied.get(place.rank),
            score=_shown(phase, place.numbers),
            scores=_by_version(phase, [place.numbers, *beside.others[place.submission.id]]),
        )
        for place in places
        if place.is_wanted
    ]
    n_teams = places[0].n_teams if places else 0
    return Board(rows, _baseline_rows(phase, beside, ceiling), n_teams)


def count_waiting(session: Session, phase: Phase) -> int:
    """Return how many submissions of a phase are queued, running or being scored."""
    query = select(func.count()).where(Submission.phase_id == phase.id, Submission.state.in_(_WAITING))
    return session.scalar(query) or 0


def numbers_of(phase: Phase, score: Score) -> Numbers:
    """Return a stored score as participants may see it."""
    return _shown(phase, _numbers(score))


def _read_places(
    session: Session, phase: Phase, wanted: Callable[[Any], ColumnElement[bool]]
) -> list[_Place]:
    """Return the wanted places, and those of the contenders for the first, which say who is tied with it."""
    ranking = standings.ranking(phase)
    names = (
        select(func.aggregate_strings(User.name, _NAME_ENDS))
        .join(Participant, Participant.user_id == User.id)
        .where(Participant.team_id == Team.id)
        .correlate(Team)
        .scalar_subquery()
    )
    is_wanted = wanted(ranking)
    query = (
        select(
            ranking.c.rank,
            ranking.c.n_teams,
            is_wanted.label("is_wanted"),
            Score.replicates,
            Submission.id,
            Submission.team_id,
            Submission.filename,
            Submission.created_at,
            Submission.mean_run_seconds,
            Team.name.label("team"),
            names.label("members"),
            *(getattr(Score, name) for name in _NAMES),
        )
        .join(Submission, Submission.id == ranking.c.submission_id)
        .join(Team, Team.id == ranking.c.team_id)
        .join(Score, Score.submission_id == ranking.c.submission_id)
        .where(Score.scoring_version == phase.scoring_version)
        .where(is_wanted | (ranking.c.rank <= N_CONTENDERS))
        .order_by(ranking.c.rank)
    )
    return [
        _Place(row.rank, row.n_teams, bool(row.is_wanted), row, _numbers(row), row.replicates)
        for row in session.execute(query)
    ]


class _Beside(NamedTuple):
    """Scores of the wanted submissions under other versions, and all baselines by their name."""

    others: dict[UUID, list[Numbers]]
    baselines: dict[str, list[Any]]


def _read_beside(session: Session, phase: Phase, submission_ids: Collection[UUID]) -> _Beside:
    """Read what stands beside the scores that rank; a version that a rescoring has not completed does not."""
    scores = [getattr(Score, name) for name in _NAMES]
    marked = (
        select(Submission.id, Submission.baseline_name.label("name"), Submission.mean_run_seconds, *scores)
        .join(Score, Score.submission_id == Submission.id)
        .where(
            Submission.phase_id == phase.id,
            Submission.baseline_name.is_not(None),
            Submission.state == SubmissionState.FINISHED,
            Submission.disqualified_at.is_(None),
            Submission.superseded_at.is_(None),
            Score.scoring_version.is_distinct_from(phase.rescoring_version),
        )
    )
    nothing = cast(null(), Uuid)
    own = select(nothing, Baseline.name, literal(0.0), *(getattr(Baseline, name) for name in _NAMES)).where(
        Baseline.phase_id == phase.id, Baseline.scoring_version.is_distinct_from(phase.rescoring_version)
    )
    others = select(Score.submission_id, cast(null(), String), literal(0.0), *scores).where(
        Score.submission_id.in_(submission_ids),
        Score.scoring_version != phase.scoring_version,
        Score.scoring_version.is_distinct_from(phase.rescoring_version),
    )
    found = _Beside(defaultdict(list), defaultdict(list))
    for row in session.execute(union_all(marked, own, others)):
        if row.name is None:
            found.others[row.id].append(_numbers(row))
        else:
            found.baselines[row.name].append(row)
    return found


def _numbers(row: Any) -> Numbers:
    return Numbers(*(getattr(row, name) for name in _NAMES))


def _ceiling_quality(phase: Phase, beside: _Beside) -> float | None:
    ceiling = (row for row in beside.baselines[CEILING] if row.scoring_version == phase.scoring_version)
    return next((row.forgetting_quality for row in ceiling), None)


def _ceiling_share(phase: Phase, numbers: Numbers, ceiling: float | None) -> float | None:
    # Of the numbers as they are shown: over a low ceiling the exact ones would show more digits than these.
    shown = None if ceiling is None else rounded(phase, ceiling)
    return rounded(phase, rounded(phase, numbers.forgetting_quality) / shown) if shown else None


def _runtime_share(phase: Phase, seconds: float | None) -> float | None:
    if seconds is None or not phase.retraining_s:
        return None
    return mean_run_seconds(phase, seconds) / phase.retraining_s


def _shown(phase: Phase, exact: Numbers) -> Numbers:
    values = {name: getattr(exact, name) for name in _NAMES}
    floats: dict[str, Any] = {
        name: rounded(phase, value) for name, value in values.items() if isinstance(value, float)
    }
    return replace(exact, **floats)


def _by_version(phase: Phase, scores: Collection[Numbers]) -> dict[str, Numbers]:
    ordered = sorted(scores, key=lambda one: one.scoring_version)
    return {one.scoring_version: _shown(phase, one) for one in ordered}


def _baseline_rows(phase: Phase, beside: _Beside, ceiling: float | None) -> list[BaselineRow]:
    rows = []
    for name, found in beside.baselines.items():
        scores = {row.scoring_version: _numbers(row) for row in found}
        if phase.scoring_version not in scores:
            continue
        ranking, submission = scores[phase.scoring_version], found[0]
        seconds = None if submission.id is None else submission.mean_run_seconds
        rows.append(
            (
                ranking.final_score,
                BaselineRow(
                    name=name,
                    submission_id=submission.id,
                    mean_run_seconds=None if seconds is None else mean_run_seconds(phase, seconds),
                    runtime_share=_runtime_share(phase, seconds),
                    ceiling_share=_ceiling_share(phase, ranking, ceiling),
                    score=_shown(phase, ranking),
                    scores=_by_version(phase, scores.values()),
                ),
            )
        )
    return [row for _, row in sorted(rows, key=lambda one: one[0], reverse=True)]


def _tied_with_leader(places: list[_Place]) -> dict[int, bool]:
    """Return by rank who is tied with the first, without those of whom that cannot be told."""
    leading = places[0].replicates if places else None
    if leading is None:
        return {}
    comparable = [place for place in places if len(place.replicates or b"") == len(leading)]
    tied = tied_with_leader(
        np.array([place.numbers.final_score for place in comparable]),
        np.stack([np.frombuffer(place.replicates or b"", REPLICATES) for place in comparable]),
        n_contenders=sum(place.rank <= N_CONTENDERS for place in comparable),
    )
    return {place.rank: bool(one) for place, one in zip(comparable, tied, strict=True)}
