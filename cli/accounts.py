"""Accounts at the command line: made by operators on their machine; signed in to by everybody, over HTTP."""

import socket
from typing import Annotated

import typer

from cli import credentials
from cli.client import ApiError, Client
from cli.endings import clear_errors
from cli.terminal import LOCAL_URL, Url, console
from core import accounts, competitions, db, organizers, proofs


def create_user(
    name: str,
    *,
    admin: Annotated[bool, typer.Option("--admin", help="Make the user an admin.")] = False,
    organizer_of: Annotated[
        list[str] | None, typer.Option(help="Slug of a competition that the user is to run; repeatable.")
    ] = None,
) -> None:
    """Create a user, or give one a new token; the token is shown this once."""
    with clear_errors():
        with db.transaction() as session:
            if accounts.find(session, name) is None:
                accounts.check_name(name)
            made = accounts.create_user(session, name, admin=admin)
            for slug in organizer_of or []:
                competition = competitions.find_competition(session, slug)
                organizers.add(session, None, competition, made.user.name)
        console.print(made.token, highlight=False, soft_wrap=True)


def password_link(name: str) -> None:
    """Print a link under which a user sets a new password within an hour, where no mail can be sent."""
    with clear_errors():
        with db.transaction() as session:
            link = proofs.reset_link(session, organizers.find_user(session, name))
        console.print(link, highlight=False, soft_wrap=True)


def login(
    *,
    name: Annotated[str, typer.Option(prompt="Name or e-mail address", help="Asked for if left out.")],
    url: Url = LOCAL_URL,
) -> None:
    """Sign in, and keep a token for this machine, so that other commands need none."""
    with clear_errors():
        password = typer.prompt("Password", hide_input=True, err=True)
        token = Client(url).make_token(name, password, token_name=f"lethe on {socket.gethostname()}"[:64])
        _revoke(url)
        credentials.keep(url, token)
        console.print(
            f"Signed in to {url}; the token is in {credentials.path()}", highlight=False, soft_wrap=True
        )


def logout(*, url: Url = LOCAL_URL) -> None:
    """Revoke the token of this machine, and forget it."""
    with clear_errors():
        if not _revoke(url):
            console.print(f"Not signed in to {url}", highlight=False, soft_wrap=True)
            return
        credentials.drop(url)
        console.print(f"Signed out of {url}", highlight=False, soft_wrap=True)


def _revoke(url: str) -> bool:
    """Revoke the token that is kept for an installation, if there is one."""
    token = credentials.read().tokens.get(url)
    if token is None:
        return False
    try:
        Client(url, token).revoke_token()
    except ApiError as error:
        # It may have ended by itself; it is forgotten in any case.
        console.print(f"note: the earlier token: {error}", markup=False, highlight=False, soft_wrap=True)
    return True
