"""The layouts that Lethe reads, by name."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from faces.importers import casia_surf, csv_table, face_synthetics, utkface
from faces.importers.decoding import Resize
from faces.importers.listing import AgeRange, Listing


class Layout(NamedTuple):
    """How a dataset lies in its folder.

    Attributes:
        list_faces: lists a folder, taking for true only the given ages; raises ImporterError.
        resize: what is done with pictures that are not square unless the organizer says otherwise.
    """

    list_faces: Callable[[Path, AgeRange], Listing]
    resize: Resize


LAYOUTS = {
    "casia-surf": Layout(casia_surf.list_faces, Resize.SQUEEZE),  # as the 2023 challenge did
    "face-synthetics": Layout(face_synthetics.list_faces, Resize.CROP),
    "utkface": Layout(utkface.list_faces, Resize.CROP),
    "csv": Layout(csv_table.list_faces, Resize.CROP),
}
