"""`lethe dataset import`: from a folder of photographs to a bundle."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.dataset import DatasetError, dataset_errors
from cli.endings import clear_errors
from cli.files import new_file
from core.inert import inert

if TYPE_CHECKING:  # loaded when they are used: `lethe --help` starts without numpy
    from faces.importers.importing import ImportOptions
    from faces.importers.listing import Fault
    from faces.splitting import SplitPlan

import_app = typer.Typer(help="Make a bundle from a folder of photographs.", no_args_is_help=True)

_SHOWN_FAULTS = 20

_ABOUT = {
    "casia-surf": "CASIA-SURF with Age_Gender.txt, as the 2023 challenge used it; squeezed to squares.",
    "face-synthetics": "Microsoft's Face Synthetics: 000000.png and so on, without ages; cropped.",
    "utkface": "UTKFace: [age]_[gender]_[race]_[date and time].jpg; cropped.",
    "csv": "Photographs and one CSV with the columns path, age, person_id and maybe split; cropped.",
}

_Folder = Annotated[Path, typer.Argument(help="Where the photographs are.", exists=True, file_okay=False)]
_Out = Annotated[Path, typer.Argument(help="A new bundle folder.")]
_Licence = Annotated[str, typer.Option(help="What the photographs may be used for.")]
_By = Annotated[
    Literal["identity", "image"] | None,
    typer.Option(help="Deal people to train, val and test, or single images; people by default."),
]
_Forget = Annotated[
    Literal["people", "images"] | None,
    typer.Option(help="Forget all images of some people, or single images; people by default."),
]
_Number = Annotated[int, typer.Option(help="How many people, or images, to forget.", min=1)]
_Draw = Annotated[int, typer.Option(help="Which forget set: no two draws share anybody.", min=0)]
_Seed = Annotated[int, typer.Option(help="Seed of the split.", min=0, max=2**63 - 1)]
_Challenge = Annotated[
    bool,
    typer.Option("--challenge", help="As in 2023: split by image, so people leak into test; forget low ids."),
]
_Shared = Annotated[
    bool, typer.Option("--allow-shared-people", help="Accept splits of the source's own that share people.")
]
_Tolerate = Annotated[float, typer.Option(help="Share of faults to leave out at most.", min=0.0, max=1.0)]
_Ages = Annotated[tuple[int, int], typer.Option(help="Youngest and oldest age to believe.", min=0, max=200)]
_Resize = Annotated[
    bool | None, typer.Option("--crop/--squeeze", help="Cut out the middle square, or squeeze all into one.")
]


def _add_command(layout: str) -> None:
    @import_app.command(layout, help=_ABOUT[layout])
    def command(  # noqa: PLR0913  # an option is a parameter
        folder: _Folder,
        out: _Out,
        *,
        licence: _Licence = "not stated",
        split_by: _By = None,
        forget: _Forget = None,
        n_forget: _Number = 15,
        draw: _Draw = 0,
        seed: _Seed = 43,
        challenge: _Challenge = False,
        allow_shared_people: _Shared = False,
        tolerate: _Tolerate = 0.01,
        ages: _Ages = (0, 120),
        crop: _Resize = None,
    ) -> None:
        with clear_errors(), _import_errors(out):
            from faces.importers.decoding import Resize
            from faces.importers.importing import ImportOptions
            from faces.importers.layouts import LAYOUTS
            from faces.importers.listing import AgeRange
            from faces.splitting import SplitPlan

            chosen = {None: LAYOUTS[layout].resize, True: Resize.CROP, False: Resize.SQUEEZE}
            options = ImportOptions(
                layout, chosen[crop], ages=AgeRange(*ages), tolerate=tolerate, licence=licence
            )
            if challenge and forget == "images":
                raise DatasetError("--challenge forgets people: leave out one of it and --forget images")
            preset = SplitPlan.challenge() if challenge else SplitPlan()
            plan = dataclasses.replace(
                preset,
                by=split_by or preset.by,
                forget=forget or preset.forget,
                n_forget=n_forget,
                draw=draw,
                seed=seed,
                allow_shared_people=allow_shared_people,
            )
            _import(folder, out, options, plan, is_dealt=challenge or split_by is not None)


for _layout in _ABOUT:
    _add_command(_layout)


@import_app.command()
def synthetic(  # noqa: PLR0913  # an option is a parameter
    out: _Out,
    *,
    people: Annotated[int, typer.Option(help="People that the original model is trained on.")] = 400,
    images: Annotated[int, typer.Option(help="Images of each of them.")] = 3,
    n_forget: Annotated[int, typer.Option(help="How many of them are forgotten.")] = 34,
    val_people: Annotated[int, typer.Option(help="Further people for val.")] = 100,
    test_people: Annotated[int, typer.Option(help="Further people for test.")] = 200,
    held_out_images: Annotated[int, typer.Option(help="Images of each further person.")] = 2,
    seed: Annotated[int, typer.Option(help="Seed of the drawing.")] = 0,
) -> None:
    """Draw synthetic faces; the defaults make the demo's bundle."""
    with clear_errors(), dataset_errors(ValueError):
        from faces import folder as folders
        from faces.synthetic import SyntheticFaces, render

        folders.check_free(out)
        config = SyntheticFaces(
            people,
            images,
            n_forget,
            n_val_people=val_people,
            n_test_people=test_people,
            held_out_images_per_person=held_out_images,
            seed=seed,
        )
        folders.write(render(config), out)
        _say(str(out))


def _import(folder: Path, out: Path, options: "ImportOptions", plan: "SplitPlan", *, is_dealt: bool) -> None:
    from faces import folder as folders
    from faces.importers.importing import TooManyFaultsError, imported
    from faces.splitting import split

    folders.check_free(out)
    try:
        with ExitStack() as stack:
            with _progress() as progress:
                found = stack.enter_context(imported(folder, _partial(out), options, progress))
            if is_dealt and any(found.album.splits):
                raise DatasetError("the source names its splits; leave out --split-by and --challenge")
            bundle = split(found.album, plan)
            _report(found.faults, out)
            folders.write(bundle, out, beside={"names.csv": found.album.names_csv()})
    except TooManyFaultsError as error:
        _report(error.faults, out)
        raise
    counts = ", ".join(f"{name} {len(part)}" for name, part in bundle.splits.items())
    _say(f"{out}: {counts}; left out {len(found.faults)}")


def _partial(out: Path) -> Path:
    return out.with_name(f"{out.name}.partial")


def _report(faults: "Sequence[Fault]", out: Path) -> None:
    """Print the first faults, and write all of them beside the bundle."""
    path = out.with_name(f"{out.name}.faults.txt")
    path.unlink(missing_ok=True)
    if not faults:
        return
    lines = [inert(f"{fault.name}: {fault.reason}").replace("\n", " ") for fault in faults]
    for line in lines[:_SHOWN_FAULTS]:
        _say(line, stderr=True)
    with new_file(path) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())
    more = f"and {len(lines) - _SHOWN_FAULTS} more; " if len(lines) > _SHOWN_FAULTS else ""
    _say(f"{more}all faults are in {path}", stderr=True)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _import_errors(out: Path) -> Iterator[None]:
    """Turn what goes wrong with a folder, or with the disk, into what a command prints."""
    from faces.importers.listing import ImporterError

    with dataset_errors(ImporterError):
        try:
            yield
        except OSError as error:
            raise DatasetError(
                f"{error.filename or _partial(out)}: {error.strerror}; what was read so far is kept, the same"
                " command goes on from there"
            ) from error


def _say(line: str, *, stderr: bool = False) -> None:
    Console(stderr=stderr).print(line, markup=False, highlight=False, soft_wrap=True)
