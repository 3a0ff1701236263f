"""`lethe dataset`: look through bundles of faces, and give them age groups."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.endings import clear_errors
from cli.files import new_file
from cli.tables import bundle_table
from cli.terminal import console
from core.errors import LetheError

if TYPE_CHECKING:  # faces and training are loaded when they are used: `lethe --help` starts without torch
    from PIL.Image import Image

dataset_app = typer.Typer(help="Bundles: the faces of a phase.", no_args_is_help=True)

_Bundle = Annotated[Path, typer.Argument(help="A bundle folder.")]
_Out = Annotated[Path, typer.Argument(help="A new bundle folder.")]
_Picture = Annotated[Path | None, typer.Option(help="Where to write it, a new .png.", dir_okay=False)]


class DatasetError(LetheError):
    """Faces that cannot be used as asked; the message says which and why."""


@dataset_app.command()
def inspect(folder: _Bundle, *, sheet: _Picture = None, histogram: _Picture = None) -> None:
    """Check a bundle's files, count what is in it, and warn of what may spoil a competition.

    --sheet draws faces of each age group, --histogram how ages are spread over the splits.
    """
    with clear_errors(), dataset_errors():
        from faces import folder as folders
        from faces import inspection, pictures

        bundle = folders.read(folder)
        if histogram is not None and not bundle.is_labelled:
            raise DatasetError(f"{folder} is unlabelled: there are no ages to draw")
        with progress("looking for duplicates", sum(map(len, bundle.splits.values()))) as advance:
            found = inspection.inspect(bundle, report=advance)
        console.print(bundle_table(found.splits))
        for warning in found.warnings():
            _say(f"warning: {warning}")
        if sheet is not None:
            _save(pictures.age_group_sheet(bundle), sheet)
        if histogram is not None:
            _save(pictures.age_histogram(bundle), histogram)


@dataset_app.command()
def label(
    unlabelled: _Bundle,
    labelled: _Bundle,
    out: _Out,
    *,
    seed: Annotated[int, typer.Option(help="Seed of the age model.", min=0, max=2**63 - 1)] = 0,
    epochs: Annotated[int, typer.Option(help="Passes over the labelled bundle.", min=1)] = 30,
    width: Annotated[int, typer.Option(help="Channels of the age model's first stage.", min=1, max=512)] = 64,
) -> None:
    """Give a bundle the age groups that a model learns from another one, and note how sure they are."""
    from training import labelling

    with clear_errors(), dataset_errors(labelling.LabellingError):
        from faces import folder as folders
        from submissions_sandbox.architectures import Architecture
        from training.recipe import Recipe

        folders.check_free(out)
        faces, teacher = folders.read(unlabelled), folders.read_with_files(labelled)
        labelling.check_unlabelled(faces)
        recipe, architecture = Recipe(epochs=epochs), Architecture(width=width)
        with progress("training the age model", None):
            model = labelling.train_age_model(teacher, architecture=architecture, recipe=recipe, seed=seed)
        with progress("labelling", sum(map(len, faces.splits.values()))) as advance:
            made = labelling.label_faces(faces, model, report=advance)
        folders.write(made, out, beside={"model.safetensors": model.weights})
        _say(f"{out}: the model is right about {model.accuracy:.1%} of the test set of {labelled}")
        if model.is_near_chance:
            _say(f"warning: that may be luck, chance is {model.chance:.1%}: these age groups say little")


@contextmanager
def dataset_errors(*others: type[ValueError]) -> Iterator[None]:
    """Turn what `faces`, or one of the other errors, says of a dataset into what a command prints."""
    from faces.bundle import InvalidBundleError
    from faces.folder import BundleFolderError
    from faces.splitting import InvalidSplitError

    faults: tuple[type[ValueError], ...] = (InvalidBundleError, BundleFolderError, InvalidSplitError, *others)
    try:
        yield
    except faults as error:
        raise DatasetError(str(error)) from error


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], object]]:
    """Show a bar, on stderr, that ends when the block does; yield what adds to the number of images done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda n_more: bar.advance(task, n_more)


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _save(picture: "Image", path: Path) -> None:
    written = BytesIO()
    picture.save(written, "png")
    with new_file(path) as file:
        file.write(written.getbuffer())
