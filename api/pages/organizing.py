"""What the organizers' pages have in common: how one is shown, and where a form leads."""

from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response, status
from starlette.responses import RedirectResponse

from api.pages.rendering import render
from core.models import Competition
from core.paging import Listed

_DONE = {
    "building": "The missing reference models are being made.",
    "published": "The results are published.",
    "organizer": "They organize the competition from now on.",
    "approve": "They take part from now on.",
    "ban": "They are shut out.",
    "unban": "They take part again.",
    "rerun": "The submission runs again.",
    "cancel": "The submission is cancelled.",
    "disqualify": "The submission is disqualified.",
    "restore": "The submission ranks again.",
    "quota": "The team's quotas are changed.",
    "announced": "The announcement is made, and its mails are on their way.",
    "test": "A test is on its way.",
    "on": "The webhook is turned on.",
    "off": "The webhook is turned off.",
    "delete": "The webhook is deleted.",
    "redelivered": "The delivery is on its way again.",
}


def show(
    request: Request,
    template: str,
    competition: Competition,
    *,
    listed: Listed[Any] | None = None,
    **context: Any,
) -> Response:
    """Return an organizers' page; no cache keeps it."""
    following = None
    if listed is not None:
        context["rows"] = listed.rows
        if listed.next_cursor is not None:
            following = str(request.url.include_query_params(cursor=listed.next_cursor).query)
    return render(
        request,
        template,
        competition=competition,
        message=_DONE.get(request.query_params.get("done", "")),
        following=following,
        headers={"Cache-Control": "no-store"},
        **context,
    )


def back(competition: Competition, path: str, *, done: str = "", **query: str) -> Response:
    """Return to a page of the competition's organizers, which says what was done."""
    asked = urlencode({name: value for name, value in {**query, "done": done}.items() if value})
    address = f"/competitions/{competition.slug}/organize{path}"
    return RedirectResponse(f"{address}?{asked}" if asked else address, status.HTTP_303_SEE_OTHER)
