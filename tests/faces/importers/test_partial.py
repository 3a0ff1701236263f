"""The partial folder: what is kept of a killed import, and what is not believed."""

import errno
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faces.importers import partial as partial_
from faces.importers.listing import ImporterError
from faces.importers.partial import Partial

IMAGES = np.random.default_rng(0).integers(0, 256, (8, 3, 32, 32), dtype=np.uint8)
OUTCOMES = [IMAGES[0], "blurred", *IMAGES[1:4], "torn", "burnt", *IMAGES[4:]]


def fill(folder, fingerprint="one", batch=3):
    """Append what is missing, and return what the folder then holds."""
    with Partial(folder, fingerprint) as partial:
        started_at = partial.position
        while partial.position < len(OUTCOMES):
            partial.append(OUTCOMES[partial.position : partial.position + batch])
        assert partial.n_images == 8
        return started_at, partial.faults, np.array(partial.images())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "partial"
    fill(folder)
    return folder


def test_outcomes_come_back_in_their_order(tmp_path):
    for started_at in (0, 11):
        found = fill(tmp_path / "partial")
        assert found[0] == started_at
        assert found[1] == {1: "blurred", 5: "torn", 6: "burnt"}
        assert np.array_equal(found[2], IMAGES)


def test_other_listing_starts_anew(tmp_path):
    fill(tmp_path / "partial")
    assert fill(tmp_path / "partial", "two")[0] == 0
    assert (tmp_path / "partial" / "images").stat().st_size == 8 * 3072


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_killed_at_any_byte_it_ends_with_the_same_bytes(whole, tmp_path_factory, data):
    """A kill leaves some of the progress, and of the pictures what it says or more."""
    folder = tmp_path_factory.mktemp("killed") / "partial"
    shutil.copytree(whole, folder)
    progress = (whole / "progress.jsonl").read_bytes()
    kept = progress[: data.draw(st.integers(0, len(progress)))]
    (folder / "progress.jsonl").write_bytes(kept)
    n_said = {0: 0, 1: 0, 2: 2, 3: 5, 4: 6, 5: 8}[kept.count(b"\n")]
    size = data.draw(st.integers(n_said * 3072, 9 * 3072))
    (folder / "images").write_bytes(((whole / "images").read_bytes() + bytes(3072))[:size])
    fill(folder)
    for name in ("images", "progress.jsonl"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize("progress", [b"{\n", b"[]\n", b"\x00\n", b'{"listing": "one"}\n{\n'])
def test_damaged_progress_starts_anew(whole, tmp_path, progress):
    shutil.copytree(whole, tmp_path / "partial")
    (tmp_path / "partial" / "progress.jsonl").write_bytes(progress)
    assert fill(tmp_path / "partial")[0] == 0


def test_fewer_pictures_than_the_progress_says_starts_anew(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "partial")
    with (tmp_path / "partial" / "images").open("r+b") as images:
        images.truncate(8 * 3072 - 1)
    assert fill(tmp_path / "partial")[0] == 0


def test_two_at_once_are_refused(tmp_path):
    with Partial(tmp_path / "partial", "one"), pytest.raises(ImporterError, match="another import writes"):
        Partial(tmp_path / "partial", "one")


def test_full_disk_keeps_what_was_recorded(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = tmp_path / "partial"
    with Partial(folder, "one") as partial:
        partial.append(OUTCOMES[:3])
        monkeypatch.setattr(partial_.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            partial.append(OUTCOMES[3:6])
    monkeypatch.undo()
    started_at, _, images = fill(folder)
    assert started_at == 3
    assert np.array_equal(images, IMAGES)


def test_only_its_owner_may_look_into_it(tmp_path):
    fill(tmp_path / "partial")
    assert (tmp_path / "partial").stat().st_mode & 0o777 == 0o700
