"""`lethe organize webhooks`: addresses that are told what happens in a competition."""

from typing import Annotated

import typer

from cli.endings import clear_errors
from cli.organizer_client import OrganizerClient
from cli.tables import print_rows
from cli.terminal import LOCAL_URL, Token, Url, console

webhooks_app = typer.Typer(
    help="Addresses that are told what happens: docs/organizing.md.", no_args_is_help=True
)

_Webhook = Annotated[str, typer.Argument(help="The id of a webhook.")]


@webhooks_app.command("list")
def list_webhooks(competition: str, *, token: Token, url: Url = LOCAL_URL) -> None:
    """List the webhooks of a competition, oldest first."""
    with clear_errors():
        found = OrganizerClient(url, token).listed(_all(competition), "webhooks")
        rows = ({**row, "events": ", ".join(row["events"])} for row in found)
        print_rows(rows, ("id", "url", "events", "active", "failures"))


@webhooks_app.command()
def add(
    competition: str,
    address: Annotated[str, typer.Argument(help="Like https://host.example/path, of a public name.")],
    events: Annotated[list[str], typer.Argument(help="What it is told of.")],
    *,
    token: Token,
    url: Url = LOCAL_URL,
) -> None:
    """Add a webhook; its secret, which signs what is sent, is shown this once."""
    with clear_errors():
        made = OrganizerClient(url, token).order(
            "POST", _all(competition), {"url": address, "events": events}
        )
        console.print(made["id"], made["secret"], markup=False, highlight=False, soft_wrap=True)


@webhooks_app.command()
def turn_on(competition: str, webhook: _Webhook, *, token: Token, url: Url = LOCAL_URL) -> None:
    """Turn a webhook on again that failed too often."""
    with clear_errors():
        OrganizerClient(url, token).order("PATCH", f"{_all(competition)}/{webhook}", {"active": True})
        console.print("turned on")


@webhooks_app.command()
def remove(competition: str, webhook: _Webhook, *, token: Token, url: Url = LOCAL_URL) -> None:
    """Delete a webhook, and what is known of its deliveries."""
    with clear_errors():
        OrganizerClient(url, token).delete(f"{_all(competition)}/{webhook}")
        console.print("removed")


@webhooks_app.command("test")
def send_test(competition: str, webhook: _Webhook, *, token: Token, url: Url = LOCAL_URL) -> None:
    """Have an event sent that means nothing; `deliveries` says how that went."""
    with clear_errors():
        made = OrganizerClient(url, token).order("POST", f"{_all(competition)}/{webhook}/test")
        console.print(f"{made['id']}  {made['state']}", highlight=False)


@webhooks_app.command()
def deliveries(competition: str, webhook: _Webhook, *, token: Token, url: Url = LOCAL_URL) -> None:
    """List what was sent to a webhook, newest first, and how that went."""
    with clear_errors():
        address = f"{_all(competition)}/{webhook}/deliveries"
        found = OrganizerClient(url, token).listed(address, "deliveries")
        print_rows(found, ("id", "event", "state", "status", "attempts", "problem", "created_at"))


def _all(competition: str) -> str:
    return f"/competitions/{competition}/webhooks"
