"""The layout of CASIA-SURF with ages, as the NeurIPS 2023 unlearning challenge used it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from faces.importers.listing import (
    AgeRange,
    Entry,
    Fault,
    ImporterError,
    Listing,
    fault_of_age,
    printable,
    walk,
)

TABLE = "Age_Gender.txt"

_LINE = re.compile(r"(?P<person>\S+)\s+(?P<age>\d+)\s+(?P<gender>[A-Za-z])")
# Depth, infrared and fakes lie beside the colour photographs.
_IMAGE = re.compile(r"(?:.*/)?[^/]+/real\.rssdk/color/[^/]+\.jpg", re.IGNORECASE | re.DOTALL)


def list_faces(folder: Path, ages: AgeRange) -> Listing:
    """List `**/ID/real.rssdk/color/*.jpg`, with the ages that `Age_Gender.txt` states as `ID AGE GENDER`.

    A person's number is the place of the ID among the sorted IDs of the table, and the age groups span the
    ages of the table, whether or not there are photographs of everyone in it.

    Raises:
        ImporterError: the table is missing or states no age.
    """
    table = _read_table(folder, ages)
    if not table.ages:
        raise ImporterError(f"{folder / TABLE} states nobody's age; its lines must be `ID AGE GENDER`")
    found = walk(folder, _IMAGE)
    entries: list[Entry] = []
    faults = [*table.faults, *found.faults]
    for name in found.names:
        person = name.split("/")[-4]
        if person in table.ages:
            entries.append(Entry(name, person, age=table.ages[person]))
        else:
            faults.append(Fault(name, f"{TABLE} states no one age of {person}"))
    return Listing(
        folder,
        entries=tuple(entries),
        faults=tuple(faults),
        people=tuple(sorted(table.ages)),
        age_span=(min(table.ages.values()), max(table.ages.values())),
    )


class _Table(NamedTuple):
    ages: Mapping[str, int]
    faults: tuple[Fault, ...]


def _read_table(folder: Path, ages: AgeRange) -> _Table:
    """Read the ages; whoever is stated with two different ages has none."""
    try:
        lines = (folder / TABLE).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ImporterError(f"{folder / TABLE} cannot be read as text: {error}") from error
    stated: dict[str, int] = {}
    contradicted: set[str] = set()
    faults: list[Fault] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        reason = (
            f"{printable(line.strip())!r} is not `ID AGE GENDER`"
            if match is None
            else fault_of_age(int(match["age"]), ages)
        )
        if match is not None and reason is None:
            person, age = match["person"], int(match["age"])
            if person in stated:
                reason = f"{person} is stated twice, with the ages {stated[person]} and {age}"
                contradicted |= {person} if stated[person] != age else set()
            else:
                stated[person] = age
        if reason is not None:
            faults.append(Fault(f"{TABLE}:{number}", reason))
    return _Table({person: stated[person] for person in stated.keys() - contradicted}, tuple(faults))
