"""The leaderboard of a phase and its history, for programs."""

from fastapi import Request, Response

from api import etags, paging, problems
from api.dependencies import CurrentViewer, NamedPhase, ReadingSession
from api.etags import IfNoneMatch
from api.leaderboard_schemas import HistoryAnswer, LeaderboardAnswer, notice
from api.routing import Router
from core import board_table, rank_history
from core.errors import BoardHiddenError, InvalidCursorError, NotFoundError
from core.leaderboard import leaderboard
from core.lifecycle import BoardVisibility

router = Router(prefix="/competitions/{competition}/phases/{phase}", tags=["leaderboard"])

_CSV: dict[int | str, dict[str, object]] = {
    200: {"content": {"text/csv": {}}, "description": "A line a row, the baselines last"}
}


@router.get(
    "/leaderboard",
    summary="Show the leaderboard",
    response_model=LeaderboardAnswer,
    responses={
        200: paging.LINKED,
        **etags.NOT_MODIFIED,
        **problems.document(NotFoundError, InvalidCursorError),
    },
)
def show_leaderboard(
    request: Request,
    phase: NamedPhase,
    viewer: CurrentViewer,
    page: paging.Paging,
    session: ReadingSession,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Return a page of the ranking as the asker may see it, and the baselines of the phase."""
    found = leaderboard(session, phase, viewer=viewer, page=page)
    response = etags.answer(
        LeaderboardAnswer.of(phase, found).model_dump_json().encode(),
        media_type="application/json",
        if_none_match=if_none_match,
        headers=etags.headers_for(viewer),
    )
    paging.link(request, response, found.next_cursor)
    return response


@router.get(
    "/leaderboard.csv",
    summary="Download the leaderboard as CSV",
    response_class=Response,
    responses={**_CSV, **etags.NOT_MODIFIED, **problems.document(NotFoundError, BoardHiddenError)},
)
def download_leaderboard(
    phase: NamedPhase, viewer: CurrentViewer, session: ReadingSession, if_none_match: IfNoneMatch = None
) -> Response:
    """Return the whole ranking, as far as the asker may see it, and below it the baselines."""
    found = leaderboard(session, phase, viewer=viewer)
    if found.visibility is BoardVisibility.HIDDEN:
        raise BoardHiddenError(notice(phase, found.visibility))
    name = f"{phase.competition.slug}-{phase.slug}-leaderboard.csv"
    return etags.answer(
        board_table.to_csv(found.rows, found.baselines),
        media_type="text/csv",
        if_none_match=if_none_match,
        headers=etags.headers_for(viewer) | {"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get(
    "/leaderboard/history",
    summary="Follow the ranks over time",
    response_model=HistoryAnswer,
    responses={
        200: paging.LINKED,
        **etags.NOT_MODIFIED,
        **problems.document(NotFoundError, InvalidCursorError),
    },
)
def show_history(
    request: Request,
    phase: NamedPhase,
    viewer: CurrentViewer,
    page: paging.Paging,
    session: ReadingSession,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Return who took which rank when, from the scores that count now; only changes, the first first."""
    found = rank_history.history(session, phase, viewer=viewer, page=page)
    response = etags.answer(
        HistoryAnswer.of(phase, found).model_dump_json().encode(),
        media_type="application/json",
        if_none_match=if_none_match,
        headers=etags.headers_for(viewer),
    )
    paging.link(request, response, found.next_cursor)
    return response
