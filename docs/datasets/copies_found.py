"""Prints which copies of a face `lethe dataset inspect` finds. From the top folder, with -m.

The faces are synthetic; with a bundle folder as argument, those of its retain set.
"""

import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faces import folder
from faces.duplicates import correlation, find_twins, perceptual_hashes
from faces.synthetic import SyntheticFaces, render

Images = NDArray[np.uint8]

N_COPIED = 400
NOISE = np.random.default_rng(0)


def one_by_one(change: Callable[[Image.Image], Image.Image]) -> Callable[[Images], Images]:
    """Return what changes many images, of a function that changes one picture."""

    def change_all(images: Images) -> Images:
        pictures = (Image.fromarray(image) for image in images.transpose(0, 2, 3, 1))
        return np.stack([np.asarray(change(picture)) for picture in pictures]).transpose(0, 3, 1, 2)

    return change_all


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    """Return the picture as it is after having been a JPEG."""
    file = BytesIO()
    picture.save(file, "jpeg", quality=quality)
    return Image.open(file)


CHANGES: dict[str, Callable[[Images], Images]] = {
    "the same bytes": lambda images: images,
    "JPEG, quality 90": one_by_one(lambda picture: jpeg(picture, 90)),
    "JPEG, quality 60": one_by_one(lambda picture: jpeg(picture, 60)),
    "a tenth darker": lambda images: (images * 0.9).astype(np.uint8),
    "noise of 3 levels": lambda images: np.clip(images + NOISE.normal(0, 3, images.shape), 0, 255).astype(
        np.uint8
    ),
    "scaled to 48 x 48 and back": one_by_one(lambda picture: picture.resize((48, 48)).resize((32, 32))),
    "mirrored": lambda images: images[..., ::-1],
    "shifted by a pixel": lambda images: np.roll(images, 1, axis=3),
}

if len(sys.argv) > 1:
    faces = folder.read(Path(sys.argv[1])).retain.images
else:
    faces = render(SyntheticFaces(n_people=2_501, n_forget_people=1, images_per_person=2)).retain.images
started = time.perf_counter()
n_alike = np.count_nonzero(find_twins(faces) != -1)
print(f"{len(faces)} different faces: {n_alike} with a twin, {time.perf_counter() - started:.1f} s")
hashes = perceptual_hashes(faces)
one, other = np.nonzero(np.triu(np.bitwise_count(hashes[:, None] ^ hashes) <= 4, 1))
most = correlation(faces[one], faces[other]).max(initial=-1.0)
print(f"{len(one)} pairs of them are within 4 bits; they correlate to at most {most:.3f}")
for name, change in CHANGES.items():
    twins = find_twins(np.concatenate([faces[:N_COPIED], np.ascontiguousarray(change(faces[:N_COPIED]))]))
    found = np.mean(twins[N_COPIED:] == np.arange(min(N_COPIED, len(faces))))
    print(f"{name:<28}{found:6.1%}")
