"""`lethe organize`: run a competition from the terminal."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.endings import clear_errors
from cli.organizer_client import OrganizerClient
from cli.tables import print_rows
from cli.terminal import LOCAL_URL, Token, Url, console
from cli.webhooks import webhooks_app

organize_app = typer.Typer(help="Run a competition; for its organizers.", no_args_is_help=True)
organize_app.add_typer(webhooks_app, name="webhooks")

_Wanted = Annotated[str | None, typer.Option()]
_Reason = Annotated[str, typer.Option(help="Those concerned may read it.")]
_Submission = Annotated[str, typer.Argument(help="The id of a submission.")]
_Quota = Annotated[int | None, typer.Option(min=0)]


@organize_app.command()
def participants(
    competition: str,
    *,
    state: _Wanted = None,
    name: _Wanted = None,
    team: _Wanted = None,
    token: Token,
    url: Url = LOCAL_URL,
) -> None:
    """List who takes part, and who waits to be let in (--state pending)."""
    with clear_errors():
        client = OrganizerClient(url, token)
        address = f"/competitions/{competition}/participants"
        found = client.listed(address, "participants", state=state, name=name, team=team)
        print_rows(found, ("name", "team", "state", "reason", "created_at"))


@organize_app.command()
def approve(competition: str, names: list[str], *, token: Token, url: Url = LOCAL_URL) -> None:
    """Let people in who asked to take part."""
    for name in names:
        _decide(OrganizerClient(url, token), competition, name, "approve")


@organize_app.command()
def ban(competition: str, name: str, *, reason: _Reason, token: Token, url: Url = LOCAL_URL) -> None:
    """Shut somebody out; what they submitted stays until it is disqualified."""
    _decide(OrganizerClient(url, token), competition, name, "ban", reason=reason)


@organize_app.command()
def unban(competition: str, name: str, *, token: Token, url: Url = LOCAL_URL) -> None:
    """Let somebody in again."""
    _decide(OrganizerClient(url, token), competition, name, "unban")


@organize_app.command()
def submissions(  # noqa: PLR0913  # an option for each filter
    competition: str,
    *,
    phase: _Wanted = None,
    team: _Wanted = None,
    state: _Wanted = None,
    verdict: _Wanted = None,
    disqualified: Annotated[bool | None, typer.Option()] = None,
    since: _Wanted = None,
    until: _Wanted = None,
    text: Annotated[str | None, typer.Option(help="Letters in the name of the file or the user.")] = None,
    token: Token,
    url: Url = LOCAL_URL,
) -> None:
    """List the submissions of all teams, newest first."""
    with clear_errors():
        client = OrganizerClient(url, token)
        flag = None if disqualified is None else str(disqualified).lower()
        wanted = {"phase": phase, "team": team, "state": state, "verdict": verdict, "disqualified": flag}
        times = {"since": since, "until": until, "text": text}
        found = client.listed(f"/competitions/{competition}/submissions", "submissions", **wanted, **times)
        rows = ({**row, "score": (row["score"] or {}).get("final_score", "")} for row in found)
        print_rows(
            rows, ("id", "phase", "team", "state", "verdict", "score", "disqualified_reason", "created_at")
        )


@organize_app.command()
def rerun(submission: _Submission, *, reason: _Reason = "", token: Token, url: Url = LOCAL_URL) -> None:
    """Run a submission that has ended once more; it costs its team no quota."""
    made = _rule(OrganizerClient(url, token), submission, "rerun", {"reason": reason})
    console.print(f"runs again as {made['id']}", highlight=False)


@organize_app.command()
def rerun_phase(  # noqa: PLR0913  # an option for each filter
    competition: str,
    phase: str,
    *,
    team: Annotated[str, typer.Option()] = "",
    state: _Wanted = None,
    verdict: _Wanted = None,
    reason: _Reason = "",
    token: Token,
    url: Url = LOCAL_URL,
) -> None:
    """Run all submissions of a phase again, or those that the options pick out."""
    with clear_errors():
        wanted = {"team": team, "state": state, "verdict": verdict, "reason": reason}
        made = OrganizerClient(url, token).order(
            "POST", f"/competitions/{competition}/phases/{phase}/rerun", wanted
        )
        console.print(f"{made['started']} run again, {made['skipped']} cannot", highlight=False)


@organize_app.command()
def cancel(submission: _Submission, *, token: Token, url: Url = LOCAL_URL) -> None:
    """End a submission whose runs are not complete; it does not count."""
    _rule(OrganizerClient(url, token), submission, "cancel")
    console.print("cancelled")


@organize_app.command()
def disqualify(submission: _Submission, *, reason: _Reason, token: Token, url: Url = LOCAL_URL) -> None:
    """Take a submission out of the ranking; its owner sees the reason."""
    _rule(OrganizerClient(url, token), submission, "disqualify", {"reason": reason})
    console.print("disqualified")


@organize_app.command()
def restore(submission: _Submission, *, reason: _Reason = "", token: Token, url: Url = LOCAL_URL) -> None:
    """Take a disqualification back."""
    _rule(OrganizerClient(url, token), submission, "restore", {"reason": reason})
    console.print("ranks again")


@organize_app.command()
def migrate(
    competition: str,
    phase: str,
    submissions: Annotated[list[str] | None, typer.Argument(help="Those alone.")] = None,
    *,
    token: Token,
    url: Url = LOCAL_URL,
) -> None:
    """Take submissions into a phase: those named, or what each team selected in the phase before."""
    with clear_errors():
        address = f"/competitions/{competition}/phases/{phase}/migrate"
        made = OrganizerClient(url, token).order("POST", address, {"submissions": submissions})
        console.print(f"{len(made['submissions'])} taken into {phase}", highlight=False)


@organize_app.command()
def announce(
    competition: str,
    subject: str,
    text: Annotated[str, typer.Argument(help="In Markdown; `-` reads it from the standard input.")],
    *,
    token: Token,
    url: Url = LOCAL_URL,
) -> None:
    """Tell everybody who takes part, on the competition's page and by mail."""
    with clear_errors():
        body = sys.stdin.read() if text == "-" else text
        address = f"/competitions/{competition}/announcements"
        OrganizerClient(url, token).order("POST", address, {"subject": subject, "body": body})
        console.print("announced")


@organize_app.command()
def audit(
    competition: str,
    *,
    csv: Annotated[bool, typer.Option("--csv", help="A table instead of JSON lines.")] = False,
    output: Annotated[Path | None, typer.Option(help="A file instead of the terminal.")] = None,
    token: Token,
    url: Url = LOCAL_URL,
) -> None:
    """Print every action of organizers and of the platform itself, oldest first."""
    with clear_errors():
        address = f"/competitions/{competition}/audit/export"
        text = OrganizerClient(url, token).text(address, format="csv" if csv else "jsonl")
        if output is None:
            typer.echo(text, nl=False)
        else:
            output.write_text(text, encoding="utf-8", newline="")


@organize_app.command()
def quota(  # noqa: PLR0913  # an option for each quota
    competition: str,
    phase: str,
    team: Annotated[str | None, typer.Argument(help="Its name; all teams are listed without one.")] = None,
    *,
    per_day: _Quota = None,
    total: _Quota = None,
    concurrent: _Quota = None,
    reset: Annotated[bool, typer.Option("--reset", help="The quotas of the phase again.")] = False,
    token: Token,
    url: Url = LOCAL_URL,
) -> None:
    """Show what teams have used of their quotas, or give one team quotas of its own."""
    with clear_errors():
        client = OrganizerClient(url, token)
        address = f"/competitions/{competition}/phases/{phase}/quotas"
        if team is None:
            found = list(client.listed(address, "teams"))
        else:
            one = client.team(competition, phase, team)
            wanted = {"per_day": per_day, "total": total, "concurrent": concurrent}
            if reset:
                one = client.order("DELETE", f"{address}/{one['team_id']}")
            elif any(value is not None for value in wanted.values()):
                one = client.order("PUT", f"{address}/{one['team_id']}", wanted)
            found = [one]
        print_rows(map(_usage, found), ("team", "a day", "in all", "at once"))


@organize_app.command()
def queue(competition: str, *, token: Token, url: Url = LOCAL_URL) -> None:
    """List the work that is not done: what runs where and since when, what waits and why."""
    with clear_errors():
        found = OrganizerClient(url, token).listed(f"/competitions/{competition}/queue", "pieces")
        print_rows(found, ("work", "phase", "team", "state", "worker", "since", "failures", "reason"))


def _decide(client: OrganizerClient, competition: str, name: str, action: str, **body: str) -> None:
    with clear_errors():
        part = client.participant(competition, name)
        address = f"/competitions/{competition}/participants/{part['id']}/{action}"
        made = client.order("POST", address, body)
        console.print(f"{made['name']}: {made['state']}", markup=False, highlight=False)


def _rule(
    client: OrganizerClient, submission: str, action: str, body: dict[str, str] | None = None
) -> dict[str, Any]:
    with clear_errors():
        return client.order("POST", f"/submissions/{submission}/{action}", body)


def _usage(row: dict[str, Any]) -> dict[str, Any]:
    used = {
        "a day": ("today", "per_day"),
        "in all": ("total", "total"),
        "at once": ("under_way", "concurrent"),
    }
    written = {name: _of(row[count], row["quotas"][kind]) for name, (count, kind) in used.items()}
    return {"team": row["team"]} | written


def _of(count: int, limit: int | None) -> str:
    return str(count) if limit is None else f"{count} of {limit}"
