"""The terminal: where the commands print, what several of them ask for, and how their errors end."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from core import db
from core.errors import LetheError

Url = Annotated[str, typer.Option(help="Address of the installation.", envvar="LETHE_URL")]
Token = Annotated[str, typer.Option(help="Your token.", envvar="LETHE_TOKEN")]
LOCAL_URL = "http://127.0.0.1:8000"

console = Console(width=None if sys.stdout.isatty() else 100)


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn Lethe's own errors into one line, and an interruption into the status that shells expect."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _interrupt)  # SIGINT too: a shell's background job starts with it ignored
    try:
        yield
    except LetheError as error:
        _print_error(str(error))
        raise typer.Exit(1) from error
    except SQLAlchemyError as error:
        where = db.engine().url.render_as_string(hide_password=True)
        fail(f"the database {where} cannot be used; `lethe migrate` makes its tables: {error}")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def fail(message: str) -> NoReturn:
    """End the command with status 1 and a line that says why."""
    _print_error(message)
    raise typer.Exit(1)


def _print_error(message: str) -> None:
    printer = Console(stderr=True, style="red", markup=False, highlight=False, soft_wrap=True)
    printer.print(f"lethe: {message}")


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
