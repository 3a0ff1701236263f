import math
import os
from pathlib import Path

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
