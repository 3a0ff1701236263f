"""`lethe competition`: create, export and change competitions as bundles; for organizers."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli import phase_bundles
from cli.client import Client
from cli.endings import clear_errors, fail
from cli.files import new_file
from cli.terminal import LOCAL_URL, Token, Url, console
from core.bundle import files, writing
from core.errors import InvalidCompetitionError
from core.inert import inert

competition_app = typer.Typer(
    help="Competitions as bundles: docs/competitions.md says what is in one.", no_args_is_help=True
)

_Path = Annotated[
    Path, typer.Argument(help="A competition.yaml, the folder that it lies in, or a .zip.", exists=True)
]
_NewFile = Annotated[Path, typer.Argument(help="A new .zip.")]
_Slug = Annotated[str, typer.Argument(help="The competition.")]
_Published = Annotated[
    bool | None, typer.Option("--publish/--hide", help="Whether everybody sees it; by default as it says.")
]
_Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
_SHOWN_CHARACTERS = 300


@competition_app.command()
def schema() -> None:
    """Print the JSON Schema of a competition.yaml."""
    typer.echo(writing.schema(), nl=False)


@competition_app.command()
def create(path: _Path, *, published: _Published = None, token: Token, url: Url = LOCAL_URL) -> None:
    """Create a competition and prepare its phases; only admins may."""
    with clear_errors():
        created = Client(url, token).create_competition(_bundle(path), published=published)
        line = f"Created `{created['slug']}`; its phases open when their reference models are trained."
        console.print(line, markup=False, highlight=False, soft_wrap=True)


@competition_app.command()
def export(competition: _Slug, path: _NewFile, *, token: Token, url: Url = LOCAL_URL) -> None:
    """Write the bundle of a competition; it names faces by their hashes, and holds no secret."""
    with clear_errors(), new_file(path) as file:
        file.write(Client(url, token).bundle(competition))


@competition_app.command()
def diff(competition: _Slug, path: _Path, *, token: Token, url: Url = LOCAL_URL) -> None:
    """Show what a bundle would change in a competition; status 1 if some of it may not be."""
    with clear_errors():
        shown = Client(url, token).show_changes(competition, _bundle(path))
        _print(shown.answer)
        if not shown.answer["allowed"]:
            fail("some of it may not be changed, so nothing would be")


@competition_app.command()
def apply(  # an option is a parameter
    competition: _Slug, path: _Path, *, yes: _Yes = False, token: Token, url: Url = LOCAL_URL
) -> None:
    """Show what a bundle would change in a competition, ask, and make exactly these changes."""
    with clear_errors():
        client, bundle = Client(url, token), _bundle(path)
        shown = client.show_changes(competition, bundle)
        _print(shown.answer)
        if not shown.answer["allowed"]:
            fail("some of it may not be changed, so nothing was")
        if shown.answer["changes"] and (yes or typer.confirm("Make these changes?")):
            client.make_changes(competition, bundle, etag=shown.etag)
            console.print("Changed.")


@competition_app.command()
def delete(competition: _Slug, *, yes: _Yes = False, token: Token, url: Url = LOCAL_URL) -> None:
    """Delete a competition without submissions, with its teams and announcements; there is no way back."""
    with clear_errors():
        asked = f"Delete `{inert(competition)}` with its phases, teams and announcements?"
        if yes or typer.confirm(asked):
            Client(url, token).delete_competition(competition)
            console.print("Deleted.")


def _bundle(path: Path) -> bytes:
    if path.suffix == ".zip":
        return path.read_bytes()
    document = path / files.DOCUMENT if path.is_dir() else path
    if not document.is_file():
        raise InvalidCompetitionError(f"{path} has no {files.DOCUMENT}")
    return phase_bundles.packed(document)


def _print(answer: dict[str, Any]) -> None:
    lines = [line for change in answer["changes"] for line in _lines(change)]
    for line in lines or [f"{answer['competition']} is what the bundle says already."]:
        # Whoever answers need not be trusted with this terminal.
        console.print(inert(line), markup=False, highlight=False, soft_wrap=True)


def _lines(change: dict[str, Any]) -> list[str]:
    told = f"refused: {change['refused_because']}" if not change["allowed"] else change["entails"]
    return [
        f"{change['path']}" + (f"  ({told})" if told else ""),
        f"  - {_short(change['before'])}",
        f"  + {_short(change['after'])}",
    ]


def _short(value: object) -> str:
    text = "nothing" if value is None else repr(value) if not isinstance(value, str) else value
    text = text.replace("\n", "\\n")
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
