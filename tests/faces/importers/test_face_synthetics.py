"""Face Synthetics: which pictures are listed, which are passed over, and which are faults."""

from faces.importers.face_synthetics import list_faces
from faces.importers.listing import PLAUSIBLE_AGES, Entry, Fault


def list_names(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return list_faces(folder, PLAUSIBLE_AGES)


def test_every_numbered_picture_is_a_person_without_an_age(tmp_path):
    listing = list_names(
        tmp_path, "000002.png", "000001.png", "000001_seg.png", "000001_ldmks.txt", "LICENSE"
    )
    assert listing.entries == (Entry("000001.png", "000001"), Entry("000002.png", "000002"))
    assert listing.people == ("000001", "000002")
    assert listing.faults == ()


def test_other_pictures_and_numbers_that_occur_twice_are_faults(tmp_path):
    listing = list_names(tmp_path, "000001.png", "1.png", "000002.jpg", "more/000001.png")
    wrong = "it is not named like `000000.png`"
    assert [entry.name for entry in listing.entries] == ["000001.png"]
    assert sorted(listing.faults) == [
        Fault("000002.jpg", wrong),
        Fault("1.png", wrong),
        Fault("more/000001.png", "there is 000001.png of the same number"),
    ]
