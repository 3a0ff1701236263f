"""Tables for the terminal."""

from typing import Any

from rich.markup import escape
from rich.table import Table


def leaderboard_table(board: dict[str, Any]) -> Table:
    """Return a leaderboard, as the API gives it, as a table; the baselines stand below the ranking."""
    table = Table(title=f"{escape(board['competition'])} · {escape(board['phase'])}", title_justify="left")
    for column in ("#", "participant", "submission", "final score", "forgetting", "retain", "test", "s/run"):
        table.add_column(column, justify="left" if column in {"participant", "submission"} else "right")
    for row in board["rows"]:
        who = (str(row["rank"]), escape(row["participant"]), escape(row["filename"]))
        table.add_row(*who, *_numbers(row["score"]), f"{row['mean_run_seconds']:.1f}")
    table.add_section()
    for baseline in board["baselines"]:
        table.add_row("", "", baseline["name"], *_numbers(baseline["score"]), "", style="dim")
    return table


def _numbers(score: dict[str, Any]) -> tuple[str, str, str, str]:
    return (
        f"{score['final_score']:.4f}",
        f"{score['forgetting_quality']:.4f}",
        f"{score['retain_accuracy']:.3f}",
        f"{score['test_accuracy']:.3f}",
    )
