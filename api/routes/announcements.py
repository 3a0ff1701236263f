"""Announcements: made by organizers, read by whoever may see the competition."""

from fastapi import Request, Response, status

from api import paging, problems
from api.dependencies import CurrentUser, NamedCompetition, ReadingSession, WritingSession
from api.filters import LISTED
from api.organizing_schemas import AnnouncementAnswer, AnnouncementList, NewAnnouncement
from api.paging import Paging
from api.routing import Router
from core import announcements
from core.errors import NotAllowedError, NotAuthenticatedError, NotFoundError

router = Router(
    prefix="/competitions/{competition}/announcements",
    tags=["announcements"],
    responses=problems.document(NotFoundError),
)


@router.get(
    "",
    summary="List the announcements",
    responses=LISTED,
)
def list_announcements(
    competition: NamedCompetition,
    page: Paging,
    session: ReadingSession,
    request: Request,
    response: Response,
) -> AnnouncementList:
    """Return what organizers told everybody who takes part, newest first."""
    listed = announcements.list_announcements(session, competition.id, page)
    paging.link(request, response, listed.next_cursor)
    return AnnouncementList(announcements=[AnnouncementAnswer.of(one) for one in listed.rows])


@router.post(
    "",
    summary="Make an announcement",
    status_code=status.HTTP_201_CREATED,
    responses=problems.document(NotAuthenticatedError, NotAllowedError),
)
def make_announcement(
    competition: NamedCompetition, new: NewAnnouncement, user: CurrentUser, session: WritingSession
) -> AnnouncementAnswer:
    """Show an announcement on the competition's page, and mail it to everybody let in who has an address."""
    made = announcements.make(session, user, competition, subject=new.subject, body=new.body)
    return AnnouncementAnswer.of(made)
