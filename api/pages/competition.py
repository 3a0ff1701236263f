"""The page of a competition, and joining it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Form, Request, Response, status
from sqlalchemy.orm import Session
from starlette.responses import HTMLResponse, RedirectResponse

from api.authorization import Access, CurrentAccess
from api.dependencies import CurrentUser, NamedCompetition, ReadingSession, WritingSession
from api.pages.markdown import to_html
from api.pages.rendering import render
from api.routing import Router
from core import access as who
from core import announcements, teams
from core.lifecycle import PhaseState
from core.models import Competition, Participant, Phase, utc_now
from core.paging import Page

router = Router(
    prefix="/competitions/{competition}", include_in_schema=False, default_response_class=HTMLResponse
)

_SHOWN_ANNOUNCEMENTS = 10


@dataclass(frozen=True)
class Standing:
    """Where a phase stands now, in a word and in words."""

    word: str
    words: str

    @classmethod
    def of(cls, phase: Phase) -> "Standing":
        """Say where a phase stands by the server's clock."""
        now = utc_now()
        if now < phase.opens_at:
            return cls("upcoming", "not open yet")
        if phase.closes_at is not None and now >= phase.closes_at:
            return cls("closed", "closed")
        if phase.state is PhaseState.PREPARING:
            return cls("preparing", "being prepared")
        if phase.state is PhaseState.BROKEN:
            return cls("broken", "could not be prepared")
        return cls("open", "open")


@router.get("")
def show_competition_page(
    request: Request, competition: NamedCompetition, access: CurrentAccess, session: ReadingSession
) -> Response:
    """Show what a competition is about, when its phases are, and how to take part."""
    return _page(request, competition, access, session)


@router.post("/join")
def join(
    competition: NamedCompetition,
    user: CurrentUser,
    session: WritingSession,
    *,
    accepted: Annotated[bool, Form()] = False,
) -> Response:
    """Take part; who does so already stays as they are."""
    teams.join(session, session.get_one(Competition, competition.id), user, accepts_terms=accepted)
    return RedirectResponse(f"/competitions/{competition.slug}", status.HTTP_303_SEE_OTHER)


def _page(request: Request, competition: Competition, access: Access, session: Session) -> Response:
    part: Participant | None = None
    if access.principal is not None:
        part = who.find_participant(session, access.principal.user.id, competition.id)
    told = announcements.list_announcements(session, competition.id, Page(_SHOWN_ANNOUNCEMENTS, None))
    return render(
        request,
        "competition.html",
        competition=competition,
        standings={phase.slug: Standing.of(phase) for phase in competition.phases},
        pages=[(page["title"], to_html(page["content"])) for page in competition.pages],
        terms=to_html(competition.terms) if competition.terms else None,
        announcements=[(one.subject, to_html(one.body), one.created_at) for one in told.rows],
        part=part,
        is_organizer=access.is_organizer,
        headers={"Cache-Control": "no-store"} if access.principal else None,
    )
