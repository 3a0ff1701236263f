"""Where commands print, and the options that those have in common that talk to an installation."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from cli import credentials
from core.errors import LetheError
from core.settings import DEFAULT_URL, get_settings

LOCAL_URL = DEFAULT_URL


def _url(context: typer.Context, parameter: typer.CallbackParam, value: str) -> str:
    """Go to the installation that was signed in to, or runs here, unless another one is asked for."""
    source = context.get_parameter_source(parameter.name or "")
    if source is not None and source.name == "DEFAULT":
        value = _kept().url or get_settings().public_url
    return value.rstrip("/")


def _token(context: typer.Context, value: str) -> str:
    """Use the token of the installation that the command goes to, and of no other."""
    token = _maybe_token(context, value)
    if not token and not context.resilient_parsing:
        raise typer.BadParameter("sign in with `lethe login`, or give a token with --token or LETHE_TOKEN")
    return token


def _maybe_token(context: typer.Context, value: str) -> str:
    return value or _kept().tokens.get(context.params.get("url", ""), "")


def _kept() -> credentials.Credentials:
    try:
        return credentials.read()
    except LetheError as error:
        raise typer.BadParameter(str(error)) from error


Url = Annotated[
    str,
    typer.Option(
        help="Address of the installation; by default the one that you signed in to, or that runs here.",
        envvar="LETHE_URL",
        callback=_url,
        is_eager=True,  # a token is kept for an address: that has to be known first
    ),
]
Token = Annotated[
    str,
    typer.Option(
        help="Your token; by default the one that `lethe login` keeps.",
        envvar="LETHE_TOKEN",
        default_factory=str,
        show_default=False,
        callback=_token,
    ),
]
MaybeToken = Annotated[
    str,
    typer.Option(
        help="Your token, for what only some may see; by default the one that `lethe login` keeps, if any.",
        envvar="LETHE_TOKEN",
        default_factory=str,
        show_default=False,
        callback=_maybe_token,
    ),
]

console = Console(width=None if sys.stdout.isatty() else 100)
