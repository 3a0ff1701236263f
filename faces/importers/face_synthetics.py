"""The layout of Microsoft's Face Synthetics: numbered PNGs, no ages, every picture its own person."""

import re
from pathlib import Path

from faces.importers.listing import PICTURES, AgeRange, Entry, Fault, Listing, walk

_IMAGE = re.compile(r"\d{6}\.png")
_SEGMENTATION = re.compile(r"\d{6}_seg\.png")


def list_faces(folder: Path, ages: AgeRange) -> Listing:  # noqa: ARG001 - one signature for all layouts
    """List `000000.png` and so on; `000000_seg.png` and files that are no pictures are passed over."""
    found = walk(folder, PICTURES)
    entries: list[Entry] = []
    faults = list(found.faults)
    where: dict[str, str] = {}
    for name in found.names:
        file = name.rpartition("/")[2]
        if _SEGMENTATION.fullmatch(file):
            continue
        if not _IMAGE.fullmatch(file):
            faults.append(Fault(name, "it is not named like `000000.png`"))
        elif file in where:
            faults.append(Fault(name, f"there is {where[file]} of the same number"))
        else:
            where[file] = name
            entries.append(Entry(name, person=file.removesuffix(".png")))
    people = tuple(sorted(entry.person for entry in entries))
    return Listing(folder, entries=tuple(entries), faults=tuple(faults), people=people)
