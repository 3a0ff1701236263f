"""Archives within their bounds and beyond, made well, badly and by chance."""

import io
import random
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from core.errors import InvalidSubmissionError
from core.programs import read
from core.programs.archive import MAX_BYTES, MAX_MEMBERS, read_archive
from tests.support.uploads import HONEST, zip_of

ENTRY = {"submission.py": HONEST}


def refused(data: bytes) -> str:
    with pytest.raises(InvalidSubmissionError) as error:
        read("submission.zip", data)
    return str(error.value)


def patched(data: bytes, offset: int, value: bytes, *, local: int | None = None) -> bytes:
    """Change the directory's entry of the only member, and its own header at `local`."""
    at = data.rindex(b"PK\x01\x02") + offset
    data = data[:at] + value + data[at + len(value) :]
    return data if local is None else data[:local] + value + data[local + len(value) :]


def with_mode(mode: int, content: str = HONEST) -> bytes:
    return patched(zip_of({"submission.py": content}), 38, struct.pack("<L", mode << 16))


def test_packages_and_data_come_along_as_they_are() -> None:
    files = {**ENTRY, "method/__init__.py": "", "method/losses.py": "K = 1", "data/w.bin": bytes(range(256))}
    program = read("submission.zip", zip_of(files))
    assert {path: content for path, content in program.files.items() if path != "submission.py"} == {
        "method/__init__.py": b"",
        "method/losses.py": b"K = 1",
        "data/w.bin": bytes(range(256)),
    }
    assert program.warnings == ()
    assert read_archive(io.BytesIO(program.to_bytes())) == dict(program.files)
    assert program.to_bytes() == read("again.ZIP", zip_of(dict(reversed(files.items())))).to_bytes()


def test_name_that_the_reader_takes_in_place_of_the_written_one_is_checked_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def renamed(self: zipfile.ZipInfo) -> None:  # as newer Pythons do for the field of a Unicode path
        self.filename = "../escaped.py" if self.filename == "data.bin" else self.filename

    data = zip_of({**ENTRY, "data.bin": "x"})
    monkeypatch.setattr(zipfile.ZipInfo, "_decodeExtra", renamed)
    assert "leads out of the archive" in refused(data)


def test_what_systems_leave_behind_is_left_out() -> None:
    junk = ["__MACOSX/._submission.py", ".DS_Store", "pkg/__pycache__/a.cpython-311.pyc", ".git/config"]
    program = read("a.zip", zip_of({**ENTRY, **dict.fromkeys(junk, "x")}))
    assert set(program.files) == {"submission.py"}


def test_one_folder_around_everything_is_taken_off_and_said() -> None:
    program = read("a.zip", zip_of({"mine/submission.py": HONEST, "mine/pkg/a.py": "", "__MACOSX/x": ""}))
    assert set(program.files) == {"submission.py", "pkg/a.py"}
    assert "`mine`" in program.warnings[0]


def test_python_file_goes_before_a_notebook_and_that_is_said() -> None:
    program = read("a.zip", zip_of({**ENTRY, "submission.ipynb": "not even JSON"}))
    assert "`submission.ipynb` is not used" in program.warnings[0]


def member(name: str, content: str = "x = 1") -> bytes:
    return zip_of({**ENTRY, "aa": content}).replace(b"aa", name.encode())


REFUSED = {
    "no entry": (zip_of({"main.py": HONEST, "a.py": ""}), "it holds `a.py`, `main.py`"),
    "entry too deep": (zip_of({"a/b/submission.py": HONEST}), "neither `submission.py`"),
    "empty": (zip_of({}), "neither"),
    "not a zip": (b"Rar!\x1a\x07" * 20, "not a zip file"),
    "no bytes": (b"", "not a zip file"),
    "cut short": (zip_of(ENTRY)[:-5], "not a zip file"),
    "absolute": (zip_of({**ENTRY, "/etc/passwd": ""}), "'/etc/passwd' in the archive is absolute"),
    "drive": (zip_of({**ENTRY, "C:/x.py": ""}), "is absolute"),
    "out of it": (zip_of({**ENTRY, "../x.py": ""}), r"leads out of the archive by `\.\.`"),
    "out of it inside": (zip_of({**ENTRY, "a/../../x.py": ""}), "leads out"),
    "backslash": (zip_of({**ENTRY, "pkg\\x.py": ""}), "backslash"),
    "empty part": (zip_of({**ENTRY, "a//x.py": ""}), "empty part"),
    "dot": (zip_of({**ENTRY, "./x.py": ""}), "empty part"),
    "control character": (zip_of({**ENTRY, "a\x1b[31m.py": ""}), "cannot be printed"),
    "null in the name": (member("\0y"), "cannot be printed"),
    "right to left": (zip_of({**ENTRY, "\u202eyp.x": ""}), "cannot be printed"),
    "long name": (zip_of({**ENTRY, "x" * 201: ""}), "longer than 200"),
    "deep": (zip_of({**ENTRY, "a/" * 10 + "x.py": ""}), "deeper than 10"),
    "same but for case": (zip_of({**ENTRY, "a/x.py": "", "A/X.py": ""}), "'a/x.py' and 'A/X.py'"),
    "same but for form": (zip_of({**ENTRY, "é.py": "", "e\u0301.py": ""}), "rename one"),
    "second entry": (zip_of({**ENTRY, "Submission.py": HONEST}), "'submission.py' and 'Submission.py'"),
    "file for a folder": (zip_of({**ENTRY, "a": "", "a/x.py": ""}), "though 'a' is a file"),
    "symbolic link": (with_mode(0o120777, "/etc/passwd"), "is a link or a device"),
    "device": (with_mode(0o020666), "is a link or a device"),
    "encrypted": (patched(zip_of(ENTRY), 8, b"\x01\x00", local=6), "encrypted"),
    "bzip2": (zip_of(ENTRY, method=zipfile.ZIP_BZIP2), "unusual way"),
    "lzma": (zip_of(ENTRY, method=zipfile.ZIP_LZMA), "unusual way"),
    "unknown method": (patched(zip_of(ENTRY), 10, b"\x63\x00", local=8), "unusual way"),
    "wrong checksum": (patched(zip_of(ENTRY), 16, b"\0\0\0\0"), "Bad CRC-32"),
    "smaller than it says": (patched(zip_of(ENTRY), 24, struct.pack("<L", 10_000)), "ends before its end"),
    "larger than it says": (patched(zip_of(ENTRY), 24, struct.pack("<L", 10)), "CRC"),
    "zip64 without need": (patched(zip_of(ENTRY), 24, b"\xff\xff\xff\xff"), "Unpacked|read"),
    "outside of it": (patched(zip_of(ENTRY), 42, struct.pack("<L", 2**31)), "damaged"),
    "many files": (zip_of({**ENTRY, **{f"{k}.txt": "" for k in range(MAX_MEMBERS)}}), "501 files"),
    "large": (zip_of({**ENTRY, "a": random.Random(0).randbytes(1000) * (MAX_BYTES // 1000 + 1)}), "Unpacked"),
    "bomb": (zip_of({**ENTRY, "a": bytes(MAX_BYTES - 2**20)}), "more than 100 times its size"),
    "own torch": (zip_of({**ENTRY, "torch/__init__.py": ""}), "hide the library `torch`"),
    "own numpy": (zip_of({**ENTRY, "numpy.py": ""}), "hide the library `numpy`"),
    "own random": (zip_of({**ENTRY, "random.py": ""}), "module of Python's"),
    "own sandbox": (zip_of({**ENTRY, "submissions_sandbox/zygote.py": ""}), "Lethe's own"),
    "own extension": (zip_of({**ENTRY, "math.cpython-311-x86_64-linux-gnu.so": ""}), "module of Python's"),
    "bad entry": (zip_of({"submission.py": "def unlearning(:"}), "Syntax error in line 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_archive_is_refused_and_says_why(case: str) -> None:
    data, words = REFUSED[case]
    with pytest.raises(InvalidSubmissionError, match=words):
        read("submission.zip", data)


@pytest.mark.parametrize("path", ["code/notes.txt", "test/test_it.py", "data.json", "torchutils.py"])
def test_names_that_hide_nothing_are_taken(path: str) -> None:
    assert path in read("submission.zip", zip_of({**ENTRY, path: "x"})).files


def test_members_that_share_bytes_are_refused() -> None:
    """As in Fifield's bomb: every entry of the directory points at the same data."""
    data = zip_of({"submission.py": HONEST, "other0.txt": "x" * 50})
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)  # the second entry
    data = data[: at + 42] + struct.pack("<L", 0) + data[at + 46 :]
    assert "overlap" in refused(data)


def test_compressed_size_over_the_next_member_is_refused() -> None:
    data = zip_of({"submission.py": HONEST, "other0.txt": "x" * 50}, method=zipfile.ZIP_STORED)
    at = data.index(b"PK\x01\x02")
    data = data[: at + 20] + struct.pack("<2L", 100, 100) + data[at + 28 :]
    assert "overlap" in refused(data)


def test_directory_of_a_million_entries_is_refused_without_reading_it() -> None:
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"a"
    directory = entry * 10**6
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), 0, 0)
    before = time.perf_counter()
    assert "too many files" in refused(directory + end)
    assert time.perf_counter() - before < 2


def mutations(n: int) -> list[bytes]:
    source = random.Random(4)
    honest = [
        zip_of({**ENTRY, "pkg/a.py": "x = 1\n" * 50, "d/": "", "d/x.bin": bytes(300)}, method=m)
        for m in (0, 8)
    ]
    found = []
    for _ in range(n):
        data = bytearray(source.choice(honest))
        for _ in range(source.randint(1, 4)):
            at = source.randrange(len(data))
            kind = source.randrange(5)
            if kind == 0:
                data[at] = source.randrange(256)
            elif kind == 1:
                data[at : at + 4] = source.choice(
                    [b"\xff" * 4, b"\0" * 4, b"\x00\x00\x00\x80", b"\x01\0\0\0"]
                )
            elif kind == 2:
                del data[at : at + source.randint(1, 30)]
            elif kind == 3:
                data[at:at] = data[at : at + source.randint(1, 60)]
            else:  # aim at the directory
                at = source.choice([data.rfind(b"PK\x05\x06"), data.rfind(b"PK\x01\x02")]) + source.randrange(
                    46
                )
                data[at : at + 1] = bytes([source.choice([0, 1, 0x20, 0x7F, 0xFF])])
        found.append(bytes(data))
    return found


def test_broken_archives_are_read_or_refused_and_nothing_else() -> None:
    refusals = 0
    for data in mutations(3000):
        try:
            program = read("submission.zip", data)
        except InvalidSubmissionError:
            refusals += 1
        else:
            assert sum(map(len, program.files.values())) <= MAX_BYTES
    assert 1000 < refusals < 3000


_IN_LITTLE_MEMORY = """
import resource, sys
from core.errors import InvalidSubmissionError
from core.programs import read
data = open(sys.argv[1], "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read("submission.zip", data)
except InvalidSubmissionError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_bomb_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("submission.py", HONEST)
        with archive.open("zeros", "w") as zeros:
            for _ in range(256):
                zeros.write(bytes(2**20))
    lying = patched(path.read_bytes(), 24, struct.pack("<L", 1000))
    for data in (path.read_bytes(), lying):
        path.write_bytes(data)
        command = [sys.executable, "-c", _IN_LITTLE_MEMORY, str(path)]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
        words, grown_kib = ended.stdout.splitlines()
        assert "Unpacked" in words or "CRC" in words
        assert int(grown_kib) < 16 * 1024
