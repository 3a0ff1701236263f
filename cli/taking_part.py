"""What participants do beside uploading: join, form teams, look through their submissions, cancel, select."""

from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from cli.client import Client
from cli.endings import clear_errors
from cli.participant_client import ParticipantClient
from cli.terminal import LOCAL_URL, Token, Url, console

team_app = typer.Typer(help="Your team in a competition.", no_args_is_help=True)

_Submission = Annotated[str, typer.Argument(help="The id of a submission of your team.")]
_Terms = Annotated[bool, typer.Option("--accept-terms", help="You have read and accept them.")]
_QUOTAS = {"per_day": "today", "total": "in this phase", "concurrent": "under way"}


def join(
    competition: str,
    *,
    accept_terms: _Terms = False,
    token: Token,
    url: Url = LOCAL_URL,
) -> None:
    """Take part in a competition."""
    with clear_errors():
        part = ParticipantClient(url, token, competition).join(accept_terms=accept_terms)
        waits = "an organizer has to let you in" if part["state"] == "pending" else part["state"]
        console.print(f"{part['name']}: {waits}", markup=False, highlight=False)


@team_app.command()
def show(competition: str, *, token: Token, url: Url = LOCAL_URL) -> None:
    """Show your team, and who invites it."""
    with clear_errors():
        client = ParticipantClient(url, token, competition)
        _print_team(client.own_part()["team"])
        for invitation in client.invitations():
            console.print(f"invited by {invitation['team']}", markup=False, highlight=False)


@team_app.command()
def create(competition: str, name: str, *, token: Token, url: Url = LOCAL_URL) -> None:
    """Name your team: alone, that makes it one; its captain names it anew."""
    with clear_errors():
        _print_team(ParticipantClient(url, token, competition).name_team(name))


@team_app.command()
def invite(competition: str, participant: str, *, token: Token, url: Url = LOCAL_URL) -> None:
    """Ask somebody, with all of their team, to become part of yours."""
    with clear_errors():
        invitation = ParticipantClient(url, token, competition).invite(participant)
        console.print(f"{invitation['team']} invites {invitation['invited']}", markup=False, highlight=False)


@team_app.command()
def accept(competition: str, team: str, *, token: Token, url: Url = LOCAL_URL) -> None:
    """Make your team part of one that invited it, for good."""
    with clear_errors():
        _print_team(ParticipantClient(url, token, competition).accept(team))


@team_app.command()
def leave(
    competition: str,
    *,
    member: Annotated[str | None, typer.Option(help="Whom the captain removes; you, if left out.")] = None,
    token: Token,
    url: Url = LOCAL_URL,
) -> None:
    """Leave your team; only while it has no submission that counts."""
    with clear_errors():
        _print_team(ParticipantClient(url, token, competition).leave(member)["team"])


def submissions(competition: str, phase: str, *, token: Token, url: Url = LOCAL_URL) -> None:
    """List the newest submissions of your team in a phase, and what its quotas leave it."""
    with clear_errors():
        found = ParticipantClient(url, token, competition).own_submissions(phase)
        console.print(_table(found["submissions"]))
        for name, words in _QUOTAS.items():
            console.print(_quota_line(words, found["usage"][name]), markup=False, highlight=False)
        selection = found["selection"]
        if selection["most"]:
            line = f"selected: {selection['selected']} of {selection['most']}"
            console.print(line, markup=False, highlight=False)


def cancel(submission_id: _Submission, *, token: Token, url: Url = LOCAL_URL) -> None:
    """Cancel a submission whose runs are not complete; it does not count."""
    with clear_errors():
        console.print(Client(url, token).cancel(submission_id)["state"], highlight=False)


def select(
    submission_id: _Submission,
    *,
    undo: Annotated[bool, typer.Option("--undo", help="Take the selection back.")] = False,
    token: Token,
    url: Url = LOCAL_URL,
) -> None:
    """Select a submission for the next phase, or to be ranked by."""
    with clear_errors():
        selected = Client(url, token).select(submission_id, undo=undo)["selected"]
        console.print("selected" if selected else "not selected", highlight=False)


def _print_team(team: dict[str, Any]) -> None:
    others = ", ".join(team["members"])
    console.print(f"{team['name']}: {others}; captain {team['captain']}", markup=False, highlight=False)


def _table(submissions: list[dict[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    for column in ("submission", "file", "submitted", "state", "score", ""):
        table.add_column(column, justify="right" if column == "score" else "left", overflow="fold")
    for one in submissions:
        score = one["score"]
        marks = [
            word for word in ("selected", "superseded", "disqualified") if one[word] not in {False, None}
        ]
        table.add_row(
            one["id"],
            escape(one["filename"]),
            one["created_at"][:16].replace("T", " "),
            one["verdict"] if one["state"] == "failed" else one["state"],
            "" if score is None else f"{score['final_score']:.4f}",
            " ".join(marks),
        )
    return table


def _quota_line(words: str, quota: dict[str, Any]) -> str:
    if quota["limit"] is None:
        return f"{words}: {quota['used']}, no limit"
    line = f"{words}: {quota['left']} of {quota['limit']} left"
    resets = quota["resets_at"]
    return line if resets is None else f"{line}, resets {resets[:16].replace('T', ' ')} UTC"
