"""The installation as a whole, for admins: its accounts, and the work of all competitions."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from api import paging, problems
from api.dependencies import CurrentUser, ReadingSession, WritingSession
from api.filters import LISTED, Letters
from api.organizing_schemas import PieceAnswer, Queue, UserAnswer, UserList
from api.paging import Paging
from api.routing import Router
from core import organizers, workload
from core.errors import (
    LastOrganizerError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
)

router = Router(tags=["administration"], responses=problems.document(NotAuthenticatedError, NotAllowedError))


@router.get("/users", summary="List the accounts", responses=LISTED)
def list_users(
    page: Paging,
    session: ReadingSession,
    request: Request,
    response: Response,
    *,
    name: Letters = "",
    admins: Annotated[bool, Query(description="Admins only.")] = False,
) -> UserList:
    """Return the accounts that are not deleted, newest first."""
    listed = organizers.list_users(session, page, name=name, admins_only=admins)
    paging.link(request, response, listed.next_cursor)
    return UserList(users=[UserAnswer.model_validate(user) for user in listed.rows])


@router.put(
    "/users/{user_id}/admin", summary="Make somebody an admin", responses=problems.document(NotFoundError)
)
def make_admin(user_id: UUID, user: CurrentUser, session: WritingSession) -> UserAnswer:
    """Make somebody an admin; who is one stays one."""
    return UserAnswer.model_validate(organizers.set_admin(session, user, user_id, is_admin=True))


@router.delete(
    "/users/{user_id}/admin",
    summary="Unmake an admin",
    responses=problems.document(NotFoundError, LastOrganizerError),
)
def unmake_admin(user_id: UUID, user: CurrentUser, session: WritingSession) -> UserAnswer:
    """Let an admin be one no longer; the last one stays."""
    return UserAnswer.model_validate(organizers.set_admin(session, user, user_id, is_admin=False))


@router.get("/queue", summary="Show the work under way everywhere", responses=LISTED)
def show_whole_queue(page: Paging, session: ReadingSession, request: Request, response: Response) -> Queue:
    """Return what runs where and since when in all competitions, what waits for how long, and why."""
    listed = workload.list_pieces(session, None, page)
    paging.link(request, response, listed.next_cursor)
    return Queue(pieces=[PieceAnswer.of(piece) for piece in listed.rows])
