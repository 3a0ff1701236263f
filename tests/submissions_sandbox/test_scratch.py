import math
import os
import time
from pathlib import Path

import pytest

from submissions_sandbox import scratch


def test_emptying_removes_links_and_locked_folders_and_nothing_outside(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "scratch"
    outside.mkdir()
    (outside / "file").write_text("stays")
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "file").write_text("goes")
    (folder / "link").symlink_to(outside)
    (folder / "a" / "link").symlink_to(outside / "file")
    os.mkfifo(folder / "fifo")
    (folder / "a" / "b").chmod(0)
    scratch.empty(str(folder), deadline=math.inf)
    assert list(folder.iterdir()) == []
    assert (outside / "file").read_text() == "stays"


def test_emptying_copes_with_paths_longer_than_the_kernel_takes(tmp_path: Path, monkeypatch: object) -> None:
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(tmp_path)
        for _ in range(1200):
            os.mkdir("a-folder-with-a-long-name")
            os.chdir("a-folder-with-a-long-name")
    finally:
        os.fchdir(before)
        os.close(before)
    scratch.empty(str(tmp_path), deadline=math.inf)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("depth", [1, 2])
def test_emptying_gives_up_at_its_deadline(tmp_path: Path, depth: int) -> None:
    folder = tmp_path if depth == 1 else tmp_path / "inner"
    folder.mkdir(exist_ok=True)
    for number in range(10):
        (folder / f"file-{number}").touch()
    with pytest.raises(TimeoutError, match="too much"):
        scratch.empty(str(tmp_path), deadline=time.monotonic() - 1)
    assert len(list(folder.iterdir())) == 10


def test_emptied_folder_that_is_ours_keeps_no_mode_time_or_attribute(tmp_path: Path) -> None:
    try:
        os.setxattr(tmp_path, "user.left", b"here")
    except OSError:
        pytest.skip("this file system has no attributes")
    tmp_path.chmod(0o700)
    os.utime(tmp_path, (1, 1))
    scratch.empty(str(tmp_path), deadline=math.inf)
    assert tmp_path.stat().st_mode & 0o7777 == 0o1777
    assert min(tmp_path.stat().st_atime, tmp_path.stat().st_mtime) > 1
    assert os.listxattr(tmp_path) == []
