"""The leaderboard of a phase: the best submission of each participant, and the phase's own baselines."""

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.lifecycle import SubmissionState
from core.models import REPLICATES, Baseline, Phase, Score, Submission, Team
from scoring.uncertainty import tied_with_leader


@dataclass(frozen=True)
class Row:
    """One participant's place.

    Attributes:
        score: the one that ranks, under the version of the phase.
        scores: that one and those under other versions, by version.
        tied_with_leader: whether the difference to rank 1 may be chance; None where that cannot be told.
        mean_run_seconds: mean over the runs.
    """

    rank: int
    participant: str
    submission: Submission
    score: Score
    scores: dict[str, Score]
    tied_with_leader: bool | None
    mean_run_seconds: float


@dataclass(frozen=True)
class BaselineRow:
    """What the phase's own models of one kind score; `score` and `scores` as in `Row`."""

    name: str
    score: Baseline
    scores: dict[str, Baseline]


@dataclass(frozen=True)
class Leaderboard:
    """Ranked rows, and apart from the ranking the ceiling and the floor."""

    rows: list[Row]
    baselines: list[BaselineRow]
    n_waiting: int


def leaderboard(session: Session, phase: Phase) -> Leaderboard:
    """Return the leaderboard of a phase.

    Of the scores under the phase's version the higher ranks first; on a tie, the earlier submission. Only
    finished submissions rank. A version that a rescoring has not completed is not shown at all.
    """
    places, scores = _best_of_each(session, phase), _scores(session, phase)
    tied = _tied_with_leader(session, places)
    rows = [
        Row(
            rank=rank,
            participant=place.participant,
            submission=place.submission,
            score=place.score,
            scores=scores[place.submission.id],
            tied_with_leader=tied.get(place.submission.id),
            mean_run_seconds=place.submission.mean_run_seconds or 0.0,
        )
        for rank, place in enumerate(places, start=1)
    ]
    return Leaderboard(rows, _baselines(session, phase), _count_waiting(session, phase))


class _Place(NamedTuple):
    score: Score
    submission: Submission
    participant: str


def _best_of_each(session: Session, phase: Phase) -> list[_Place]:
    """Return the best place of each team, the highest score first."""
    query = (
        select(Score, Submission, Team.name)
        .join(Submission, Score.submission_id == Submission.id)
        .join(Team, Submission.team_id == Team.id)
        .where(
            Submission.phase_id == phase.id,
            Submission.state == SubmissionState.FINISHED,
            Score.scoring_version == phase.scoring_version,
        )
        .order_by(Score.final_score.desc(), Submission.created_at, Submission.id)
    )
    best: dict[UUID, _Place] = {}
    for row in session.execute(query):
        place = _Place(*row)
        best.setdefault(place.submission.team_id, place)
    return list(best.values())


def _tied_with_leader(session: Session, places: list[_Place]) -> dict[UUID, bool]:
    """Return which submissions are tied with the first, without those of which that cannot be told."""
    query = select(Score.id, Score.replicates).where(Score.id.in_([place.score.id for place in places]))
    replicates = {score_id: stored for score_id, stored in session.execute(query) if stored is not None}
    leading = replicates.get(places[0].score.id) if places else None
    if leading is None:
        return {}
    comparable = [place for place in places if len(replicates.get(place.score.id, b"")) == len(leading)]
    tied = tied_with_leader(
        np.array([place.score.final_score for place in comparable]),
        np.stack([np.frombuffer(replicates[place.score.id], REPLICATES) for place in comparable]),
    )
    return {place.submission.id: bool(one) for place, one in zip(comparable, tied, strict=True)}


def _scores(session: Session, phase: Phase) -> dict[UUID, dict[str, Score]]:
    """Return the scores of each submission by version, without one that a rescoring has not completed."""
    found: dict[UUID, dict[str, Score]] = defaultdict(dict)
    query = select(Score).join(Submission).where(Submission.phase_id == phase.id)
    for score in session.scalars(query.order_by(Score.scoring_version)):
        if score.scoring_version != phase.rescoring_version:
            found[score.submission_id][score.scoring_version] = score
    return found


def _baselines(session: Session, phase: Phase) -> list[BaselineRow]:
    """Return the rows of the baselines, the higher score first."""
    found: dict[str, dict[str, Baseline]] = defaultdict(dict)
    query = select(Baseline).where(Baseline.phase_id == phase.id).order_by(Baseline.scoring_version)
    for baseline in session.scalars(query):
        if baseline.scoring_version != phase.rescoring_version:
            found[baseline.name][baseline.scoring_version] = baseline
    rows = [
        BaselineRow(name, scores[phase.scoring_version], scores)
        for name, scores in found.items()
        if phase.scoring_version in scores
    ]
    return sorted(rows, key=lambda row: row.score.final_score, reverse=True)


def _count_waiting(session: Session, phase: Phase) -> int:
    waiting = (SubmissionState.QUEUED, SubmissionState.RUNNING, SubmissionState.SCORING)
    query = select(func.count()).where(Submission.phase_id == phase.id, Submission.state.in_(waiting))
    return session.scalar(query) or 0
