"""CASIA-SURF: what its table and its tree say, and what is wrong with them."""

import shutil

import pytest

from faces.importers.casia_surf import list_faces
from faces.importers.listing import PLAUSIBLE_AGES, Entry, Fault, ImporterError
from tests.support import photographs

LINES = """\
CLKJ_AS0007 31 F
CLKJ_AS0002   25\tM

CLKJ_AS0005 60 F
"""
COLOUR = "real.rssdk/color"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "Age_Gender.txt").write_text(LINES)
    return tmp_path


def add(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_lists_colour_photographs_sorted_by_folder_then_file(folder):
    first, second = f"WBackground/a/CLKJ_AS0007/{COLOUR}", f"WBackground/b/CLKJ_AS0002/{COLOUR}"
    add(folder, f"{second}/0.jpg", f"{first}/1.jpg", f"{first}/0.jpg")
    add(folder, "WBackground/a/CLKJ_AS0007/real.rssdk/depth/0.jpg", f"{first}/0.txt")
    listing = list_faces(folder, PLAUSIBLE_AGES)
    assert listing.entries == (
        Entry(f"{first}/0.jpg", "CLKJ_AS0007", 31),
        Entry(f"{first}/1.jpg", "CLKJ_AS0007", 31),
        Entry(f"{second}/0.jpg", "CLKJ_AS0002", 25),
    )
    assert listing.faults == ()


def test_people_and_ages_are_those_of_the_table_even_without_photographs(folder):
    add(folder, f"Training/real_part/CLKJ_AS0005/{COLOUR}/0.JPG")
    listing = list_faces(folder, PLAUSIBLE_AGES)
    assert listing.people == ("CLKJ_AS0002", "CLKJ_AS0005", "CLKJ_AS0007")
    assert listing.age_span == (25, 60)
    assert [entry.age for entry in listing.entries] == [60]


def test_photographs_of_somebody_without_one_age_are_faults(folder):
    (folder / "Age_Gender.txt").write_text(f"{LINES}CLKJ_AS0005 61 F\nCLKJ_AS0008 150 M\nCLKJ_AS0009 old M\n")
    photographs_of = {person: f"x/CLKJ_AS000{person}/{COLOUR}/0.jpg" for person in range(5, 10)}
    add(folder, *photographs_of.values())
    listing = list_faces(folder, PLAUSIBLE_AGES)
    assert [entry.name for entry in listing.entries] == [photographs_of[7]]
    assert listing.faults == (
        Fault("Age_Gender.txt:5", "CLKJ_AS0005 is stated twice"),
        Fault("Age_Gender.txt:6", "age 150 is outside 0..120"),
        Fault("Age_Gender.txt:7", "'CLKJ_AS0009 old M' is not `ID AGE GENDER`"),
        *(
            Fault(photographs_of[person], f"Age_Gender.txt states no one age of CLKJ_AS000{person}")
            for person in (5, 6, 8, 9)
        ),
    )
    assert listing.age_span == (25, 31)
    assert listing.people == ("CLKJ_AS0002", "CLKJ_AS0005", "CLKJ_AS0007", "CLKJ_AS0008")


def test_id_that_cannot_be_printed_is_a_fault(folder):
    (folder / "Age_Gender.txt").write_text(f"{LINES}CLKJ\x1b[31m 61 F\n")
    (fault,) = list_faces(folder, PLAUSIBLE_AGES).faults
    assert fault.reason == r"'CLKJ\\x1b[31m 61 F' is not `ID AGE GENDER`"


def test_person_stated_twice_alike_keeps_the_photographs(folder):
    (folder / "Age_Gender.txt").write_text(LINES + LINES)
    add(folder, f"x/CLKJ_AS0005/{COLOUR}/0.jpg")
    listing = list_faces(folder, PLAUSIBLE_AGES)
    assert len(listing.entries) == 1
    assert [fault.reason.split(maxsplit=1)[1] for fault in listing.faults] == ["is stated twice"] * 3


@pytest.mark.parametrize(
    ("table", "message"), [(None, "cannot be read"), (b"\xff\xfe", "as text"), (b"ID AGE\n", "nobody's age")]
)
def test_table_that_says_nothing_is_refused(folder, table, message):
    (folder / "Age_Gender.txt").unlink()
    if table is not None:
        (folder / "Age_Gender.txt").write_bytes(table)
    with pytest.raises(ImporterError, match=message):
        list_faces(folder, PLAUSIBLE_AGES)


def test_link_out_of_the_folder_is_a_fault(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "0.jpg"
    outside.touch()
    name = f"x/CLKJ_AS0005/{COLOUR}/0.jpg"
    add(folder, name)
    (folder / name).unlink()
    (folder / name).symlink_to(outside)
    assert list_faces(folder, PLAUSIBLE_AGES).faults == (Fault(name, "its path leads out of the folder"),)


def test_rendered_folder_lists_everyone(tmp_path):
    listing = list_faces(photographs.casia_surf(tmp_path), PLAUSIBLE_AGES)
    assert len(listing.entries) == 60
    assert len(listing.people) == 30
    assert listing.faults == ()
    shutil.rmtree(tmp_path / "WBackground" / "B")
    assert len(list_faces(tmp_path, PLAUSIBLE_AGES).people) == 30
