"""The listing: which photographs a folder holds, what its layout says of each, and what is wrong with it."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

PICTURES = re.compile(r".*\.(?:png|jpe?g|webp)", re.IGNORECASE | re.DOTALL)


class ImporterError(ValueError):
    """A folder cannot be imported at all; the message says why and what to do."""


class AgeRange(NamedTuple):
    """Which ages are taken for true, years, both ends included."""

    youngest: int = 0
    oldest: int = 120


PLAUSIBLE_AGES = AgeRange()


class Entry(NamedTuple):
    """One photograph.

    Attributes:
        name: its path below the folder, with slashes.
        person: who it shows, as the layout names people.
        age: years; None where the layout knows none.
        split: the split that the layout puts it in, or None.
    """

    name: str
    person: str
    age: int | None = None
    split: str | None = None


class Fault(NamedTuple):
    """Something that is left out: a photograph, or a line of a table, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """What a folder holds.

    Attributes:
        folder: the folder.
        entries: its photographs, in the layout's order; each has an age, or none has.
        faults: what is left out.
        people: every person of the layout; a person's number is the place in here.
        age_span: youngest and oldest age that the age groups span; None: those of the photographs.
    """

    folder: Path
    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...]
    people: tuple[str, ...]
    age_span: tuple[int, int] | None = None

    @property
    def n_found(self) -> int:
        """How many things were found, good or bad."""
        return len(self.entries) + len(self.faults)


class Walk(NamedTuple):
    """The files below a folder: names with slashes, and those whose names or links cannot be followed."""

    names: tuple[str, ...]
    faults: tuple[Fault, ...]


def walk(folder: Path, wanted: re.Pattern[str]) -> Walk:
    """Find the files whose path below a folder, with slashes, is all matched by `wanted`.

    They come sorted by folder, then by file name.

    Raises:
        ImporterError: the folder, or one below it, cannot be read, or one below it is a link.
    """
    names: list[str] = []
    faults: list[Fault] = []
    for place, folders, files in os.walk(folder, onerror=_refuse):
        folders.sort()
        _check_links(place, folders)
        below = Path(place).relative_to(folder).as_posix()
        for file in sorted(files):
            name = file if below == "." else f"{below}/{file}"
            if not wanted.fullmatch(name):
                continue
            reason = fault_of_path(folder, name)
            if reason is None:
                names.append(name)
            else:
                faults.append(Fault(printable(name), reason))
    return Walk(tuple(sorted(names, key=lambda name: name.rpartition("/")[::2])), tuple(faults))


def fault_of_path(folder: Path, name: str) -> str | None:
    """Return what is wrong with a path below a folder, or None: it must be a file that lies in the folder."""
    if not name.isprintable():
        return "its name is not printable UTF-8"
    if os.path.isabs(name):
        return "its path is absolute; it must be below the folder"
    inside, path = os.path.realpath(folder), os.path.realpath(folder / name)
    if os.path.commonpath([inside, path]) != inside:
        return "its path leads out of the folder"
    if not os.path.lexists(path):
        return "there is no such file"
    return None if os.path.isfile(path) else "it is not a file"


def fault_of_age(age: int, ages: AgeRange) -> str | None:
    """Return what is wrong with an age, or None."""
    if ages.youngest <= age <= ages.oldest:
        return None
    return f"age {age} is outside {ages.youngest}..{ages.oldest}"


def printable(name: str) -> str:
    """Return a name with what cannot be printed, or is not UTF-8, written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _check_links(place: str, folders: list[str]) -> None:
    for folder in folders:
        path = os.path.join(place, folder)
        # One fault among a thousand would be tolerated, whatever number of photographs lies behind it.
        if os.path.islink(path):
            raise ImporterError(
                f"{printable(path)} is a link to a folder; links to folders are not followed: copy it, or"
                " import what it links to"
            )


def _refuse(error: OSError) -> None:
    raise ImporterError(f"the folder {error.filename} cannot be read: {error.strerror}") from error
