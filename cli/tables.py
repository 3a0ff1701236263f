"""Tables and lines for the terminal."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from cli.terminal import console
from core.inert import inert

if TYPE_CHECKING:  # faces are loaded when they are used
    from faces.inspection import SplitFacts

_COLUMNS = ("#", "team", "submission", "score", "95 %", "F", "retain", "test", "s/run")
_TIE = "≈"
_SCORE_DECIMALS = 4


def leaderboard_table(board: dict[str, Any]) -> Table:
    """Return a leaderboard, as the API gives it, as a table; the baselines stand below the ranking.

    F is the forgetting quality; retain and test are mean accuracies. Scores of other versions stand last.
    """
    title = f"{escape(board['competition'])} · {escape(board['phase'])} · N = {board['n_models']}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    every = [*board["rows"], *board["baselines"]]
    others = sorted({version for row in every for version in row["scores"]} - {board["scoring_version"]})
    for column in (*_COLUMNS, *others):
        left = column in {"team", "submission", "95 %"}
        justify: Literal["left", "right"] = "left" if left else "right"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column == "95 %")
    decimals = _decimals(board)
    for row in board["rows"]:
        rank = "" if row["rank"] is None else str(row["rank"])
        tied = row["rank"] != 1 and bool(row["tied_with_leader"])
        table.add_row(
            rank,
            escape(row["team"]),
            escape(row["filename"]),
            *_numbers(row["score"], decimals, tied=tied),
            f"{row['mean_run_seconds']:.1f}",
            *_beside(row, others, decimals),
        )
        if tied:
            table.caption = f"{_TIE} the difference to the first may be chance"
    table.add_section()
    for row in board["baselines"]:
        seconds = "" if row["mean_run_seconds"] is None else f"{row['mean_run_seconds']:.1f}"
        numbers = _numbers(row["score"], decimals)
        beside = _beside(row, others, decimals)
        table.add_row("", "", escape(row["name"]), *numbers, seconds, *beside, style="dim")
    return table


def _decimals(board: dict[str, Any]) -> int:
    """Return how many decimals scores have here: never more than the phase shows."""
    shown = board["score_decimals"]
    return _SCORE_DECIMALS if shown is None else min(shown, _SCORE_DECIMALS)


def rescoring_line(rescoring: dict[str, Any]) -> str:
    """Return how far a rescoring is, as the API gives it, or what of it failed."""
    so_far = (
        f"rescoring under {rescoring['scoring_version']}: {rescoring['done']}/{rescoring['total']} scores"
    )
    return f"{so_far}; failed: {rescoring['problem']}" if rescoring["problem"] else so_far


def progress_line(submission: dict[str, Any]) -> str:
    """Return where a submission stands, as the API gives it."""
    line = f"{submission['state']}  {submission['runs_done']}/{submission['n_models']} runs"
    score = submission["score"]
    if score is not None:
        line += f"  score {score['final_score']:.4f}"
    return f"{line}  {inert(submission['message'])}".rstrip()


def bundle_table(splits: Sequence["SplitFacts"]) -> Table:
    """Return the splits of a bundle, one a row: images, people, images per person and per age group."""
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    table.add_column("split")
    groups = [f"g{group}" for group, _ in enumerate(splits[0].age_groups or ())]
    for column in ("images", "people", "least", "median", "most", *groups):
        table.add_column(column, justify="right")
    for split in splits:
        least, median, most = split.images_per_person
        numbers = (split.n_images, split.n_people, least, f"{median:g}", most, *(split.age_groups or ()))
        table.add_row(split.name, *map(str, numbers))
    in_groups = "g0 … g9: images of an age group" if groups else "unlabelled"
    table.caption = f"least, median, most: images of a person; {in_groups}"
    return table


def _numbers(score: dict[str, Any], decimals: int, *, tied: bool = False) -> tuple[str, ...]:
    low, high = score["final_score_low"], score["final_score_high"]
    interval = "" if low is None else f"{low:.{decimals}f}–{high:.{decimals}f}"
    return (
        f"{score['final_score']:.{decimals}f}",
        f"{interval} {_TIE}" if tied else interval,
        f"{score['forgetting_quality']:.{decimals}f}",
        f"{score['retain_accuracy']:.3f}",
        f"{score['test_accuracy']:.3f}",
    )


def _beside(row: dict[str, Any], versions: list[str], decimals: int) -> list[str]:
    found = [row["scores"].get(version) for version in versions]
    return ["" if score is None else f"{score['final_score']:.{decimals}f}" for score in found]


def print_rows(rows: Iterable[dict[str, Any]], columns: tuple[str, ...]) -> None:
    """Print a table, or for another program lines of values that tabs separate, under a line of names."""
    if not console.is_terminal:
        typer.echo("\t".join(columns))
        for row in rows:
            typer.echo("\t".join(" ".join(_written(row[column]).split()) for column in columns))
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=column == "id")
    for row in rows:
        table.add_row(*(escape(_written(row[column])) for column in columns))
    console.print(table)


def _written(value: object) -> str:
    return "" if value is None else str(value)
