"""The layout of UTKFace: the age stands in the file's name; every picture its own person."""

import re
from pathlib import Path

from faces.importers.listing import PICTURES, AgeRange, Entry, Fault, Listing, fault_of_age, walk

OLDEST = 116

_IMAGE = re.compile(r"(?P<age>\d{1,3})_[01]_[0-4]_\d+\.jpg(?:\.chip\.jpg)?")


def list_faces(folder: Path, ages: AgeRange) -> Listing:
    """List `[age]_[gender]_[race]_[date and time].jpg`, also with `.chip.jpg` at the end.

    A few names in the published set lack the race; they do not say for sure what the other numbers are.
    """
    plausible = AgeRange(ages.youngest, min(ages.oldest, OLDEST))
    found = walk(folder, PICTURES)
    entries: list[Entry] = []
    faults = list(found.faults)
    where: dict[str, str] = {}
    for name in found.names:
        file = name.rpartition("/")[2]
        match = _IMAGE.fullmatch(file)
        if match is None:
            faults.append(Fault(name, "it is not named `[age]_[gender]_[race]_[date and time].jpg`"))
            continue
        age = int(match["age"])
        reason = fault_of_age(age, plausible)
        if file in where:
            reason = f"there is {where[file]} of the same name"
        if reason is not None:
            faults.append(Fault(name, reason))
            continue
        where[file] = name
        entries.append(Entry(name, person=name, age=age))
    people = tuple(entry.person for entry in entries)
    return Listing(folder, entries=tuple(entries), faults=tuple(faults), people=people)
