"""The import: from every layout to an album, resumed to the same bits, and strict about what is wrong."""

import errno
import os

import numpy as np
import pytest

from faces.importers import importing
from faces.importers.decoding import Resize, decode
from faces.importers.importing import ImportOptions, TooManyFaultsError, imported
from faces.importers.layouts import LAYOUTS
from faces.importers.listing import AgeRange, ImporterError
from tests.support import photographs


def options(layout, **changes):
    return ImportOptions(layout, LAYOUTS[layout].resize, **changes)


def do_import(folder, wanted, *, out=None, progress=lambda _done, _total: None):
    with imported(folder, out or folder.parent / "out.partial", wanted, progress) as found:
        return found, np.array(found.album.images)


@pytest.fixture
def utkface(tmp_path):
    return photographs.utkface(tmp_path / "faces")


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(importing, "_BATCH", 7)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_album_holds_every_photograph_with_its_labels(tmp_path, layout):
    folder = photographs.MAKERS[layout](tmp_path / "faces")
    found, images = do_import(folder, options(layout, licence="CC BY 4.0"))
    album = found.album
    assert found.faults == ()
    assert album.licence == "CC BY 4.0"
    for i in range(0, 60, 11):
        assert np.array_equal(images[i], decode(folder / album.names[i], LAYOUTS[layout].resize))
    order = range(59, -1, -1) if layout == "csv" else range(60)
    if layout != "utkface":
        expected = [photographs.portraits()[i] for i in order]
        ages = [portrait.age for portrait in expected]
        people = [portrait.person for portrait in expected]
        if layout == "casia-surf":  # even people lie in one folder, odd ones in another
            by_folder = sorted(range(60), key=lambda i: (people[i] % 2, people[i]))
            ages, people = ([values[i] for i in by_folder] for values in (ages, people))
        if layout == "face-synthetics":
            ages, people = [-1] * 60, list(range(60))
        assert album.age.tolist() == ages
        assert album.person_id.tolist() == people
    assert not (tmp_path / "out.partial").exists()


def test_layouts_squeeze_where_the_challenge_did(tmp_path):
    assert [name for name, layout in LAYOUTS.items() if layout.resize is Resize.SQUEEZE] == ["casia-surf"]


def test_number_of_threads_changes_no_bit(utkface):
    one, four = (do_import(utkface, options("utkface", n_threads=n))[1] for n in (1, 4))
    assert np.array_equal(one, four)


class Killed(BaseException):
    pass


def test_killed_import_goes_on_where_it_stopped(utkface, tmp_path, small_batches, monkeypatch):
    undisturbed = do_import(utkface, options("utkface"), out=tmp_path / "other.partial")[1]

    def kill(done, _total):
        if done == 21:
            raise Killed

    with pytest.raises(Killed):
        do_import(utkface, options("utkface"), progress=kill)
    read = []
    monkeypatch.setattr(importing, "decode", lambda path, resize: read.append(path) or decode(path, resize))
    seen = []
    images = do_import(utkface, options("utkface"), progress=lambda *numbers: seen.append(numbers))[1]
    assert seen[:2] == [(21, 60), (28, 60)]
    assert len(read) == 60 - 21
    assert np.array_equal(images, undisturbed)


@pytest.mark.parametrize("change", ["touched file", "new file", "resize"])
def test_killed_import_of_something_else_starts_anew(utkface, small_batches, change):
    def kill(done, _total):
        if done == 21:
            raise Killed

    with pytest.raises(Killed):
        do_import(utkface, options("utkface"), progress=kill)
    wanted = options("utkface")
    if change == "touched file":
        os.utime(next(utkface.iterdir()), ns=(0, 0))
    elif change == "new file":
        photographs.save(utkface, {"7_0_0_20170000000000000.jpg": photographs.portraits()[0].picture})
    else:
        wanted = ImportOptions("utkface", Resize.SQUEEZE)
    seen = []
    do_import(utkface, wanted, progress=lambda done, _total: seen.append(done))
    assert seen[0] == 0


def test_pictures_that_cannot_be_read_are_left_out_by_name(utkface, small_batches):
    names = sorted(path.name for path in utkface.iterdir())
    photographs.truncated(utkface / names[3])
    (utkface / names[40]).write_text("a face")
    (utkface / "39_1_20170116174525125.jpg").touch()
    whole = np.stack(
        [decode(utkface / name, Resize.CROP) for name in names if name not in {names[3], names[40]}]
    )
    found, images = do_import(utkface, options("utkface", tolerate=0.05))
    assert [fault.name for fault in found.faults] == ["39_1_20170116174525125.jpg", names[3], names[40]]
    assert set(found.album.names) == set(names) - {names[3], names[40]}
    assert np.array_equal(images, whole)
    assert found.album.image_id.tolist() == list(range(58))
    assert found.album.provenance["found"] == 61
    assert found.album.provenance["left_out"]["count"] == 3
    assert found.album.provenance["left_out"]["faults"][1] == found.faults[1]._asdict()


@pytest.mark.parametrize(
    ("n_broken", "tolerate", "is_accepted"), [(3, 0.05, True), (4, 0.05, False), (1, 0.0, False)]
)
def test_more_faults_than_tolerated_stop_the_import(utkface, n_broken, tolerate, is_accepted):
    for path in sorted(utkface.iterdir())[:n_broken]:
        photographs.truncated(path)
    if is_accepted:
        assert len(do_import(utkface, options("utkface", tolerate=tolerate))[0].album) == 57
    else:
        with pytest.raises(TooManyFaultsError, match=f"{n_broken} of 60 entries") as caught:
            do_import(utkface, options("utkface", tolerate=tolerate))
        assert len(caught.value.faults) == n_broken


def test_too_many_wrong_names_stop_the_import_before_a_picture_is_read(utkface, monkeypatch):
    (utkface / "39_1_20170116174525125.jpg").touch()
    monkeypatch.setattr(importing, "decode", None)
    with pytest.raises(TooManyFaultsError, match=r"1 of 61 entries are at fault, a share of 1\.64%"):
        do_import(utkface, options("utkface"))


def test_folder_without_a_good_photograph_is_refused(utkface, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImporterError, match="holds no good photograph"):
        do_import(tmp_path / "empty", options("utkface"))
    for path in utkface.iterdir():
        path.write_text("a face")
    with pytest.raises(ImporterError, match="holds no good photograph"):
        do_import(utkface, options("utkface", tolerate=1.0))


def test_link_to_a_folder_is_refused_by_name(utkface, tmp_path):
    more = photographs.utkface(tmp_path / "more")
    (utkface / "linked").symlink_to(more, target_is_directory=True)
    with pytest.raises(ImporterError, match=r"faces/linked is a link to a folder; .* copy it, or import"):
        do_import(utkface, options("utkface", tolerate=1.0))


def test_webp_file_is_not_passed_over(utkface):
    name = "30_0_0_20170116174525125.webp"
    photographs.save(utkface, {name: photographs.portraits()[0].picture})
    found, _ = do_import(utkface, options("utkface", tolerate=1.0))
    assert [fault.name for fault in found.faults] == [name]


def test_photograph_that_cannot_be_read_for_now_stops_the_import_and_is_no_fault(
    utkface, small_batches, monkeypatch
):
    broken = sorted(utkface.iterdir())[30]

    def failing(path, resize):
        if path == broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return decode(path, resize)

    with monkeypatch.context() as patched:
        patched.setattr(importing, "decode", failing)
        with pytest.raises(OSError, match="Input/output error"):
            do_import(utkface, options("utkface", tolerate=1.0))
    seen = []
    found, _ = do_import(utkface, options("utkface"), progress=lambda done, _total: seen.append(done))
    assert (seen[0], found.faults) == (28, ())


def test_ages_that_are_not_believed_are_faults(utkface):
    found, _ = do_import(utkface, options("utkface", ages=AgeRange(18, 60), tolerate=1.0))
    assert found.album.age.min() >= 18
    assert found.album.age.max() <= 60
    assert len(found.faults) == 60 - len(found.album)
