"""Small bundles and albums, of noise rather than of faces."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from faces import folder
from faces.album import Album
from faces.bundle import Bundle, Split


def make_split(n: int, first_id: int) -> Split:
    """Return n images, two of each person, with ids from `first_id` and ages of all groups in turn."""
    ids = np.arange(first_id, first_id + n)
    images = np.random.default_rng(first_id).integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)
    group = ids % 10
    return Split(images=images, age=10 * group + 5, age_group=group, person_id=ids // 2, image_id=ids)


def make_bundle(n_retain: int = 60, n_forget: int = 20) -> Bundle:
    """Return a labelled bundle, all age groups in every split."""
    return Bundle(
        retain=make_split(n_retain, 0),
        forget=make_split(n_forget, 1000),
        val=make_split(10, 2000),
        test=make_split(30, 3000),
        manifest={"licence": "CC0-1.0", "provenance": {"kind": "test"}},
    )


def unlabelled(bundle: Bundle) -> Bundle:
    """Return the same faces without ages and age groups."""
    none = {name: np.full(len(split), -1) for name, split in bundle.splits.items()}
    splits = {
        name: replace(split, age=none[name], age_group=none[name]) for name, split in bundle.splits.items()
    }
    return Bundle(**splits, manifest={**bundle.manifest, "labels": {"kind": "none"}})


def write_bundle(bundle: Bundle, path: Path) -> Path:
    """Write a bundle folder and return its path."""
    folder.write(bundle, path)
    return path


def make_album(images_of: list[int], *, splits: list[str | None] | None = None, aged: bool = True) -> Album:
    """Return an album of people with so many images each, person p aged p; ids are 100 + p, names "p<id>"."""
    person = np.repeat(np.arange(len(images_of)), images_of)
    n = len(person)
    return Album(
        images=np.random.default_rng(0).integers(0, 256, (n, 3, 32, 32), dtype=np.uint8),
        age=person if aged else np.full(n, -1),
        person_id=100 + person,
        image_id=np.arange(n),
        names=tuple(f"{row:05}.png" for row in range(n)),
        people=tuple(f"p{i}" for i in range(100 + len(images_of))),
        splits=tuple(splits or [None] * n),
        age_span=None,
        provenance={"kind": "test"},
        licence="CC0-1.0",
    )
