"""The `lethe` command."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

import migrations
from cli import demo as demo_
from cli.client import Client
from cli.supervisor import Supervisor
from cli.tables import leaderboard_table
from core import competitions, db, users
from core.errors import LetheError

app = typer.Typer(help="Lethe: competitions in machine unlearning.", no_args_is_help=True)
console = Console(width=None if sys.stdout.isatty() else 100)

_Port = Annotated[int, typer.Option(help="Port on 127.0.0.1; another free one if it is taken.")]
_Url = Annotated[str, typer.Option(help="Address of the installation.", envvar="LETHE_URL")]
_Token = Annotated[str, typer.Option(help="Your token.", envvar="LETHE_TOKEN")]
_LOCAL_URL = "http://127.0.0.1:8000"
_WATCH_S = 1.0


@app.command()
def up(port: _Port = 8000) -> None:
    """Start everything on this machine and serve until Ctrl-C."""
    with _clear_errors(), Supervisor(port=port) as supervisor:
        console.print(f"Lethe serves at {supervisor.url}  (Ctrl-C ends it)")
        _serve(supervisor)


@app.command()
def demo(
    port: _Port = 8000,
    exit_: Annotated[
        bool, typer.Option("--exit", help="End after the table; status 0 only if all is well.")
    ] = False,
) -> None:
    """Run the demo competition from nothing to its leaderboard, then serve until Ctrl-C."""
    with _clear_errors(), Supervisor(port=port) as supervisor:
        demo_.run(supervisor.url, console, supervisor.watch)
        console.print(f"Leaderboard: {demo_.page(supervisor.url)}")
        if not exit_:
            console.print("Ctrl-C ends it; `make run` goes on from here.")
            _serve(supervisor)


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    migrations.upgrade(db.engine())


@app.command()
def create_competition(path: Annotated[Path, typer.Argument(help="A competition.yaml.")]) -> None:
    """Create a competition and prepare its phases."""
    with _clear_errors(), db.transaction() as session:
        competition = competitions.create(session, competitions.read_spec(path))
        console.print(
            f"Created `{competition.slug}`; its phases open when their reference models are trained."
        )


@app.command()
def create_user(name: str) -> None:
    """Create a participant, or give one a new token; the token is shown this once."""
    with _clear_errors(), db.transaction() as session:
        console.print(users.create_user(session, name).token, highlight=False, soft_wrap=True)


@app.command()
def submit(competition: str, phase: str, path: Path, *, token: _Token, url: _Url = _LOCAL_URL) -> None:
    """Upload a submission."""
    with _clear_errors():
        submission = Client(url, token).submit(competition, phase, path)
        console.print(f"{submission['id']}  {submission['state']}", highlight=False)


@app.command()
def leaderboard(competition: str, phase: str, url: _Url = _LOCAL_URL) -> None:
    """Print a leaderboard."""
    with _clear_errors():
        console.print(leaderboard_table(Client(url).leaderboard(competition, phase)))


def _serve(supervisor: Supervisor) -> None:
    try:
        while True:
            supervisor.watch()
            time.sleep(_WATCH_S)
    except KeyboardInterrupt:
        console.print("Ended.")


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Turn Lethe's own errors into one line, and an interruption into the status that shells expect."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except LetheError as error:
        Console(stderr=True).print(
            f"lethe: {error}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
