"""Tables for the terminal."""

from typing import Any, Literal

from rich import box
from rich.markup import escape
from rich.table import Table


def leaderboard_table(board: dict[str, Any]) -> Table:
    """Return a leaderboard, as the API gives it, as a table; the baselines stand below the ranking.

    F is the forgetting quality; retain and test are mean accuracies.
    """
    title = f"{escape(board['competition'])} · {escape(board['phase'])} · N = {board['n_models']}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("#", "participant", "submission", "score", "F", "retain", "test", "s/run"):
        justify: Literal["left", "right"] = "left" if column in {"participant", "submission"} else "right"
        table.add_column(column, justify=justify, overflow="fold")
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
