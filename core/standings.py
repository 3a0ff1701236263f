"""The order of a phase: which submission stands for each team, and at which rank. The database computes it.

A submission may stand for its team if it is finished, has a score under the version of the phase, is neither
disqualified nor superseded by a rerun, and is no baseline. Which one does, the phase's rule says:

- `best`: the one with the highest final score;
- `last`: the one that was submitted last, of those that have finished;
- `selected`: the best of those that the team has selected.

The higher final score ranks first. Of equal scores the earlier submission does, and of two of the same
instant the one with the lower id. The same order decides within a team.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, func, select

from core.lifecycle import BoardRule, SubmissionState
from core.models import Phase, Score, Submission

BEST_FIRST = "final score falling, then the earlier submission, then the lower id"
"""How equals are told apart, in words for everybody."""


def counts() -> list[ColumnElement[bool]]:
    """Return what is true of submissions that may stand for a team anywhere, or go on to another phase."""
    return [
        Submission.state == SubmissionState.FINISHED,
        Submission.disqualified_at.is_(None),
        Submission.superseded_at.is_(None),
        Submission.baseline_name.is_(None),
    ]


def may_stand(phase: Phase) -> list[ColumnElement[bool]]:
    """Return what is true of the submissions of a phase that may stand for their teams, scores apart."""
    conditions = [Submission.phase_id == phase.id, *counts()]
    if phase.board_rule is BoardRule.SELECTED:
        conditions.append(Submission.selected_at.is_not(None))
    return conditions


def ranking(phase: Phase) -> Subquery:
    """Return the ranking as a subquery: `submission_id`, `team_id`, `rank` from 1, and `n_teams` in all."""
    candidates = _candidates(phase).subquery("candidates")
    columns = candidates.c
    order = (columns.final_score.desc(), columns.created_at, columns.submission_id)
    return (
        select(
            columns.submission_id,
            columns.team_id,
            func.row_number().over(order_by=order).label("rank"),
            func.count().over().label("n_teams"),
        )
        .where(columns.within_team == 1)
        .subquery("ranking")
    )


def within_team(phase: Phase) -> tuple[Any, ...]:
    """Return the order of a team's own submissions, which are joined with their scores."""
    if phase.board_rule is BoardRule.LAST:
        return (Submission.created_at.desc(), Submission.id.desc())
    return (Score.final_score.desc(), Submission.created_at, Submission.id)


def _candidates(phase: Phase) -> Select[Any]:
    place = func.row_number().over(partition_by=Submission.team_id, order_by=within_team(phase))
    return (
        select(
            Submission.id.label("submission_id"),
            Submission.team_id,
            Submission.created_at,
            Score.final_score,
            place.label("within_team"),
        )
        .join(Score, Score.submission_id == Submission.id)
        .where(*may_stand(phase), Score.scoring_version == phase.scoring_version)
    )
