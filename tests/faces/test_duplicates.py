"""Duplicates: copies are found, be they recompressed; different faces are not."""

from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from faces import duplicates
from faces.duplicates import find_twins, perceptual_hashes
from faces.synthetic import SyntheticFaces, render

Images = NDArray[np.uint8]


@pytest.fixture(scope="module")
def faces() -> Images:
    """180 faces of 90 people."""
    return render(SyntheticFaces(n_people=90, images_per_person=2, n_forget_people=1)).retain.images


def recompressed(images: Images) -> Images:
    return np.stack([_jpeg(image) for image in images])


def _jpeg(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    file = BytesIO()
    Image.fromarray(image.transpose(1, 2, 0)).save(file, "jpeg", quality=90)
    return np.asarray(Image.open(file)).transpose(2, 0, 1)


def test_different_faces_have_no_twins(faces: Images) -> None:
    assert (find_twins(faces) == -1).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda images: images,
        recompressed,
        lambda images: (images * 0.9).astype(np.uint8),
        lambda images: np.clip(images + np.random.default_rng(0).normal(0, 2, images.shape), 0, 255).astype(
            np.uint8
        ),
    ],
    ids=["same", "recompressed", "darker", "noisy"],
)
def test_copies_are_twins_of_the_earliest(faces: Images, change: object) -> None:
    copies = change(faces[:70])  # type: ignore[operator]
    twins = find_twins(np.concatenate([faces, copies, copies[:5]]))
    n = len(faces)
    assert (twins[:n] == -1).all()
    found = twins[n : n + 70]
    assert np.mean(found == np.arange(70)) >= 0.97
    assert np.array_equal(twins[n + 70 :][found[:5] != -1], np.arange(5)[found[:5] != -1])


def test_pictures_that_differ_but_in_what_the_hash_sees_are_no_twins(faces: Images) -> None:
    board = np.where(np.indices((32, 32)).sum(axis=0) % 2 == 0, 60, -60)
    covered = np.clip(faces[:5] + board, 0, 255).astype(np.uint8)
    distances = np.bitwise_count(perceptual_hashes(covered) ^ perceptual_hashes(faces[:5]))
    assert distances.min() <= 4
    assert (find_twins(np.concatenate([faces[:5], covered])) == -1).all()


def test_many_copies_of_one_image_all_have_a_twin(faces: Images) -> None:
    twins = find_twins(np.repeat(faces[:1], 200, axis=0))
    assert twins[0] == -1
    assert (twins[1:] == 0).all()


def test_even_images_are_twins_of_each_other_only(faces: Images) -> None:
    even = np.full((2, 3, 32, 32), 128, np.uint8)
    assert find_twins(np.concatenate([faces[:3], even])).tolist() == [-1, -1, -1, -1, 3]


def test_report_counts_every_image(faces: Images) -> None:
    reported: list[int] = []
    find_twins(faces, report=reported.append)
    assert sum(reported) == len(faces)


def test_hash_is_that_of_the_usual_definition(faces: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    # One image at a time: the cosine sums written out, and the bits by hand.
    monkeypatch.setattr(duplicates, "_HASHED_AT_ONCE", 2)
    basis = np.cos(np.pi * np.outer(np.arange(8), 2 * np.arange(32) + 1) / 64)
    for image, found in zip(faces[:3], perceptual_hashes(faces[:3]), strict=True):
        low = basis @ np.tensordot([0.299, 0.587, 0.114], image, 1) @ basis.T
        bits = "".join("1" if value > np.median(low) else "0" for value in low.ravel())
        assert int(found).to_bytes(8, "little") == int(bits, 2).to_bytes(8, "big")
