"""A folder with a table: what rows say, and each way in which one can be wrong."""

import os

import pytest

from faces.importers.csv_table import list_faces
from faces.importers.listing import PLAUSIBLE_AGES, Entry, Fault, ImporterError

HEADER = "path,age,person_id"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (folder / name).touch()
    (tmp_path / "outside.jpg").touch()
    return folder


def list_rows(folder, *rows, header=HEADER):
    (folder / "faces.csv").write_text("\n".join((header, *rows)))
    return list_faces(folder, PLAUSIBLE_AGES)


def faults(folder, *rows, header=HEADER):
    return [fault.reason for fault in list_rows(folder, *rows, header=header).faults]


def test_rows_are_listed_in_their_order_with_splits(folder):
    rows = ("b.jpg, 30 ,10,train", 'c.jpg,0,9,""', "a.jpg,120,10,test")
    listing = list_rows(folder, *rows, header="path,age,person_id,split")
    assert listing.entries == (
        Entry("b.jpg", "10", 30, "train"),
        Entry("c.jpg", "9", 0),
        Entry("a.jpg", "10", 120, "test"),
    )
    assert listing.people == ("9", "10")
    assert listing.faults == ()


def test_people_with_names_are_numbered_by_name(folder):
    listing = list_rows(folder, "a.jpg,30,bob", "b.jpg,30,10", "c.jpg,30,alice")
    assert listing.people == ("10", "alice", "bob")


def test_columns_may_come_in_another_order_after_a_byte_order_mark(folder):
    listing = list_rows(folder, "x,7,30,a.jpg", header="﻿note,person_id,age,path")
    assert listing.entries == (Entry("a.jpg", "7", 30),)


def test_table_without_any_age_is_unlabelled(folder):
    listing = list_rows(folder, "a.jpg,,1", "b.jpg,,2")
    assert [entry.age for entry in listing.entries] == [None, None]
    assert listing.faults == ()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("b.jpg,thirty,1", "age 'thirty' is not a whole number"),
        ("b.jpg,30.5,1", "age '30.5' is not a whole number"),
        ("b.jpg,٣٠,1", "age '٣٠' is not a whole number"),
        ("b.jpg,,1", "the age is missing"),
        ("b.jpg,-1,1", "age -1 is outside 0..120"),
        ("b.jpg,121,1", "age 121 is outside 0..120"),
        ("b.jpg,30,", "the person_id is missing"),
        ("b.jpg,30", "the row has 2 cells, the header 3"),
        ("b.jpg,30,1,train", "the row has 4 cells, the header 3"),
        ("d.jpg,30,1", "there is no such file"),
        (",30,1", "it is not a file"),
        (".,30,1", "it is not a file"),
        ("../outside.jpg,30,1", "its path leads out of the folder"),
        ("link.jpg,30,1", "its path leads out of the folder"),
        ("/etc/passwd,30,1", "its path is absolute; it must be below the folder"),
        ("b\x1b[31m.jpg,30,1", "its name is not printable UTF-8"),
        ("b\0.jpg,30,1", "its name is not printable UTF-8"),
        ("b.jpg,30,\x1b[31m", r"the person_id '\\x1b[31m' is not printable"),
        ("a.jpg,30,1", "a.jpg stands in faces.csv:2 already"),
        ("./a.jpg,30,1", "./a.jpg stands in faces.csv:2 already"),
    ],
)
def test_row_that_is_wrong_is_a_fault_by_name(folder, row, reason):
    (folder / "link.jpg").symlink_to("../outside.jpg")
    listing = list_rows(folder, "a.jpg,30,1", row, "c.jpg,30,1")
    assert [entry.name for entry in listing.entries] == ["a.jpg", "c.jpg"]
    path = row.split(",", maxsplit=1)[0].replace("\x1b", r"\x1b").replace("\0", r"\x00")
    assert listing.faults == (Fault("faces.csv:3", f"{path}: {reason}"),)


def test_fault_in_a_table_whose_name_is_not_utf8_can_be_written(folder):
    (folder / os.fsdecode(b"\xff.csv")).write_text(f"{HEADER}\na.jpg,,1\nb.jpg,3,1\n")
    (fault,) = list_faces(folder, PLAUSIBLE_AGES).faults
    assert fault.name == r"\udcff.csv:2"


def test_unknown_split_is_a_fault(folder):
    (reason,) = faults(folder, "a.jpg,30,1,holdout", header="path,age,person_id,split")
    assert reason == "a.jpg: split 'holdout' is not one of train, retain, forget, val, test"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no column path, age, person_id"),
        (b"path;age;person_id\n", "has no column path, age, person_id"),
        (b"path,person_id\n", "has no column age; its first line must be `path,age,person_id`"),
        (b"path,age,person_id,age\n", "has two columns age"),
        (b"path,age,person_id\n\xff,1,1\n", "cannot be read as a table in UTF-8"),
        (b'path,age,person_id\n"a.jpg,1,1\n', "cannot be read as a table"),
    ],
)
def test_table_that_is_none_is_refused(folder, content, message):
    (folder / "faces.csv").write_bytes(content)
    with pytest.raises(ImporterError, match=message):
        list_faces(folder, PLAUSIBLE_AGES)


def test_no_table_or_two_are_refused(folder):
    with pytest.raises(ImporterError, match=r"exactly one \.csv file at its top, not 0: none"):
        list_faces(folder, PLAUSIBLE_AGES)
    for name in ("one.csv", "two.CSV"):
        (folder / name).touch()
    with pytest.raises(ImporterError, match=r"not 2: one\.csv, two\.CSV"):
        list_faces(folder, PLAUSIBLE_AGES)
