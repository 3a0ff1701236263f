"""The organizers' page that changes a competition: a bundle is uploaded, its changes shown, then applied."""

import sys
from typing import Annotated

from fastapi import Form, Request, Response, status
from starlette.responses import HTMLResponse, RedirectResponse

from api.dependencies import CurrentUser, NamedCompetition, ReadingSession, SentBundle, WritingSession
from api.pages.rendering import render
from api.routing import Router
from core.bundle import applying, reading
from core.bundle.changes import Changes
from core.models import Competition
from core.storage import storage

router = Router(
    prefix="/competitions/{competition}/organize/bundle",
    include_in_schema=False,
    default_response_class=HTMLResponse,
)

_Sha256 = Annotated[str, Form(pattern="^[0-9a-f]{64}$")]


@router.get("")
def show_bundle_form(request: Request, competition: NamedCompetition) -> Response:
    """Show how to export a competition, and where to upload it changed."""
    return _page(request, competition)


@router.post("", max_body_size=sys.maxsize)  # its own cap is enforced while the body is read
def show_bundle_changes(
    request: Request, competition: NamedCompetition, sent: SentBundle, session: ReadingSession
) -> Response:
    """Show what an uploaded bundle would change, and change nothing."""
    changes = applying.preview(session, competition.slug, reading.take_in(sent))
    # Kept until the organizer has looked at the changes; the same bundle has the same name.
    return _page(request, competition, changes=changes, sent_sha256=storage().put(sent))


@router.post("/apply")
def apply_bundle(
    competition: NamedCompetition,
    user: CurrentUser,
    session: WritingSession,
    sent_sha256: _Sha256,
    digest: _Sha256,
) -> Response:
    """Make the changes that were shown."""
    wanted = reading.take_in(storage().get(sent_sha256))
    applying.apply(session, competition.id, wanted, digest=digest, actor=user)
    return RedirectResponse(f"/competitions/{competition.slug}", status.HTTP_303_SEE_OTHER)


def _page(
    request: Request,
    competition: Competition,
    *,
    changes: Changes | None = None,
    sent_sha256: str = "",
) -> Response:
    return render(
        request,
        "organize_bundle.html",
        headers={"Cache-Control": "no-store"},
        competition=competition,
        changes=changes,
        sent_sha256=sent_sha256,
        following=None,
    )
