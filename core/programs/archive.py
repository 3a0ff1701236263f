"""An uploaded zip archive, read within hard bounds: whatever it holds, nothing is written or run."""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import BinaryIO

from core.errors import InvalidSubmissionError
from core.programs import paths

MAX_MEMBERS = 500
MAX_BYTES = 32 * 2**20
"""All files of an archive together, unpacked."""
MAX_UPLOAD_BYTES = MAX_BYTES + 2**20
"""No archive of so much, packed, can be read, and no other file is asked for more: see `read_archive`."""
_MAX_RATIO = 100
_FREE_BYTES = 2**20  # a small archive may be as dense as it likes
_PIECE_BYTES = 2**18
_MAX_ENTRIES = 10_000  # the files of an archive in the archive are counted too

_DIRECTORY_ENTRY = b"PK\x01\x02"
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_ENCRYPTED = 0x1 | 0x40 | 0x2000


def read_archive(
    file: BinaryIO, *, wanted: Callable[[str], bool] = lambda _: True, max_bytes: int = MAX_BYTES
) -> dict[str, bytes]:
    """Return the files of a zip archive by their paths, without what systems and editors leave behind.

    Args:
        file: the archive, which can be read anywhere.
        wanted: whether the content of a file is to be returned; that of another is only checked, a piece
            at a time, and stands as nothing.
        max_bytes: the most that all of its files may have together, unpacked.

    Raises:
        InvalidSubmissionError: it is no such archive, or holds what it may not; the message names it.
    """
    # zipfile makes an object for each entry of the directory, and each begins with this mark.
    if _count(file, _DIRECTORY_ENTRY) > _MAX_ENTRIES:
        raise InvalidSubmissionError(f"The archive holds too many files; at most {MAX_MEMBERS} may be in it.")
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_amount(members, n_bytes=file.seek(0, os.SEEK_END), max_bytes=max_bytes)
            for member in members:
                _check_member(member)
            _check_apart(members, file, end=archive.start_dir)
            files = [member for member in members if not member.is_dir()]
            paths.check_distinct(member.filename for member in files)
            return {
                member.filename: _read(archive, member, is_wanted=wanted(member.filename))
                for member in files
                if not paths.is_junk(member.filename)
            }
    except (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError) as error:
        raise InvalidSubmissionError(f"The archive cannot be read as a zip file: {_shown(error)}.") from None
    except (
        ValueError,
        OverflowError,
        EOFError,
        OSError,
        RuntimeError,
    ) as error:  # zipfile lets these through
        raise InvalidSubmissionError(f"The archive is damaged: {_shown(error)}.") from None


def _check_amount(members: list[zipfile.ZipInfo], *, n_bytes: int, max_bytes: int) -> None:
    if len(members) > MAX_MEMBERS:
        raise InvalidSubmissionError(
            f"The archive holds {len(members)} files and folders; at most {MAX_MEMBERS} may be in it."
        )
    unpacked = sum(member.file_size for member in members)
    if unpacked > max_bytes:
        raise InvalidSubmissionError(
            f"Unpacked, the archive has {unpacked:,} bytes; at most {max_bytes:,} may be in it."
        )
    if unpacked > _FREE_BYTES + _MAX_RATIO * n_bytes:
        raise InvalidSubmissionError(
            f"The archive unpacks to more than {_MAX_RATIO} times its size; leave out what is all alike."
        )


def _check_member(member: zipfile.ZipInfo) -> None:
    name = repr(member.orig_filename[: paths.MAX_PATH_CHARACTERS])
    if member.flag_bits & _ENCRYPTED:
        raise InvalidSubmissionError(f"{name} in the archive is encrypted; make it without a password.")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InvalidSubmissionError(
            f"{name} in the archive is compressed in an unusual way; make it with the method `deflate`."
        )
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InvalidSubmissionError(f"{name} in the archive is a link or a device; put in plain files only.")
    # zipfile may take another name from a field beside it, and cuts a name at a null byte.
    problems = map(paths.problem_of_path, (member.orig_filename, member.filename))
    if problem := next(filter(None, problems), None):
        raise InvalidSubmissionError(f"The path {name} in the archive {problem}.")


def _count(file: BinaryIO, mark: bytes) -> int:
    """Return how often a mark occurs in a file; it cannot overlap itself."""
    count, seam = 0, b""
    file.seek(0)
    while piece := file.read(_PIECE_BYTES):
        piece = seam + piece
        count += piece.count(mark)
        seam = piece[1 - len(mark) :]  # too short for a whole mark, so none is counted twice
    return count


def _check_apart(members: list[zipfile.ZipInfo], file: BinaryIO, *, end: int) -> None:
    """Refuse members that share bytes, or reach over `end`: so a small archive can hold a very large one."""
    for member in sorted(members, key=lambda member: member.header_offset, reverse=True):
        start = member.header_offset
        file.seek(max(start, 0))
        header = file.read(_LOCAL_HEADER.size) if start >= 0 else b""
        if len(header) < _LOCAL_HEADER.size:
            raise InvalidSubmissionError("The archive is damaged: a member lies outside of it.")
        *_, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
        if start + _LOCAL_HEADER.size + name_bytes + extra_bytes + member.compress_size > end:
            raise InvalidSubmissionError("The archive is damaged: its members overlap.")
        end = start


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, *, is_wanted: bool) -> bytes:
    content, n_bytes = bytearray(), 0
    with archive.open(member) as stream:
        # Without a number zipfile unpacks all there is, then cuts; it reads to the end to compare the sum.
        while piece := stream.read(_PIECE_BYTES):
            n_bytes += len(piece)
            if is_wanted:
                content += piece
    if n_bytes != member.file_size:  # zipfile sees only where there is more than the directory says
        raise zipfile.BadZipFile(f"{member.filename} ends before its end")
    return bytes(content)


def _shown(error: Exception) -> str:
    text = "".join(character for character in str(error) if character.isprintable())
    return text.rstrip(".")[:200] or type(error).__name__
