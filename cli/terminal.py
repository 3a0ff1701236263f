"""Where commands print, and the options that those have in common that talk to an installation."""

import sys
from typing import Annotated

import typer
from rich.console import Console

Url = Annotated[str, typer.Option(help="Address of the installation.", envvar="LETHE_URL")]
Token = Annotated[str, typer.Option(help="Your token.", envvar="LETHE_TOKEN")]
LOCAL_URL = "http://127.0.0.1:8000"

console = Console(width=None if sys.stdout.isatty() else 100)
