"""Pictures: the right faces in the right rows, and bars of the right height."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from faces.bundle import Bundle
from faces.pictures import age_group_sheet, age_histogram, contact_sheet
from tests.support.bundles import make_bundle, make_split, unlabelled


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """Labelled, all age groups in every split."""
    return make_bundle()


def tile(sheet: Image.Image, row: int, column: int) -> np.ndarray:
    """Return a face of a sheet by age group as it was before it was enlarged."""
    left = 110 + column * 64
    return np.asarray(sheet)[row * 64 : row * 64 + 64 : 2, left : left + 64 : 2].transpose(2, 0, 1)


def test_contact_sheet_shows_the_images_row_by_row() -> None:
    images = make_split(13, 0).images
    sheet = np.asarray(contact_sheet(images, 5, scale=1))
    assert sheet.shape == (3 * 32, 5 * 32, 3)
    assert np.array_equal(sheet[32:64, 64:96], images[7].transpose(1, 2, 0))
    assert (sheet[64:, 96:] == 255).all()
    assert contact_sheet(images, 5).size == (2 * 160, 2 * 96)


def test_age_group_sheet_has_a_row_of_each_group(bundle: Bundle) -> None:
    sheet = age_group_sheet(bundle)
    assert sheet.size == (110 + 16 * 64, 10 * 64)
    for group in (0, 9):  # 12 images of each, the first of retain and the last of test
        assert np.array_equal(tile(sheet, group, 0), bundle.retain.images[group])
        assert np.array_equal(tile(sheet, group, 11), bundle.test.images[20 + group])
        assert (tile(sheet, group, 12) == 255).all()


def test_age_group_sheet_leaves_the_row_of_an_empty_group_white(bundle: Bundle) -> None:
    splits = {name: replace(split, age_group=split.age_group // 2) for name, split in bundle.splits.items()}
    sheet = age_group_sheet(replace(bundle, **splits))
    assert (tile(sheet, 5, 0) == 255).all()
    assert not (tile(sheet, 4, 0) == 255).all()


def test_age_group_sheet_of_an_unlabelled_bundle_has_a_row_of_each_split(bundle: Bundle) -> None:
    sheet = age_group_sheet(unlabelled(bundle))
    assert sheet.size == (110 + 16 * 64, 4 * 64)
    assert np.array_equal(tile(sheet, 1, 0), bundle.forget.images[0])


def test_age_group_sheet_shows_at_most_sixteen_spread_evenly() -> None:
    bundle = make_bundle(n_retain=400)
    assert np.array_equal(tile(age_group_sheet(bundle), 0, 15), bundle.test.images[20])


def test_age_histogram_has_a_bar_of_the_right_height_for_each_age(bundle: Bundle) -> None:
    picture = np.asarray(age_histogram(bundle))
    assert picture.shape == (4 * 184 + 36, 920, 3)
    retain = (picture == (76, 120, 168)).all(axis=2)
    columns = np.flatnonzero(retain.any(axis=0))
    # Ages 5, 15, … 95: ten bars of the full height, 130 pixels above the axis, in a plot of 96 years.
    assert len(np.flatnonzero(np.diff(columns) > 1)) == 9
    assert {int(n) for n in retain[:, columns].sum(axis=0)} == {130}


def test_age_histogram_draws_a_rare_age_too(bundle: Bundle) -> None:
    common = make_split(2_000, 5_000)
    rare = replace(common, age=np.r_[np.full(1_999, 5), 95], age_group=np.r_[np.zeros(1_999, np.int64), 9])
    picture = np.asarray(age_histogram(replace(bundle, retain=rare)))
    assert (picture[:, 830:] == (76, 120, 168)).all(axis=2).any()


def test_age_histogram_of_model_labels_has_a_bar_a_group(bundle: Bundle) -> None:
    splits = {name: replace(split, age=np.full(len(split), -1)) for name, split in bundle.splits.items()}
    confidence = {name: [0.5] * len(split) for name, split in bundle.splits.items()}
    labels = {"labels": {"kind": "model", "confidence": confidence}}
    picture = np.asarray(age_histogram(Bundle(**splits, manifest={**bundle.manifest, **labels})))
    columns = np.flatnonzero((picture == (76, 120, 168)).all(axis=2).any(axis=0))
    assert len(columns) > 700


def test_age_histogram_of_an_unlabelled_bundle_is_refused(bundle: Bundle) -> None:
    with pytest.raises(ValueError, match="no ages to draw"):
        age_histogram(unlabelled(bundle))
