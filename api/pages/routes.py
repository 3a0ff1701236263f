"""The addresses of the pages."""

from fastapi import APIRouter, Request, Response, status
from starlette.responses import HTMLResponse

from api.authorization import CurrentAccess
from api.dependencies import NamedPhase, ReadingSession
from api.pages.board import read_board
from api.pages.rendering import render
from api.worker_schemas import UnservedAnswer, WorkerAnswer
from core import competitions, nodes

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


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
def show_leaderboard_page(request: Request, phase: NamedPhase, session: ReadingSession) -> Response:
    """Show the leaderboard of a phase; the page keeps itself up to date."""
    return render(request, "leaderboard.html", phase=phase, board=read_board(session, phase))


@router.get("/competitions/{competition}/phases/{phase}/leaderboard/board")
def show_board(request: Request, phase: NamedPhase, session: ReadingSession, version: str = "") -> Response:
    """Answer the page's poll: the board, or nothing when it shows this version already."""
    board = read_board(session, phase)
    if board.version == version:
        return Response(status_code=status.HTTP_204_NO_CONTENT)
    return render(request, "board.html", phase=phase, board=board)
