"""Pages of a list over HTTP: `limit` and `cursor` in the address, and a `Link` to the next one."""

from typing import Annotated

from fastapi import Depends, Query, Request, Response

from core.paging import DEFAULT_LIMIT, MAX_CURSOR_CHARACTERS, MAX_LIMIT, Page

LINKED = {
    "headers": {
        "Link": {
            "description": 'The next page, as `<address>; rel="next"`; absent on the last one (RFC 8288).',
            "schema": {"type": "string"},
        }
    }
}
"""What OpenAPI says of an answer that is a page: `responses={200: paging.LINKED}`."""


def _page(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="The most entries of one page.")] = (
        DEFAULT_LIMIT
    ),
    cursor: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=MAX_CURSOR_CHARACTERS,
            description="Where the page begins, as the `Link` of the one before says; the first if left out.",
        ),
    ] = None,
) -> Page:
    return Page(limit, cursor)


Paging = Annotated[Page, Depends(_page)]
"""Which part of a list a request asks for."""


def link(request: Request, response: Response, next_cursor: str | None) -> None:
    """Tell the client where the next page is, with the same filters; nothing after the last one."""
    if next_cursor is not None:
        following = request.url.include_query_params(cursor=next_cursor)
        # Relative: whatever name a proxy gave this server, the client goes on where it is.
        response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
