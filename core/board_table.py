"""A leaderboard as a table: one line a row, the baselines below without a rank."""

from core import csv_text
from core.board_rows import BaselineRow, Numbers, Row

_NUMBERS = (
    "final_score",
    "final_score_low",
    "final_score_high",
    "forgetting_quality",
    "forgetting_quality_low",
    "forgetting_quality_high",
    "retain_ratio",
    "test_ratio",
    "retain_accuracy",
    "test_accuracy",
    "n_models",
)
_SHARED = ("ceiling_share", "mean_run_seconds", "runtime_share")
COLUMNS = (
    "rank",
    "team",
    "members",
    "baseline",
    "submission_id",
    "filename",
    "submitted_at",
    "tied_with_leader",
    *_SHARED,
    "scoring_version",
    *_NUMBERS,
)


def to_csv(rows: list[Row], baselines: list[BaselineRow]) -> bytes:
    """Return the table as CSV; the numbers are those under the version that ranks."""
    return csv_text.write(COLUMNS, [*map(_of_team, rows), *map(_of_baseline, baselines)])


def _of_team(row: Row) -> list[object]:
    return [
        row.rank,
        row.team,
        ", ".join(row.members),
        None,
        row.submission_id,
        row.filename,
        row.submitted_at,
        row.tied_with_leader,
        *_shared(row),
        *_numbers(row.score),
    ]


def _of_baseline(row: BaselineRow) -> list[object]:
    nobody = [None, None, None]
    return [*nobody, row.name, row.submission_id, None, None, None, *_shared(row), *_numbers(row.score)]


def _shared(row: Row | BaselineRow) -> list[object]:
    return [getattr(row, name) for name in _SHARED]


def _numbers(score: Numbers) -> list[object]:
    return [score.scoring_version, *(getattr(score, name) for name in _NUMBERS)]
