"""The demo: a whole competition on this machine, from drawing faces to the leaderboard."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import select

from cli.client import Client
from cli.supervisor import InstallationError
from cli.tables import leaderboard_table
from core import accounts, competitions, db
from core.bundle import applying
from core.errors import LetheError
from core.models import Competition

_ROOT = Path(__file__).parent.parent
_COMPETITION_FILE = _ROOT / "competitions" / "demo" / "competition.yaml"
_EXAMPLES = _ROOT / "submissions_sandbox" / "examples"
_COMPETITION, _PHASE = "demo", "check"
_POLL_S = 0.5

# The longest first, so that no core waits at the end.
_PARTICIPANTS = {
    "alan": "retrain",
    "katherine": "reset_layers_then_finetune",
    "grace": "gradient_ascent_then_finetune",
    "barbara": "finetune",
    "ada": "do_nothing",
}


class DemoError(LetheError):
    """The demo did not come out as it must."""


@dataclass(frozen=True)
class _Entry:
    participant: str
    example: str
    client: Client
    submission_id: str


def run(url: str, console: Console, watch: Callable[[], None]) -> None:
    """Create the demo competition, upload the examples over HTTP, wait, and print the leaderboard.

    Args:
        url: address of a running installation on this machine.
        console: where progress and the table go.
        watch: called while waiting; raises when the installation cannot go on.

    Raises:
        DemoError: a submission did not finish, or the order of the scores is not sane.
    """
    _ensure_competition()
    anybody = Client(url)
    _wait_for_phase(anybody, console, watch)
    entries = [_upload(url, participant, example) for participant, example in _PARTICIPANTS.items()]
    _wait_for_submissions(entries, console, watch)
    board = anybody.leaderboard(_COMPETITION, _PHASE)
    console.print(leaderboard_table(board))
    _check_order(_final_scores(entries), board)


def page(url: str) -> str:
    """Return the address of the demo's leaderboard page."""
    return f"{url}/competitions/{_COMPETITION}/phases/{_PHASE}/leaderboard"


def _ensure_competition() -> None:
    spec = competitions.read_spec(_COMPETITION_FILE)
    with db.transaction() as session:
        if session.scalar(select(Competition.id).where(Competition.slug == spec.slug)) is None:
            applying.create(session, spec, None)


def _wait_for_phase(client: Client, console: Console, watch: Callable[[], None]) -> None:
    with _progress(console) as progress:
        task = progress.add_task("faces, original and reference models", total=None)
        while True:
            phase = client.phase(_COMPETITION, _PHASE)
            preparation = phase["preparation"]
            progress.update(task, completed=preparation["done"], total=preparation["total"])
            if phase["state"] == "ready":
                return
            if phase["state"] == "broken":
                raise InstallationError("the demo phase could not be prepared; `lethe status demo` says why")
            watch()
            time.sleep(_POLL_S)


def _upload(url: str, participant: str, example: str) -> _Entry:
    with db.transaction() as session:
        token = accounts.create_user(session, participant).token
    client = Client(url, token)
    submission = client.submit(_COMPETITION, _PHASE, _EXAMPLES / f"{example}.py")
    return _Entry(participant, example, client, submission["id"])


def _wait_for_submissions(entries: list[_Entry], console: Console, watch: Callable[[], None]) -> None:
    with _progress(console) as progress:
        waiting = {entry: progress.add_task(f"{entry.participant}: {entry.example}") for entry in entries}
        while waiting:
            for entry, task in list(waiting.items()):
                submission = entry.client.submission(entry.submission_id)
                progress.update(task, completed=submission["runs_done"], total=submission["n_models"])
                if submission["state"] in {"finished", "failed", "cancelled"}:
                    del waiting[entry]
            watch()
            time.sleep(_POLL_S)


def _final_scores(entries: list[_Entry]) -> dict[str, float]:
    """Return the final score of each example; every one must have finished."""
    ended = {entry.example: entry.client.submission(entry.submission_id) for entry in entries}
    faults = [
        f"{example}: {submission['verdict']} ({submission['message']})"
        for example, submission in ended.items()
        if submission["state"] != "finished"
    ]
    if faults:
        raise DemoError("not every submission finished: " + "; ".join(faults))
    return {example: submission["score"]["final_score"] for example, submission in ended.items()}


def _check_order(scores: dict[str, float], board: dict[str, Any]) -> None:
    """Demand what must hold of real scores: floor, a method between, ceiling."""
    baselines = {baseline["name"]: baseline["score"]["final_score"] for baseline in board["baselines"]}
    ceiling, floor = baselines["ceiling"], baselines["floor"]
    nothing, retrain = scores["do_nothing"], scores["retrain"]
    faults = []
    if abs(nothing - floor) > 0.1 * ceiling:
        faults.append(f"do_nothing scored {nothing:.4f}, not near the floor {floor:.4f}")
    if not 0.6 * ceiling <= retrain <= 1.6 * ceiling:
        faults.append(f"retrain scored {retrain:.4f}, not near the ceiling {ceiling:.4f}")
    if not any(nothing < score < retrain for score in scores.values()):
        faults.append("no unlearning method lies between do_nothing and retrain")
    if faults:
        raise DemoError("the order of the scores is not sane: " + "; ".join(faults))


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<46}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)
