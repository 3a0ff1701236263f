"""Leaderboards and rescorings as the terminal shows them."""

from typing import Any

from rich.console import Console

from cli.tables import leaderboard_table, rescoring_line
from tests.support.competition import numbers

OLD, NEW = "neurips2023-1", "test-2"


def _row(rank: int, final_score: float, **changes: Any) -> dict[str, Any]:
    score = numbers(final_score)
    return {
        "rank": rank,
        "team": f"p{rank}",
        "filename": "submission.py",
        "mean_run_seconds": 1.25,
        "tied_with_leader": False,
        "score": score,
        "scores": {OLD: score},
    } | changes


def _board(*rows: dict[str, Any]) -> dict[str, Any]:
    score = numbers(0.17)
    return {
        "competition": "demo",
        "phase": "check",
        "n_models": 16,
        "scoring_version": OLD,
        "score_decimals": None,
        "rows": list(rows),
        "baselines": [{"name": "ceiling", "mean_run_seconds": None, "score": score, "scores": {OLD: score}}],
    }


def _print(board: dict[str, Any], width: int = 100) -> str:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(leaderboard_table(board))
    return captured.get()


def _line(printed: str, word: str) -> str:
    (line,) = [line for line in printed.splitlines() if word in line]
    return line


def test_leaderboard_shows_hostile_names_as_text() -> None:
    printed = _print(_board(_row(1, 0.1, team="[red]x[/red]", filename="a[/b].py")))
    assert "[red]x[/red]" in printed
    assert "a[/b].py" in printed
    assert printed.index("0.1000") < printed.index("ceiling")


def test_leaderboard_shows_intervals_and_marks_who_is_tied_with_the_first() -> None:
    rows = [
        _row(1, 0.2, tied_with_leader=True),
        _row(2, 0.1, tied_with_leader=True),
        _row(3, 0.05),
        _row(4, 0.01, tied_with_leader=None),
    ]
    printed = _print(_board(*rows))
    assert "0.1000 0.0900–0.1100 ≈ " in _line(printed, "p2")
    assert [name for name in ("p1", "p2", "p3", "p4") if "≈" in _line(printed, name)] == ["p2"]
    assert "≈ the difference to the first may be chance" in printed


def test_leaderboard_has_no_more_decimals_than_the_phase_shows() -> None:
    board = _board(_row(1, 0.25)) | {"score_decimals": 2}
    printed = _print(board)
    assert "0.25 " in _line(printed, "p1")
    assert "0.2500" not in printed
    assert "0.2500" in _print(board | {"score_decimals": None})


def test_leaderboard_row_without_a_rank_is_the_asker_s_own() -> None:
    row = _row(1, 0.25) | {"rank": None, "tied_with_leader": None}
    assert "p1" in _line(_print(_board(row)), "0.2500")


def test_leaderboard_without_ties_explains_none() -> None:
    assert "≈" not in _print(_board(_row(1, 0.2, tied_with_leader=True), _row(2, 0.1)))


def test_leaderboard_of_scores_without_intervals_leaves_them_blank() -> None:
    bare = numbers(0.1, final_score_low=None, final_score_high=None)
    printed = _print(_board(_row(1, 0.1, score=bare, scores={OLD: bare}, tied_with_leader=None)))
    assert "0.1000" in _line(printed, "p1")
    assert "–" not in _line(printed, "p1")


def test_leaderboard_shows_scores_of_other_versions_beside() -> None:
    rows = [
        _row(1, 0.2, scores={OLD: numbers(0.2), NEW: numbers(0.4242)}),
        _row(2, 0.1),
    ]
    printed = _print(_board(*rows), width=120)
    assert NEW in printed
    assert _line(printed, "p1").rstrip().endswith("0.4242")
    assert _line(printed, "p2").rstrip().endswith("1.2")
    assert NEW not in _print(_board(_row(1, 0.2)))


def test_rescoring_line_says_how_far_or_what_failed() -> None:
    under_way = {"scoring_version": NEW, "done": 3, "total": 5, "problem": ""}
    assert rescoring_line(under_way) == "rescoring under test-2: 3/5 scores"
    failed = under_way | {"problem": "the baselines: a bug"}
    assert rescoring_line(failed) == "rescoring under test-2: 3/5 scores; failed: the baselines: a bug"
