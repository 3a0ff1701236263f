"""The addresses of the pages."""

from fastapi import Request, Response, status
from starlette.responses import HTMLResponse

from api import etags
from api.authorization import CurrentAccess
from api.dependencies import CurrentViewer, NamedPhase, ReadingSession
from api.pages.board import read_board
from api.pages.rendering import render
from api.paging import Paging
from api.routing import Router
from api.worker_schemas import UnservedAnswer, WorkerAnswer
from core import competitions, nodes

router = Router(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/")
def show_home(request: Request, session: ReadingSession, access: CurrentAccess) -> Response:
    """Show all competitions and their phases."""
    viewer = None if access.principal is None else access.principal.user
    found = competitions.list_competitions(session, viewer)
    return render(request, "home.html", competitions=found)


@router.get("/organizers/workers")
def show_workers(request: Request, session: ReadingSession) -> Response:
    """Show admins which worker hosts there are, why one takes no work, and what no one takes."""
    workers = [WorkerAnswer.of(node) for node in nodes.list_nodes(session)]
    unserved = [UnservedAnswer.of(waiting) for waiting in nodes.list_unserved(session)]
    headers = {"Cache-Control": "no-store"}
    return render(request, "workers.html", workers=workers, unserved=unserved, headers=headers)


@router.get("/competitions/{competition}/phases/{phase}/leaderboard")
def show_leaderboard_page(
    request: Request, phase: NamedPhase, viewer: CurrentViewer, page: Paging, session: ReadingSession
) -> Response:
    """Show a page of the leaderboard of a phase; it keeps itself up to date."""
    board = read_board(session, phase, viewer=viewer, page=page)
    headers = etags.headers_for(viewer)
    return render(request, "leaderboard.html", phase=phase, board=board, headers=headers)


@router.get("/competitions/{competition}/phases/{phase}/leaderboard/board")
def show_board(  # FastAPI passes them by name
    request: Request,
    phase: NamedPhase,
    viewer: CurrentViewer,
    page: Paging,
    session: ReadingSession,
    version: str = "",
) -> Response:
    """Answer the page's poll: the board, or nothing when it shows this version already."""
    board = read_board(session, phase, viewer=viewer, page=page)
    headers = etags.headers_for(viewer)
    if board.version == version:
        return Response(status_code=status.HTTP_204_NO_CONTENT, headers=headers)
    return render(request, "board.html", phase=phase, board=board, headers=headers)
