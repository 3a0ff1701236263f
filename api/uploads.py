"""One uploaded file: received within its cap, and its name made safe to store and to show."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import PurePosixPath
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from core.errors import InvalidSubmissionError, UploadTooLargeError
from core.intake import Upload

FIELD = "file"
_FORM_OVERHEAD_BYTES = 64 * 2**10
_MAX_FILENAME = 200
_MAX_ENDING = 6  # `.ipynb`


def _body(description: str) -> dict[str, Any]:
    file = {
        "type": "string",
        "contentMediaType": "application/octet-stream",
        "description": description,
    }
    schema = {"type": "object", "required": [FIELD], "properties": {FIELD: file}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


REQUEST_BODY = _body("A .py, .ipynb or .zip with unlearning(net, retain, forget, val).")
BUNDLE_BODY = _body("A competition.yaml, or a .zip with one and the files that it names.")


@asynccontextmanager
async def receive(request: Request, *, cap_bytes: int) -> AsyncIterator[Upload]:
    """Read the form of a request and yield its file, which is on the disk and closed afterwards.

    Args:
        request: a request whose body nobody has read yet.
        cap_bytes: the largest file.

    Raises:
        UploadTooLargeError: the file or the form around it is too large; reading stops there.
        InvalidSubmissionError: the body is not a form with one file in the right field.
    """
    try:
        async with _limited(request, cap_bytes=cap_bytes).form(max_files=1, max_fields=8) as form:
            found = form.get(FIELD)
            if not isinstance(found, UploadFile):
                raise InvalidSubmissionError(_what_is_missing(request, found))
            yield Upload(clean_filename(found.filename or ""), found.file)
    except ClientDisconnect as error:
        raise InvalidSubmissionError("The connection was closed before the upload was complete.") from error


def _limited(request: Request, *, cap_bytes: int) -> Request:
    left = cap_bytes + _FORM_OVERHEAD_BYTES
    too_large = UploadTooLargeError(f"The file is over the cap of {cap_bytes:,} bytes.")
    declared = request.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared) > left:
        raise too_large

    async def receive_limited() -> Message:
        nonlocal left
        message = await request.receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise too_large
        return message

    return Request(request.scope, receive_limited)


def _what_is_missing(request: Request, found: str | None) -> str:
    if found is not None:
        return (
            f"The form field `{FIELD}` holds text, not a file; with curl write `-F {FIELD}=@submission.py`."
        )
    if not request.headers.get("Content-Type", "").startswith("multipart/form-data"):
        return f"Send the file as multipart/form-data; with curl write `-F {FIELD}=@submission.py`."
    return f"The form has no file in a field named `{FIELD}`."


def clean_filename(name: str) -> str:
    """Return the last part of a path, printable and at most 200 characters long with its ending kept."""
    last = re.split(r"[/\\]", name)[-1]
    printable = "".join(c for c in last if c.isprintable()).strip()
    ending = PurePosixPath(printable).suffix[-_MAX_ENDING:]
    cut = _MAX_FILENAME - len(ending)
    return printable if len(printable) <= _MAX_FILENAME else printable[:cut] + ending
