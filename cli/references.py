"""`lethe references`: have the reference models of a phase built, and see how far they are."""

import time
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cli.client import Client
from cli.endings import clear_errors, fail
from cli.terminal import LOCAL_URL, Token, Url, console

references_app = typer.Typer(help="The reference models of a phase; for organizers.", no_args_is_help=True)

_POLL_S = 1.0
_Watch = Annotated[bool, typer.Option(help="Wait until the phase is ready, and show how far it is.")]


@references_app.command()
def build(competition: str, phase: str, *, watch: _Watch = True, token: Token, url: Url = LOCAL_URL) -> None:
    """Have everything built that a phase lacks to open; what is stored already is not built again."""
    with clear_errors():
        client = Client(url, token)
        answer = client.request_references(competition, phase)
        if watch:
            answer = _watch(client, answer)
        _print(answer)
        if answer["state"] == "broken":
            fail("the phase could not be prepared; once the cause is mended, the same command goes on")


@references_app.command()
def status(competition: str, phase: str, *, token: Token, url: Url = LOCAL_URL) -> None:
    """Show how many reference models a phase has, what one takes, and how long the others will take."""
    with clear_errors():
        _print(Client(url, token).references(competition, phase))


def references_line(answer: dict[str, Any]) -> str:
    """Return how far the reference models of a phase are, as the API gives it, in one line."""
    reference, ceiling = answer["reference"], answer["ceiling"]
    parts = [
        f"{answer['state']}: {reference['done']}/{reference['total']} reference and "
        f"{ceiling['done']}/{ceiling['total']} ceiling models",
        *_pace(answer),
    ]
    line = ", ".join(parts)
    return f"{line}; failed: {answer['problem']}" if answer["problem"] else line


def _watch(client: Client, answer: dict[str, Any]) -> dict[str, Any]:
    """Show a bar until the phase is ready or broken, and return the last answer."""
    columns = (
        TextColumn("reference models"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    try:
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("", pace="")
            while True:
                both = (answer["reference"], answer["ceiling"])
                done, total = (sum(one[key] for one in both) for key in ("done", "total"))
                progress.update(task, completed=done, total=total, pace=", ".join(_pace(answer)))
                if answer["state"] != "preparing":
                    return answer
                time.sleep(_POLL_S)
                answer = client.references(answer["competition"], answer["phase"])
    except KeyboardInterrupt:
        console.print("The workers go on; `lethe references status` says how far they are.")
        raise


def _pace(answer: dict[str, Any]) -> list[str]:
    seconds, left_s = answer["seconds_per_model"], answer["time_left_s"]
    parts = [] if seconds is None else [f"{seconds:.1f} s a model"]
    if answer["state"] == "preparing" and left_s is not None:
        parts.append(f"{timedelta(seconds=round(left_s))} left" if left_s else "measuring the baselines")
    return parts


def _print(answer: dict[str, Any]) -> None:
    console.print(references_line(answer), markup=False, highlight=False, soft_wrap=True)
