"""The import of a folder: its listing decoded, side by side and resumable, into an album."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from faces.album import Album
from faces.importers.decoding import Resize, UnreadableImageError, decode, strict_warnings, versions
from faces.importers.layouts import LAYOUTS
from faces.importers.listing import PLAUSIBLE_AGES, AgeRange, Entry, Fault, ImporterError, Listing
from faces.importers.partial import Outcome, Partial

_BATCH = 512  # pictures between two records; what a killed import does again

Progress = Callable[[int, int], None]


class TooManyFaultsError(ImporterError):
    """More is wrong with the folder than its organizer tolerates.

    Attributes:
        faults: all that was found wrong so far.
    """

    def __init__(self, faults: tuple[Fault, ...], n_found: int, tolerate: float) -> None:
        super().__init__(
            f"{len(faults)} of {n_found} entries are at fault, a share of {len(faults) / n_found:.2%};"
            f" {tolerate:.2%} is tolerated"
        )
        self.faults = faults


@dataclass(frozen=True)
class ImportOptions:
    """How a folder is read.

    Attributes:
        layout: a key of LAYOUTS.
        resize: how pictures become square.
        ages: which ages are taken for true.
        tolerate: share of what is found, 0..1, that may be at fault and is then left out.
        licence: what the faces may be used for.
        n_threads: how many pictures are decoded at once; changes no result.

    Raises:
        ImporterError: no age is in the range, or the licence is not printable UTF-8.
    """

    layout: str
    resize: Resize
    ages: AgeRange = PLAUSIBLE_AGES
    tolerate: float = 0.01
    licence: str = "not stated"
    n_threads: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))

    def __post_init__(self) -> None:
        youngest, oldest = self.ages
        if oldest < youngest:
            raise ImporterError(f"ages {youngest} {oldest} is an empty range; the youngest comes first")
        if not self.licence.isprintable():
            raise ImporterError("the licence must be one line of printable UTF-8")


@dataclass(frozen=True)
class Imported:
    """What an import made.

    Attributes:
        album: the faces; its images are mapped from the partial folder.
        faults: what was left out.
    """

    album: Album
    faults: tuple[Fault, ...]


@contextmanager
def imported(
    folder: Path, partial_folder: Path, options: ImportOptions, progress: Progress
) -> Iterator[Imported]:
    """Read a folder of photographs; whoever uses them does so in the block.

    Only when the block ends well are the decoded photographs deleted. Until then another call for the same
    folder and options goes on where a killed one stopped, and gives the bits of one that was not disturbed.

    Args:
        folder: where the photographs are.
        partial_folder: where decoded ones are kept, 3,072 bytes each.
        options: how they are read.
        progress: called with how many photographs are done, and of how many.

    Raises:
        ImporterError: the folder is not in its layout, or holds no photographs.
        TooManyFaultsError: too much of it is at fault.
        OSError: the partial folder cannot be written, or a photograph cannot be read at the moment.
    """
    listing = LAYOUTS[options.layout].list_faces(folder, options.ages)
    _check_faults(listing.faults, listing, options)
    with Partial(partial_folder, _fingerprint(listing, options)) as partial_:
        _decode_rest(partial_, listing, options, progress)
        unreadable = [Fault(listing.entries[i].name, why) for i, why in sorted(partial_.faults.items())]
        faults = (*listing.faults, *unreadable)
        _check_faults(faults, listing, options)
        yield Imported(_album(listing, partial_, options, faults), faults)
        shutil.rmtree(partial_folder)


def _check_faults(faults: tuple[Fault, ...], listing: Listing, options: ImportOptions) -> None:
    if len(faults) > options.tolerate * listing.n_found:
        raise TooManyFaultsError(faults, listing.n_found, options.tolerate)
    if len(faults) == listing.n_found:
        raise ImporterError(f"{listing.folder} holds no good photograph in the layout {options.layout}")


def _decode_rest(partial_: Partial, listing: Listing, options: ImportOptions, progress: Progress) -> None:
    outcome_of = partial(_outcome, folder=listing.folder, resize=options.resize)
    total = len(listing.entries)
    progress(partial_.position, total)
    with strict_warnings(), ThreadPoolExecutor(options.n_threads) as pool:
        while partial_.position < total:
            batch = listing.entries[partial_.position : partial_.position + _BATCH]
            partial_.append(list(pool.map(outcome_of, batch)))
            progress(partial_.position, total)


def _outcome(entry: Entry, *, folder: Path, resize: Resize) -> Outcome:
    try:
        return decode(folder / entry.name, resize)
    except UnreadableImageError as error:
        return str(error)


def _album(listing: Listing, partial_: Partial, options: ImportOptions, faults: tuple[Fault, ...]) -> Album:
    kept = [entry for i, entry in enumerate(listing.entries) if i not in partial_.faults]
    number = {person: i for i, person in enumerate(listing.people)}
    return Album(
        images=partial_.images(),
        age=np.array([-1 if entry.age is None else entry.age for entry in kept], np.int64),
        person_id=np.array([number[entry.person] for entry in kept], np.int64),
        image_id=np.arange(len(kept), dtype=np.int64),
        names=tuple(entry.name for entry in kept),
        people=listing.people,
        splits=tuple(entry.split for entry in kept),
        age_span=listing.age_span,
        provenance={
            "kind": "import",
            "layout": options.layout,
            "resize": options.resize.value,
            "ages": options.ages._asdict(),
            "decoder": versions(),
            "found": listing.n_found,
            "left_out": {"count": len(faults), "faults": [fault._asdict() for fault in faults]},
        },
        licence=options.licence,
    )


def _fingerprint(listing: Listing, options: ImportOptions) -> str:
    """Return the hash of all that decides the decoded pictures; a file with a new time counts as changed."""
    facts = {"resize": options.resize.value, "decoder": versions()}
    sha256 = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for entry in listing.entries:
        status = (listing.folder / entry.name).stat()
        sha256.update(json.dumps([entry, status.st_size, status.st_mtime_ns]).encode())
    return sha256.hexdigest()
