"""Answers that are sent again only when they have changed, and never to somebody they are not for."""

import hashlib
from typing import Annotated

from fastapi import Header, Response, status

from core.visibility import Viewer

IfNoneMatch = Annotated[str | None, Header(description="The ETag of an answer that the client has.")]
NOT_MODIFIED: dict[int | str, dict[str, object]] = {
    status.HTTP_304_NOT_MODIFIED: {"description": "Nothing has changed since the given ETag"}
}


def headers_for(viewer: Viewer) -> dict[str, str]:
    """Return what tells caches for whom an answer is: it may differ between those who ask."""
    personal = viewer.user_id is not None
    return {
        "Vary": "Cookie, Authorization",
        "Cache-Control": "private, no-cache" if personal else "no-cache",
    }


def answer(
    body: bytes,
    *,
    media_type: str,
    if_none_match: str | None,
    headers: dict[str, str],
    tag: str | None = None,
) -> Response:
    """Return a body under a strong ETag, or 304 to who has it; `tag` names the content, or its hash does."""
    headers = headers | {"ETag": f'"{tag or hashlib.sha256(body).hexdigest()}"'}
    known = [one.strip().removeprefix("W/") for one in (if_none_match or "").split(",")]
    if headers["ETag"] in known or "*" in known:
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(body, media_type=media_type, headers=headers)
