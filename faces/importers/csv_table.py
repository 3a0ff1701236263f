"""The layout of a folder with a table: one CSV file with the columns `path, age, person_id[, split]`."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from faces.album import SPLIT_NAMES
from faces.importers.listing import (
    AgeRange,
    Entry,
    Fault,
    ImporterError,
    Listing,
    fault_of_age,
    fault_of_path,
    printable,
)

_REQUIRED = ("path", "age", "person_id")
_COLUMNS = (*_REQUIRED, "split")


def list_faces(folder: Path, ages: AgeRange) -> Listing:
    """List the rows of the only `*.csv` at the top of the folder, in their order.

    Paths are relative to the folder. Ages are whole years; with none in the whole table, all are unknown.
    People are numbered in the order of their ids: as numbers if all are, else as text.

    Raises:
        ImporterError: there is no table or more than one, or its header is not as above.
    """
    rows = tuple(_read_rows(_table_of(folder)))
    has_ages = any(row.cells["age"] for row in rows)
    entries: list[Entry] = []
    faults: list[Fault] = []
    where: dict[str, str] = {}
    for row in rows:
        path = row.cells["path"]
        reason = row.problem or fault_of_path(folder, path) or _fault_of_labels(row, ages, has_ages=has_ages)
        if reason is None:
            file = os.path.realpath(folder / path)  # two ways to write a path are one photograph
            reason = f"{path} stands in {where[file]} already" if file in where else None
        if reason is not None:
            faults.append(Fault(row.name, f"{printable(path)}: {reason}"))
            continue
        where[file] = row.name
        age = int(row.cells["age"]) if has_ages else None
        entries.append(Entry(path, row.cells["person_id"], age=age, split=row.cells["split"] or None))
    people = _in_order({entry.person for entry in entries})
    return Listing(folder, entries=tuple(entries), faults=tuple(faults), people=people)


class _Row(NamedTuple):
    name: str
    cells: dict[str, str]
    problem: str | None


def _table_of(folder: Path) -> Path:
    try:
        tables = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".csv")
    except OSError as error:
        raise ImporterError(f"the folder {folder} cannot be read: {error.strerror}") from error
    if len(tables) != 1:
        names = ", ".join(printable(path.name) for path in tables) or "none"
        raise ImporterError(
            f"{folder} must hold exactly one .csv file at its top, not {len(tables)}: {names}"
        )
    return tables[0]


def _read_rows(table: Path) -> Iterator[_Row]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [cell.strip() for cell in next(reader, [])]
            _check_header(table, header)
            for cells in reader:
                if not cells:
                    continue
                stripped = [cell.strip() for cell in cells]
                problem = (
                    None
                    if len(cells) == len(header)
                    else f"the row has {len(cells)} cells, the header {len(header)}"
                )
                found = dict.fromkeys(_COLUMNS, "") | dict(zip(header, stripped, strict=False))
                yield _Row(f"{printable(table.name)}:{reader.line_num}", found, problem)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImporterError(f"{table} cannot be read as a table in UTF-8: {error}") from error


def _check_header(table: Path, header: list[str]) -> None:
    missing = [column for column in _REQUIRED if column not in header]
    if missing:
        raise ImporterError(
            f"{table} has no column {', '.join(missing)}; its first line must be `path,age,person_id` or"
            f" `path,age,person_id,split`, not {printable(','.join(header))!r}"
        )
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise ImporterError(f"{table} has two columns {printable(', '.join(twice))}")


def _fault_of_labels(row: _Row, ages: AgeRange, *, has_ages: bool) -> str | None:
    age, person, split = (row.cells[column] for column in ("age", "person_id", "split"))
    if not person or not person.isprintable():
        return (
            f"the person_id {printable(person)!r} is not printable" if person else "the person_id is missing"
        )
    if split and split not in SPLIT_NAMES:
        return f"split {printable(split)!r} is not one of {', '.join(SPLIT_NAMES)}"
    if not has_ages:
        return None
    if not age:
        return "the age is missing"
    if not _is_whole(age):
        return f"age {printable(age)!r} is not a whole number"
    return fault_of_age(int(age), ages)


def _is_whole(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) < 20


def _in_order(people: set[str]) -> tuple[str, ...]:
    if all(_is_whole(person) for person in people):
        return tuple(sorted(people, key=lambda person: (int(person), person)))
    return tuple(sorted(people))
