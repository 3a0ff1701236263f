"""The `lethe` command."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

import migrations
from cli import accounts, phase_bundles, selftest, taking_part
from cli import demo as demo_
from cli.client import Client
from cli.competition import competition_app
from cli.dataset import dataset_app
from cli.dataset_import import import_app
from cli.endings import clear_errors, fail
from cli.files import new_file
from cli.organize import organize_app
from cli.references import references_app
from cli.supervisor import WORKER, InstallationError, Supervisor
from cli.tables import leaderboard_table, progress_line, rescoring_line
from cli.terminal import LOCAL_URL, MaybeToken, Token, Url, console
from core import competitions, db, references, rescoring
from core.bundle import applying
from core.inert import inert
from core.limits import limits_of

app = typer.Typer(help="Lethe: competitions in machine unlearning.", no_args_is_help=True)
sandbox_app = typer.Typer(help="The sandbox of this machine's worker.", no_args_is_help=True)
app.add_typer(sandbox_app, name="sandbox")
app.add_typer(references_app, name="references")
app.add_typer(competition_app, name="competition")
app.add_typer(organize_app, name="organize")
dataset_app.add_typer(import_app, name="import")
app.add_typer(dataset_app, name="dataset")
app.add_typer(taking_part.team_app, name="team")
for command in (accounts.create_user, accounts.password_link, accounts.login, accounts.logout):
    app.command()(command)
for doing in (taking_part.join, taking_part.submissions, taking_part.cancel, taking_part.select):
    app.command()(doing)

_Port = Annotated[int, typer.Option(help="Port on 127.0.0.1; another free one if it is taken.")]
_File = Annotated[Path, typer.Argument(help="A .py, .ipynb or .zip.", exists=True, dir_okay=False)]
_Competition = Annotated[Path, typer.Argument(help="A competition.yaml.", exists=True)]
_WATCH_S = 1.0


@app.command()
def up(port: _Port = 8000) -> None:
    """Start everything on this machine and serve until Ctrl-C."""
    with clear_errors(), Supervisor(port=port) as supervisor:
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
    with clear_errors(), Supervisor(port=port) as supervisor:
        demo_.run(supervisor.url, console, lambda: _watch_work(supervisor))
        console.print(f"Leaderboard: {demo_.page(supervisor.url)}")
        if not exit_:
            console.print("Ctrl-C ends it; `make run` goes on from here.")
            _serve(supervisor)


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    migrations.upgrade(db.engine())


@app.command()
def create_competition(path: _Competition) -> None:
    """Create a competition and prepare its phases."""
    with clear_errors():
        spec = phase_bundles.stored(path)
        with db.transaction() as session:
            competition = applying.create(session, spec, None)
        console.print(
            f"Created `{competition.slug}`; its phases open when their reference models are trained."
        )


@app.command()
def status(competition: str) -> None:
    """Show how far the phases of a competition are, and what keeps one from opening."""
    with clear_errors(), db.reading() as session:
        for phase in competitions.find_competition(session, competition).phases:
            progress = references.preparation_progress(session, phase)
            made = f"{progress.done}/{progress.total} models, metric {phase.scoring_version}"
            run_timeout_s = limits_of(phase).run_timeout_s
            if run_timeout_s is not None:
                made += f", {run_timeout_s:.1f} s a run"
            console.print(f"{phase.slug}: {phase.state}, {made}  {phase.problem}".rstrip(), markup=False)
            under_way = rescoring.current(session, phase)
            if under_way is not None:
                console.print(f"  {rescoring_line(under_way._asdict())}", markup=False, highlight=False)


@app.command()
def submit(competition: str, phase: str, path: _File, *, token: Token, url: Url = LOCAL_URL) -> None:
    """Upload a submission."""
    with clear_errors():
        submission = Client(url, token).submit(competition, phase, path)
        console.print(f"{submission['id']}  {submission['state']}", highlight=False)
        for warning in submission["warnings"]:
            console.print(f"note: {warning}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def watch(submission_id: str, *, token: Token, url: Url = LOCAL_URL) -> None:
    """Follow a submission of yours until it has ended; status 0 only if it has finished."""
    with clear_errors():
        for submission in Client(url, token).events(submission_id):
            console.print(progress_line(submission), markup=False, highlight=False, soft_wrap=True)
        if submission["state"] != "finished":
            raise typer.Exit(1)


@app.command()
def logs(submission_id: str, *, token: Token, url: Url = LOCAL_URL) -> None:
    """Print what the runs of a submission of yours printed, where its phase shows that."""
    with clear_errors():
        # Made inert here too: this terminal need not trust whoever answers.
        typer.echo(inert(Client(url, token).log(submission_id)), nl=False)


@app.command()
def leaderboard(
    competition: str,
    phase: str,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Print all rows, not the first page alone.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print all rows as CSV instead.")] = False,
    token: MaybeToken,
    url: Url = LOCAL_URL,
) -> None:
    """Print a leaderboard."""
    with clear_errors():
        client = Client(url, token or None)
        if csv:
            typer.echo(client.leaderboard_csv(competition, phase), nl=False)
            return
        board = client.leaderboard(competition, phase, whole=all_)
        console.print(leaderboard_table(board))
        if board["notice"]:
            console.print(board["notice"], markup=False, highlight=False)
        n_more = (board["n_teams"] or 0) - len(board["rows"])
        if n_more > 0 and board["visibility"] == "public":
            console.print(f"and {n_more} more; --all prints them")


@app.command()
def rescore(
    competition: str,
    phase: str,
    *,
    version: Annotated[str | None, typer.Option(help="Version of the metric; by default the newest.")] = None,
    token: Token,
    url: Url = LOCAL_URL,
) -> None:
    """Score a phase under another version of the metric, from what is stored; for organizers."""
    with clear_errors():
        answer = Client(url, token).rescore(competition, phase, version)
        under_way = answer["rescoring"]
        line = rescoring_line(under_way) if under_way else f"ranked by {answer['scoring_version']}"
        console.print(line, markup=False, highlight=False)


@app.command()
def artifact(submission_id: str, path: Path, *, token: Token, url: Url = LOCAL_URL) -> None:
    """Download what a submission was scored from; `python -m scoring` reads it; for organizers."""
    with clear_errors(), new_file(path) as file:
        file.write(Client(url, token).artifact(submission_id))


@sandbox_app.command("selftest")
def sandbox_selftest(
    *, json_: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False
) -> None:
    """Try to break out of the sandbox that a worker here would use; status 0 only if it holds."""
    with clear_errors():
        found = selftest.run()
        if json_:
            typer.echo(json.dumps(found, indent=2))
        elif "probes" in found:
            console.print(selftest.table(found))
        if not found["holds"]:
            fail(f"a worker here would take no work: {found['problem']}")


def _watch_work(supervisor: Supervisor) -> None:
    supervisor.watch()
    refusal = supervisor.refusals().get(WORKER)
    if refusal is not None:
        raise InstallationError(f"the worker takes no work: {refusal}")


def _serve(supervisor: Supervisor) -> None:
    told: dict[str, str] = {}
    try:
        while True:
            supervisor.watch()
            refusals = supervisor.refusals()
            for worker in sorted({*told, *refusals}):
                refusal = refusals.get(worker)
                if refusal != told.get(worker):
                    now = "takes work now" if refusal is None else f"takes no work, uploads wait: {refusal}"
                    console.print(f"The {worker} {now}", markup=False, highlight=False)
            told = refusals
            time.sleep(_WATCH_S)
    except KeyboardInterrupt:
        console.print("Ended.")
