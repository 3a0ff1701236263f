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

_LINE = re.compile(r"(?P<person>\S+)\s+(?P<age>[0-9]{1,4})\s+(?P<gender>[A-Za-z])")
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
        people=tuple(sorted(table.people)),
        age_span=(min(table.ages.values()), max(table.ages.values())),
    )


class _Table(NamedTuple):
    people: frozenset[str]
    ages: Mapping[str, int]
    faults: tuple[Fault, ...]


def _read_table(folder: Path, ages: AgeRange) -> _Table:
    """Read the ages; whoever is stated with two different ages has none."""
    try:
        lines = (folder / TABLE).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ImporterError(f"{folder / TABLE} cannot be read as text: {error}") from error
    stated: dict[str, set[int]] = {}
    faults: list[Fault] = []
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line.strip())
        if match is None or not match["person"].isprintable():
            reason = f"{printable(line.strip())!r} is not `ID AGE GENDER`" if line.strip() else None
        else:
            reason = fault_of_age(int(match["age"]), ages)
            if match["person"] in stated:
                reason = f"{match['person']} is stated twice"
            stated.setdefault(match["person"], set()).add(int(match["age"]))
        if reason is not None:
            faults.append(Fault(f"{TABLE}:{number}", reason))
    unambiguous = {person: min(found) for person, found in stated.items() if len(found) == 1}
    plausible = {person: age for person, age in unambiguous.items() if fault_of_age(age, ages) is None}
    return _Table(frozenset(stated), plausible, tuple(faults))
