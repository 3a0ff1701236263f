"""Folders of rendered photographs in the layouts of public datasets, whole and broken."""

import struct
import zlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from faces.synthetic import SyntheticFaces, render


class Portrait(NamedTuple):
    """A picture of somebody."""

    picture: Image.Image
    age: int
    person: int


@lru_cache(maxsize=1)
def portraits() -> tuple[Portrait, ...]:
    """60 pictures of 30 people, 2 each, 96 pixels high and 80 wide."""
    drawn = render(SyntheticFaces(29, 2, 1, n_val_people=1, n_test_people=1)).retain
    again = render(SyntheticFaces(3, 2, 1, n_val_people=1, n_test_people=1, seed=1)).retain
    images = np.concatenate([drawn.images, again.images])
    people = np.concatenate([drawn.person_id, again.person_id + 100])
    ages = np.concatenate([drawn.age, again.age])
    return tuple(
        Portrait(Image.fromarray(image.transpose(1, 2, 0)).resize((80, 96), Image.Resampling.BICUBIC), age, i)
        for image, age, i in zip(
            images, ages.tolist(), np.unique(people, return_inverse=True)[1], strict=True
        )
    )


def save(folder: Path, pictures: Mapping[str, Image.Image]) -> None:
    """Write pictures under their names; the ending decides the format."""
    for name, picture in pictures.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(folder / name)


def casia_surf(folder: Path) -> Path:
    """CASIA-SURF as the challenge used it: half the people in one folder, half in another."""
    pictures, lines = {}, {}
    for i, portrait in enumerate(portraits()):
        person = f"CLKJ_AS{portrait.person:04}"
        half = "AB"[portrait.person % 2]
        pictures[f"WBackground/{half}/{person}/real.rssdk/color/{i:03}.jpg"] = portrait.picture
        lines[person] = f"{person}  {portrait.age} {'MF'[portrait.person % 2]}"
    save(folder, pictures)
    (folder / "WBackground/A/CLKJ_AS0000/real.rssdk/depth").mkdir()
    (folder / "WBackground/A/CLKJ_AS0000/real.rssdk/depth/000.jpg").write_bytes(b"not read")
    (folder / "Age_Gender.txt").write_text("".join(f"{line}\n" for line in reversed(lines.values())))
    return folder


def face_synthetics(folder: Path) -> Path:
    """Face Synthetics: square PNGs with segmentations and landmarks beside them."""
    pictures = {f"{i:06}.png": portrait.picture.resize((96, 96)) for i, portrait in enumerate(portraits())}
    save(folder, pictures)
    save(folder, {"000000_seg.png": Image.new("L", (96, 96))})
    (folder / "000000_ldmks.txt").write_text("1.0 2.0\n")
    (folder / "LICENSE.txt").write_text("\n")
    return folder


def utkface(folder: Path) -> Path:
    """UTKFace: the first half aligned, as `.chip.jpg`."""
    pictures = {}
    for i, portrait in enumerate(portraits()):
        stem = f"{portrait.age}_{portrait.person % 2}_{portrait.person % 5}_201701{i:011}.jpg"
        pictures[f"{stem}.chip.jpg" if i < 30 else stem] = portrait.picture
    save(folder, pictures)
    return folder


def csv_table(folder: Path) -> Path:
    """A folder with `faces.csv`, whose rows are in another order than the files."""
    rows = ["path,age,person_id"]
    for i, portrait in reversed(list(enumerate(portraits()))):
        save(folder, {f"photos/{i}.png": portrait.picture})
        rows.append(f"photos/{i}.png,{portrait.age},{portrait.person}")
    (folder / "faces.csv").write_text("\n".join(rows) + "\n")
    return folder


MAKERS = {
    "casia-surf": casia_surf,
    "face-synthetics": face_synthetics,
    "utkface": utkface,
    "csv": csv_table,
}


def truncated(path: Path) -> None:
    """Cut a file in half."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def huge_png(path: Path) -> None:
    """Write a PNG of a few bytes that says it is 30,000 x 30,000 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
