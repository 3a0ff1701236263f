"""The tokens that `lethe login` keeps for this user: one an installation, readable by nobody else."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import typer

from core.errors import LetheError


class CredentialsError(LetheError):
    """The file of tokens cannot be read or written; the message says which it is."""


@dataclass
class Credentials:
    """Whom this user is signed in to.

    Attributes:
        url: the installation that was signed in to last; commands go there unless they are told otherwise.
        tokens: by the address of an installation.
    """

    url: str = ""
    tokens: dict[str, str] = field(default_factory=dict)


def path() -> Path:
    """Return where the tokens are."""
    return Path(typer.get_app_dir("lethe")) / "credentials.json"


def read() -> Credentials:
    """Return what is kept; nothing if nobody has signed in.

    Raises:
        CredentialsError: the file cannot be read, or is none of ours.
    """
    try:
        return Credentials(**json.loads(path().read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Credentials()
    except (OSError, ValueError, TypeError) as error:
        raise CredentialsError(f"{path()} cannot be read: {error}; delete it and sign in again") from error


def keep(url: str, token: str) -> None:
    """Keep a token for an installation, and have commands go there."""
    kept = read()
    _write(Credentials(url, kept.tokens | {url: token}))


def drop(url: str) -> None:
    """Forget the token for an installation."""
    kept = read()
    tokens = {address: token for address, token in kept.tokens.items() if address != url}
    _write(Credentials("" if kept.url == url else kept.url, tokens))


def _write(credentials: Credentials) -> None:
    file = path()
    new = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump({"url": credentials.url, "tokens": credentials.tokens}, stream)
        new.replace(file)
    except OSError as error:
        raise CredentialsError(f"{file} cannot be written: {error}") from error
