"""The files of a bundle: read from a folder or a ZIP within bounds, and packed into a ZIP."""

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from core.bundle.spec import Logo, LogoType
from core.errors import InvalidCompetitionError, InvalidSubmissionError
from core.programs import archive, paths

DOCUMENT = "competition.yaml"
MAX_UNPACKED_BYTES = 256 * 2**20
"""All files of a ZIP together, unpacked; it may hold the faces of a phase."""
_MAX_FILE_BYTES = 2**20
_OLDEST = (
    1980,
    1,
    1,
    0,
    0,
    0,
)  # that a ZIP can say: the same files are the same bytes whenever they are packed

ReadFile = Callable[[str], bytes]
"""Returns a file of a bundle by its path, or raises `InvalidCompetitionError`, which says what is wrong."""


def folder_reader(folder: Path, *, max_bytes: int = _MAX_FILE_BYTES) -> ReadFile:
    """Return what reads the files of a folder, and nothing outside of it, not through a link either."""

    def read(path: str) -> bytes:
        problem = paths.problem_of_path(path)
        if problem is not None:
            raise InvalidCompetitionError(f"the path {path!r} {problem}")
        file = folder / path
        try:
            if not file.resolve().is_relative_to(folder.resolve()):
                raise InvalidCompetitionError(f"{path!r} leads out of the bundle")
            with file.open("rb") as opened:
                content = opened.read(max_bytes + 1)
        except OSError as error:
            raise InvalidCompetitionError(f"{path!r} cannot be read: {error.strerror}") from error
        if len(content) > max_bytes:
            raise InvalidCompetitionError(f"{path!r} is larger than {max_bytes:,} bytes")
        return content

    return read


def mapping_reader(files: Mapping[str, bytes]) -> ReadFile:
    """Return what reads files that are in memory."""

    def read(path: str) -> bytes:
        if path not in files:
            raise InvalidCompetitionError(f"{path!r} is not in the bundle")
        return files[path]

    return read


def unpack(upload: bytes) -> dict[str, bytes]:
    """Return the files of a bundle: those of a ZIP, or of anything else one, its competition.yaml.

    Raises:
        InvalidCompetitionError: the ZIP is damaged, too large, or holds what it may not.
    """
    if not upload.startswith(b"PK"):
        return {DOCUMENT: upload}
    try:
        files = archive.read_archive(io.BytesIO(upload), max_bytes=MAX_UNPACKED_BYTES)
    except InvalidSubmissionError as error:
        raise InvalidCompetitionError(str(error)) from error
    return paths.without_wrapping_folder(files, [DOCUMENT])[0]


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return a ZIP of the files: the same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(files):
            packed.writestr(zipfile.ZipInfo(path, _OLDEST), files[path], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def read_text(read: ReadFile, path: str) -> str:
    """Return a file that is a text in UTF-8; raises as `ReadFile` does."""
    try:
        return read(path).decode()
    except UnicodeDecodeError as error:
        raise InvalidCompetitionError(f"{path!r} is no text in UTF-8") from error


def read_logo(read: ReadFile, path: str) -> Logo:
    """Return a file that is a picture: what it is, its first bytes say, not its name."""
    content = read(path)
    if len(content) > _MAX_FILE_BYTES:
        raise InvalidCompetitionError(f"{path!r} is larger than {_MAX_FILE_BYTES:,} bytes")
    media_type = type_of_picture(content)
    if media_type is None:
        raise InvalidCompetitionError(f"{path!r} is no PNG, JPEG or WebP")
    return Logo(media_type=media_type, content=content)


def type_of_picture(content: bytes) -> LogoType | None:
    """Return what kind of picture this begins as, or None for anything else."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return None
