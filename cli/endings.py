"""How a command ends when something is wrong: one clear line, and the status that shells expect."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import typer
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from core import db
from core.errors import LetheError


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn Lethe's own errors into one line, and an interruption into the status that shells expect."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _interrupt)  # SIGINT too: a shell's background job starts with it ignored
    try:
        yield
    except LetheError as error:
        Console(stderr=True).print(
            f"lethe: {error}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        raise typer.Exit(1) from error
    except SQLAlchemyError as error:
        where = db.engine().url.render_as_string(hide_password=True)
        fail(f"the database {where} cannot be used; `lethe migrate` makes its tables: {error}")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def fail(message: str) -> NoReturn:
    """Print a message in red and end with status 1."""
    printer = Console(stderr=True, style="red", markup=False, highlight=False, soft_wrap=True)
    printer.print(f"lethe: {message}")
    raise typer.Exit(1)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
