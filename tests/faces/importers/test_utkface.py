"""UTKFace: what a file's name says, and names that say too little."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faces.importers.listing import PLAUSIBLE_AGES, AgeRange, Entry, Fault
from faces.importers.utkface import list_faces

NOT_NAMED = "it is not named `[age]_[gender]_[race]_[date and time].jpg`"


def list_names(folder, *names, ages=PLAUSIBLE_AGES):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return list_faces(folder, ages)


def test_every_photograph_is_a_person_with_the_age_of_its_name(tmp_path):
    names = ("116_1_4_20170117195420803.jpg.chip.jpg", "26_0_2_20170104023102422.jpg")
    listing = list_names(tmp_path, *names, "readme.txt")
    assert listing.entries == (Entry(names[0], names[0], 116), Entry(names[1], names[1], 26))
    assert listing.people == names
    assert listing.faults == ()


@pytest.mark.parametrize(
    "name",
    [
        "39_1_20170116174525125.jpg.chip.jpg",  # these two are in the published set
        "61_1_20170109150557335.jpg.chip.jpg",
        "26_2_0_20170104023102422.jpg",
        "26_0_5_20170104023102422.jpg",
        "_0_0_20170104023102422.jpg",
        "26_0_0_20170104023102422.png",
        "26_0_0_.jpg",
        "portrait.jpeg",
    ],
)
def test_name_without_all_fields_is_a_fault(tmp_path, name):
    listing = list_names(tmp_path, name)
    assert listing.entries == ()
    assert listing.faults == (Fault(name, NOT_NAMED),)


def test_age_that_is_absurd_or_not_asked_for_is_a_fault(tmp_path):
    old, young = "117_0_0_1.jpg", "9_0_0_1.jpg"
    listing = list_names(tmp_path, old, young, ages=AgeRange(10, 120))
    assert listing.faults == (
        Fault(old, "age 117 is outside 10..116"),
        Fault(young, "age 9 is outside 10..116"),
    )


def test_photograph_in_two_folders_is_listed_once(tmp_path):
    listing = list_names(tmp_path, "part1/26_0_2_1.jpg", "part2/26_0_2_1.jpg")
    assert [entry.name for entry in listing.entries] == ["part1/26_0_2_1.jpg"]
    assert listing.faults == (Fault("part2/26_0_2_1.jpg", "there is part1/26_0_2_1.jpg of the same name"),)


@given(st.lists(st.from_regex(r"[0-9_]{1,12}\.jpe?g(\.chip\.jpg)?", fullmatch=True), max_size=8))
@settings(max_examples=50, deadline=None)
def test_every_picture_is_an_entry_or_a_fault(names):
    with tempfile.TemporaryDirectory() as folder:
        listing = list_names(Path(folder), *names)
    assert sorted([found.name for found in (*listing.entries, *listing.faults)]) == sorted(set(names))
