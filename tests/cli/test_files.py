"""New files: whole or not at all, and nothing is overwritten."""

from pathlib import Path

import pytest

from cli.files import FileError, new_file


def test_new_file_appears_when_it_is_whole_and_its_owner_alone_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "artifact"
    with new_file(path) as file:
        file.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_new_file_does_not_appear_when_the_writing_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), new_file(tmp_path / "artifact") as file:
        file.write(b"half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_new_file_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "artifact"
    path.write_bytes(b"precious")
    with pytest.raises(FileError, match="exists already"), new_file(path):
        pytest.fail("nothing is to be fetched that cannot be stored")
    assert path.read_bytes() == b"precious"


def test_new_file_overwrites_nothing_that_comes_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "artifact"
    with pytest.raises(FileError, match="exists already"), new_file(path) as file:
        file.write(b"new")
        path.write_bytes(b"precious")
    assert path.read_bytes() == b"precious"


def test_new_file_in_a_missing_folder_says_so(tmp_path: Path) -> None:
    with (
        pytest.raises(FileError, match="cannot be written: No such file"),
        new_file(tmp_path / "no" / "file"),
    ):
        pass
